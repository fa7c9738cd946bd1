r"""A list of many entries: who of 1,000 may be mailed, searching it, taking it away, and importing a million lines.

Questions are each asked once before they are measured. Searching is measured twice: what `suppression.listing` takes,
and the whole page over HTTP. The import is that of the product's own worker, from the order until it is done; the file
has 1,000,000 lines, of which one in ten is on the list already. Afterwards what it brought is taken away again.
"""

from __future__ import annotations

import random
import signal
import time
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bench import kept, servers
from bench.report import Case, Result, quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from accounts.access import Access
    from suppression.lists import List

ENTRIES, LEAST_KEPT = 10_000_000, 1_000_000
RECIPIENTS, ROUNDS = 1_000, 100
QUESTIONS = 30
LINES = 1_000_000
# In the list of the largest account; the n-th of it is `entries.address(n)`.
SHARE = 0.8
CHECKS = {"none is on the list": 0, "one in ten is": 10, "half are": 50, "all are": 100}


def measure(entries: int, parent: Path | None = None, parts: Sequence[str] = ()) -> Result:
    """The database is taken from where it was kept, or made and, where it is large, kept. With parts only these."""
    home = (parent or servers.BASE_DIR / "var").absolute() / f"bench-suppress-{entries}"
    is_kept = entries >= LEAST_KEPT or (home / kept.WHOLE).exists()
    with nullcontext(home) if is_kept else servers.new_home(parent) as folder:
        folder.mkdir(parents=True, exist_ok=True)
        with servers.database(folder):
            from bench import entries as large

            if not (folder / kept.WHOLE).exists():
                large.seed(entries)
                (folder / kept.WHOLE).write_text(f"{entries}\n")
            return run(entries, parts)


def run(entries: int, parts: Sequence[str] = ()) -> Result:
    from django.core.management import call_command

    from accounts.models import Account
    from bench import someone
    from suppression.lists import List

    call_command("collectstatic", interactive=False, verbosity=0)
    account = Account.objects.get(slug="bench")
    access, cookie = someone.looks_at(account)
    user = access.membership.user
    at, size = List(user, access), int(entries * SHARE)
    ways: dict[str, Callable[[], list[Case]]] = {
        "check": lambda: checking(account.id, size),
        "search": lambda: searching(at, cookie, size),
        "export": lambda: exporting(at, access, cookie),
        "import": lambda: importing(at, size),
    }
    if unknown := [part for part in parts if part not in ways]:
        raise SystemExit(f"There is no part {unknown[0]!r}. Parts are: {' '.join(ways)}.")
    cases = [case for name, way in ways.items() if not parts or name in parts for case in way()]
    worst = max(cases, key=lambda case: case.p95_ms or 0)
    told = next((case.ratio for case in cases if case.ratio), 0.0)
    return Result("suppress", entries, told, p50_ms=worst.p50_ms, p95_ms=worst.p95_ms, p99_ms=worst.p99_ms, cases=cases)


# ---- Checking ----------------------------------------------------------------------------------------------


def checking(account_id: int, size: int) -> list[Case]:
    """Who of 1,000 recipients must not be mailed, as it is asked when a message is accepted."""
    from bench import entries, people
    from suppression.checking import stopped

    chance, cases = random.Random(7), []
    for name, hits in CHECKS.items():
        asked = [
            [
                entries.address(chance.randrange(size))
                if chance.randrange(100) < hits
                else people.recipient(size * 2 + chance.randrange(size * 4))
                for _n in range(RECIPIENTS)
            ]
            for _round in range(ROUNDS)
        ]
        took = []
        for addresses in asked:
            stopped(account_id, addresses)
            took.append(_ms(lambda addresses=addresses: stopped(account_id, addresses)))  # type: ignore[misc]
        cases.append(
            _case(f"check of {RECIPIENTS:,}, {name}", took, per_second=RECIPIENTS / quantile(took, 0.5) * 1000)
        )
    return cases


# ---- Searching ---------------------------------------------------------------------------------------------


