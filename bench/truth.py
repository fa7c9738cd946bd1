"""`python -m bench truth [--bounces DIR] [--replies FILE]`: how often answers and returned mail are read rightly.

DIR holds mails (*.eml) and `expected.tsv`: file, recipient, alias (as good), verdict (hard, soft, delivered, complaint,
autoreply); a file that is not named there reports nothing. FILE is a TSV of reply and class (hard, soft, throttle,
block, delivered), and may have a column confidence, of which "high" counts. Without them the project's own are read.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

from flufl.bounce import scan_message

from delivery.bounces import read
from delivery.reports import SUCCESSES, Kind, bare
from feeds import codes
from feeds.codes import Verdict
from feeds.replies import basic_code, classify, enhanced_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

OWN = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "returned"
CLASSES = ("hard", "soft", "throttle", "block", "delivered")


@dataclass(frozen=True, slots=True)
class Judged:
    """How one classifier did: shares of all rows, false suppressions of those that are not hard.

    `classes` is precision, recall and number of rows of each.
    """

    name: str
    rows: int
    right: float
    false_suppressions: float
    classes: dict[str, tuple[float, float, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """How one reader did. Found, wrong and verdicts are shares of the recipients that are to be found."""

    name: str
    recipients: int
    found: float
    wrong: float
    verdicts: float
    complaints: float
    automatic: float
    false_reports: int


@dataclass(slots=True)
class Mail:
    """What a reader says of a mail: its kind, and per recipient its other name and the verdict."""

    kind: str
    recipients: dict[str, tuple[str, str]]


def show(bounces: Path | None, replies: Path | None) -> int:
    """Print the tables, and as the last line the JSON. Gives 2 where there is nothing to read."""
    folder, file = bounces or OWN, replies or OWN / "replies.tsv"
    if not (folder / "expected.tsv").is_file() or not file.is_file():
        print("There is nothing to read: name a folder with *.eml and expected.tsv as --bounces, a TSV as --replies.")
        return 2
    judged, found = measure_replies(file), measure_bounces(folder)
    print(f"\nAnswers of servers, {judged[0].rows:,} of {file}")
    _table(
        ["", "right", "false suppressions"], [[j.name, _share(j.right), _share(j.false_suppressions)] for j in judged]
    )
    print()
    rows = [[name, f"{count}", _share(p), _share(r)] for name, (p, r, count) in judged[0].classes.items()]
    _table(["class", "rows", "precision", "recall"], rows)
    print(f"\nReturned mail, {found[0].recipients:,} recipients of {folder}")
    _table(
        ["", "found", "wrong", "verdicts", "complaints", "automatic", "false reports"],
        [[r.name, *map(_share, (r.found, r.wrong, r.verdicts, r.complaints, r.automatic)), str(r.false_reports)]
         for r in found],
    )  # fmt: skip
    print(json.dumps({"name": "truth", "replies": [asdict(j) for j in judged], "bounces": [asdict(r) for r in found]}))
    return 0


# ---- Answers ----------------------------------------------------------------------------------------------


def measure_replies(file: Path) -> list[Judged]:
    """Ours first, then what a simpler rule would do."""
    rows = [row for row in _rows(file) if row.get("confidence", "high") == "high" and row["class"] in CLASSES]
    rules: dict[str, Callable[[str], Verdict]] = {
        "words and codes": lambda reply: classify("", "", reply).verdict,
        "codes alone": by_codes,
        "first digit": by_digit,
    }
    return [_judged(name, rows, rule) for name, rule in rules.items()]


def by_digit(reply: str) -> Verdict:
    """What many programs do: 5 is for good, 4 for now."""
    digit = (basic_code(reply) or enhanced_code(reply))[:1]
    return {"2": Verdict.DELIVERED, "5": Verdict.HARD}.get(digit, Verdict.SOFT)


def by_codes(reply: str) -> Verdict:
    """The table of codes without any words: the enhanced code, else the basic one."""
    enhanced, basic = enhanced_code(reply), basic_code(reply)
    found = codes.ENHANCED.get(enhanced) or codes.ENHANCED.get(enhanced.partition(".")[2]) or codes.BASIC.get(basic)
    if found is None:
        return by_digit(reply)
    passing = "4" in (enhanced[:1], basic[:1])
    return Verdict.SOFT if passing and found.verdict is Verdict.HARD else found.verdict


def _judged(name: str, rows: Sequence[dict[str, str]], rule: Callable[[str], Verdict]) -> Judged:
    told = [(row["class"], rule(row["reply"]).name.lower()) for row in rows]
    wanted, given = Counter(want for want, _got in told), Counter(got for _want, got in told)
    right = Counter(want for want, got in told if want == got)
    classes = {
        one: (_of(right[one], given[one]), _of(right[one], wanted[one]), wanted[one]) for one in CLASSES if wanted[one]
    }
    false = sum(got == "hard" != want for want, got in told)
    return Judged(name, len(rows), _of(right.total(), len(rows)), _of(false, len(rows) - wanted["hard"]), classes)


# ---- Returned mail ----------------------------------------------------------------------------------------


def measure_bounces(folder: Path) -> list[Read]:
    """Ours first, then flufl.bounce alone."""
    expected: dict[str, list[dict[str, str]]] = {}
    for row in _rows(folder / "expected.tsv"):
        expected.setdefault(row["file"], []).append(row)
    files = sorted(path for path in folder.iterdir() if path.suffix == ".eml")
    readers: dict[str, Callable[[bytes], Mail]] = {"all readers": ours, "flufl.bounce": flufl}
    return [_read(name, files, expected, reader) for name, reader in readers.items()]


def ours(raw: bytes) -> Mail:
    """What this project reads."""
    report = read(raw)
    told = {
        one.address: (one.original, "delivered" if one.action in SUCCESSES else
                      "hard" if one.judgement.suppress and one.action == "failed" else "soft")
        for one in report.recipients
    }  # fmt: skip
    return Mail(report.kind, told)


def flufl(raw: bytes) -> Mail:
    """What flufl.bounce finds, all of it for good."""
    try:
        found = scan_message(message_from_bytes(raw))
    except Exception:  # noqa: BLE001  # as it is: it is measured, too
        found = frozenset()
    names = {bare(one.decode(errors="replace")) for one in found}
    return Mail(Kind.BOUNCE if names else Kind.UNKNOWN, {name: ("", "hard") for name in names if name})


def _read(
    name: str, files: Sequence[Path], expected: dict[str, list[dict[str, str]]], reader: Callable[[bytes], Mail]
) -> Read:
    count: Counter[str] = Counter()
    for file in files:
        _compare(reader(file.read_bytes()), expected.get(file.name, []), count)
    found, wrong, verdicts = (_of(count[one], count["recipients"]) for one in ("found", "wrong", "verdicts"))
    complaints, automatic = (_of(count[f"{one} right"], count[one], empty=1) for one in ("complaint", "autoreply"))
    return Read(name, count["recipients"], found, wrong, verdicts, complaints, automatic, count["false reports"])


def _compare(mail: Mail, wanted: Sequence[dict[str, str]], count: Counter[str]) -> None:
    """Count what this mail is read as, beside what it should be."""
    verdict = wanted[0]["verdict"] if wanted else ""
    if verdict in ("", "autoreply"):
        count[verdict] += 1
        count[f"{verdict} right"] += mail.kind == Kind.AUTO_REPLY
        count["false reports"] += mail.kind in (Kind.BOUNCE, Kind.DELAY, Kind.COMPLAINT)
        return
    if verdict == "complaint":
        count[verdict] += 1
        count[f"{verdict} right"] += mail.kind == Kind.COMPLAINT
        count["false reports"] += mail.kind in (Kind.BOUNCE, Kind.DELAY)
        return
    told = dict(mail.recipients)
    for address, (other, said) in mail.recipients.items():
        if other:
            told.setdefault(other, (address, said))
    names = {row[column].lower() for row in wanted for column in ("recipient", "alias") if row[column]}
    for row in wanted:
        found = told.get(row["recipient"].lower()) or told.get(row["alias"].lower())
        count["recipients"] += 1
        count["found"] += found is not None
        count["verdicts"] += found is not None and found[1] == row["verdict"]
    count["wrong"] += sum(names.isdisjoint((address, other)) for address, (other, _said) in mail.recipients.items())


# ---- Both -------------------------------------------------------------------------------------------------


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened, delimiter="\t"))


def _of(part: int, whole: int, *, empty: float = 0) -> float:
    return round(part / whole, 4) if whole else empty


def _share(value: float) -> str:
    return f"{value:.1%}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [head, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    for line in lines:
        rest = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        print("  ".join((line[0].ljust(widths[0]), *rest)).rstrip())