def questions(size: int) -> dict[str, Iterator[dict[str, str]]]:
    """What people look for, as the page's address says it, so many of each kind."""
    from django.utils import timezone

    from bench import entries, people

    chance = random.Random(11)
    days = [timezone.now().date() - timedelta(days=1 + chance.randrange(720)) for _n in range(QUESTIONS)]
    known = [entries.address(chance.randrange(size)) for _n in range(QUESTIONS)]
    reasons = ("hard_bounce", "spam", "unsubscribed", "manual", "invalid")
    of_any = [reasons[n % len(reasons)] for n in range(QUESTIONS)]
    companies = [f"@company{chance.randrange(people.TAIL)}.example" for _n in range(QUESTIONS)]
    common = ("gmail", "anna", "company", "yahoo.com", "nandes", "maria.")
    one_day = [{"since": day.isoformat(), "until": day.isoformat()} for day in days]
    return {
        "newest": ({} for _n in range(QUESTIONS)),
        "an address": ({"q": text} for text in known),
        "an address that is not on it": ({"q": f"nobody.{text}"} for text in known),
        "a rare part": ({"q": text.partition("@")[0], "how": "part"} for text in known),
        "a common part": ({"q": common[n % len(common)], "how": "part"} for n in range(QUESTIONS)),
        "a part of nothing": ({"q": f"zqx{n}vvk", "how": "part"} for n in range(QUESTIONS)),
        "a part of two letters": ({"q": chr(97 + n % 26) + "q", "how": "part"} for n in range(QUESTIONS)),
        "a large domain": ({"q": f"@{people.SHARES[n % 4][1]}"} for n in range(QUESTIONS)),
        "a small domain": ({"q": text} for text in companies),
        "a reason": ({"reason": reason} for reason in of_any),
        "a day": iter(one_day),
        "by whom": ({"by": ("event", "person", "import", "key")[n % 4]} for n in range(QUESTIONS)),
        "a reason on a day": ({"reason": of_any[n]} | one_day[n] for n in range(QUESTIONS)),
        "a part with a reason": ({"q": common[n % 6], "how": "part", "reason": of_any[n]} for n in range(QUESTIONS)),
        "a small domain by people": ({"q": text, "by": "person"} for text in companies),
        "a rare part by the API": ({"q": text.partition("@")[0], "how": "part", "by": "key"} for text in known),
        "domains only": ({"covers": "domain"} for _n in range(QUESTIONS)),
        "invalid, before a day": ({"reason": "invalid", "until": day.isoformat()} for day in days),
    }


def searching(at: List, cookie: str, size: int) -> list[Case]:
    """Each kind of question: the first page; and pages further down, without a filter and with one."""
    import http.client

    from django.utils import timezone

    from suppression import listing
    from suppression.listing import Place
    from suppression.sought import Sought

    cases = []
    with servers.web() as (_pid, port):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

        def ask(name: str, params: dict[str, str], before: Place | None = None) -> tuple[float, float]:
            sought = Sought.read(params)
            listing.page(at, sought, before=before)
            found = _ms(lambda: listing.page(at, sought, before=before))
            address = at.url("suppressions") + "?" + urlencode(params | ({"before": str(before)} if before else {}))
            return found, _ms(lambda: _fetch(client, address, cookie))

        for name, asked in questions(size).items():
            both = [ask(name, params) for params in asked]
            cases.append(_searched(f"search: {name}", both))
        chance = random.Random(13)
        for name, params in (
            ("", {}),
            (", one reason", {"reason": "spam"}),
            (", a common part", {"q": "anna", "how": "part"}),
        ):
            places = [
                Place(timezone.now() - timedelta(days=730 * (0.01 + 0.98 * chance.random())), 0)
                for _n in range(QUESTIONS)
            ]
            cases.append(_searched(f"search: far down{name}", [ask(name, params, place) for place in places]))
        client.close()
    return cases


def _searched(name: str, both: list[tuple[float, float]]) -> Case:
    case = _case(name, [sql for sql, _page in both], http_p95_ms=quantile([page for _sql, page in both], 0.95))
    print(f"  {name}: {case.p95_ms:.1f} ms, as a page {case.http_p95_ms:.1f} ms", flush=True)
    return case


def _fetch(client: Any, address: str, cookie: str) -> None:
    client.request("GET", address, headers={"Host": "localhost", "Cookie": cookie})
    answer = client.getresponse()
    answer.read()
    if answer.status != 200:
        raise SystemExit(f"The page {address} was refused: {answer.status}")


# ---- Taking it away ----------------------------------------------------------------------------------------


def exporting(at: List, access: Access, cookie: str) -> list[Case]:
    r"""The whole list as the download of its page, beside psql's \copy of the same statement."""
    from django.db import connection

    from bench import export as beside
    from suppression import export
    from suppression.sought import Sought

    rows = at.entries.count()
    connection.ensure_connection()
    text = export.file(at, Sought()).statement.as_string(connection.connection)
    copy = "\\" + " ".join(text.split()).replace(" to stdout with (", " to '/dev/null' with (")
    path = at.url("suppression-export")
    beside.by_psql(copy)
    theirs, ours = [], []
    with servers.web() as (pid, port), beside.memory(pid) as peak:
        beside.download(port, path, cookie, rows, "csv")
        for _round in range(3 if rows < beside.MANY_ROWS else 1):
            theirs.append(beside.rate(rows, 1, lambda: beside.by_psql(copy)))
            ours.append(beside.rate(rows, 1, lambda: beside.download(port, path, cookie, rows, "csv")))
    psql, speed = quantile(theirs, 0.5), quantile(ours, 0.5)
    return [Case(r"export: psql \copy", psql), Case("export", speed, peak_mb=max(peak), ratio=speed / psql)]


# ---- Importing ---------------------------------------------------------------------------------------------


def importing(at: List, size: int) -> list[Case]:
    """A file by a worker of ours; its speed and the worker's memory."""
    from django.conf import settings
    from django.utils import timezone

    from bench import export as beside
    from settings import presence, processes
    from settings.runner import commands
    from suppression.imports import orders
    from suppression.imports.models import State
    from suppression.imports.receiving import Receiver

    receiver = Receiver("million.csv")
    for piece in lines(size):
        receiver.take(piece)
    job = orders.place(at, receiver.finish(), timezone.now())
    work = commands.worker("maintenance", 1)
    with (settings.LIVEFEEDS_HOME / "worker.log").open("wb") as file:
        process = processes.start(work, output=file.fileno())
    try:
        while not presence.seen()["worker"]:
            time.sleep(0.1)
        with beside.memory(process.pid) as peak:
            begin = time.monotonic()
            orders.begin(at, job)
            job.refresh_from_db()
            while job.is_under_way:
                time.sleep(0.5)
                # The scheduler does so in an installation.
                orders.nudge()
                job.refresh_from_db()
            took = time.monotonic() - begin
        if job.state != State.DONE or job.taken != LINES:
            raise SystemExit(f"The import took {job.taken:,} lines of {LINES:,}. {job.error}")
    finally:
        processes.signal_group(process, signal.SIGKILL)
        process.wait()
        _take_away(at, job.pk)
    print(f"  import: {took:.1f} seconds, {max(peak):.0f} MB", flush=True)
    return [Case(f"import of {LINES:,} lines", LINES / took, peak_mb=max(peak))]


def lines(size: int) -> Iterator[bytes]:
    """A CSV file of three columns, in pieces."""
    from bench import entries, people

    yield b"email,reason,note\n"
    for first in range(0, LINES, 10_000):
        rows = range(first, min(first + 10_000, LINES))
        yield "".join(
            f"{entries.address(n * 7 % size) if n % 10 == 0 else people.recipient(size * 2 + n)},"
            f"{('hard bounce', 'unsubscribed', 'manual')[n % 3]},list {n // 1000}\n"
            for n in rows
        ).encode()


def _take_away(at: List, job: int) -> None:
    """What the import brought, quickly and without a trace; the next measurement finds the list as this one did."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute(
            "create temp table brought on commit drop as select id, suppression_id from suppression_cause"
            " where account_id = %s and import_id = %s and origin = 4 and ident = 'i' || %s", [at.account_id, job, job],
        )  # fmt: skip
        cursor.execute("delete from suppression_cause c using brought b where c.id = b.id")
        cursor.execute(
            "delete from suppression_suppression s using brought b where s.id = b.suppression_id"
            " and not exists (select from suppression_cause c where c.suppression_id = s.id)"
        )
        cursor.execute(
            "delete from suppression_tally where account_id = %s and hour > now() - interval '2 hours'", [at.account_id]
        )
    with connection.cursor() as cursor:
        cursor.execute("vacuum (analyze) suppression_suppression, suppression_cause, suppression_tally")


def _ms(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1000


def _case(name: str, took: list[float], **more: float | None) -> Case:
    return Case(name, p50_ms=quantile(took, 0.5), p95_ms=quantile(took, 0.95), p99_ms=quantile(took, 0.99), **more)
