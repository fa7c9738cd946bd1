"""What may stand behind each key of the query language, brought into the one form a filter keeps it in."""

from __future__ import annotations

import re
from datetime import date, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from feeds.keys import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from feeds.lexer import Word

MOST_STARS = 10
_ENCLOSED = re.compile(r"<([^<>\s]+@[^<>\s]+)>")
_WHOLE = re.compile(r"[^\s*]+@[^\s@*]+")
_CODE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}(\.\*)?")
_BASIC_CODE = re.compile(r"[2-5][0-9][0-9]")
_COUNT = re.compile(r"(>=|<=|>|<|=)?([0-9]{1,9})")
_AGE = re.compile(r"([0-9]{1,5})([mhdw])", re.IGNORECASE)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?", re.IGNORECASE
)


def is_whole(text: str) -> bool:
    """Whether this is a whole address, and so meant exactly. Without a dot in its domain it is a part of one."""
    return bool(_WHOLE.fullmatch(text)) and "." in text.rpartition("@")[2].strip(".")


def address(word: Word) -> str:
    """An address, a part of one or a pattern, in lower case; freed of what is pasted along with one: `<a@b.com>`,
    `mailto:a@b.com?subject=x`, `a@b.com,`."""
    text = word.text.strip().lower()
    while (bare := _unwrapped(text).strip()) != text:
        text = bare
    text = re.sub(r"\*{2,}", "*", text)
    if text.count("*") > MOST_STARS:
        raise word.unclear(_("A pattern can have %(n)d stars at the most.") % {"n": MOST_STARS})
    return text


def _unwrapped(text: str) -> str:
    if text.startswith("mailto:"):
        return text.removeprefix("mailto:").partition("?")[0]
    trimmed = text.rstrip(",;")
    enclosed = _ENCLOSED.fullmatch(trimmed)
    if enclosed:
        return enclosed[1]
    return trimmed if is_whole(trimmed) else text


def some_address(word: Word) -> str:
    """What stands without a key: an address, of which something must be given."""
    text = address(word)
    if not text:
        raise word.unclear(_("Nothing stands here to search for. Write a part of an address."))
    return text


def domain(word: Word) -> str:
    """The name of a domain, in lower case."""
    text = word.text.strip().lower().removeprefix("@").strip()
    if "*" in text:
        pattern = text if "@" in text else f"*@{text}"
        raise word.unclear(
            _("“domain:” takes one whole domain. For a pattern write to:%(pattern)s.") % {"pattern": pattern[:80]}
        )
    if "@" in text:
        raise word.unclear(
            _("“%(text)s” is no domain. Write domain:%(domain)s, or to:%(text)s.")
            % {"text": text[:80], "domain": text.rpartition("@")[2][:80] or "example.com"}
        )
    return text


def verbatim(word: Word) -> str:
    """Any text, as it stands; an empty one asks for emails without."""
    return word.text


def some_text(word: Word) -> str:
    """Any text but an empty one."""
    if not word.text.strip():
        raise word.unclear(_("Nothing stands between these quotes. Write what to search for."))
    return word.text


def identity(word: Word) -> str:
    """An id, freed of the angle brackets of a Message-ID."""
    text = re.sub(r"^[<\s]+|[>\s]+$", "", word.text)
    if not text:
        raise word.unclear(_("An id is expected here: ours, the provider's, or the Message-ID."))
    return text


def code(word: Word) -> str:
    """An enhanced status code (RFC 3463), or the beginning of one and a star for the rest."""
    text = word.text.strip()
    if _BASIC_CODE.fullmatch(text):
        raise word.unclear(
            _("“%(text)s” is a code of three digits, and those stand in the comment. Write comment:%(text)s.")
            % {"text": text}
        )
    if text and not _CODE.fullmatch(text):
        raise word.unclear(
            _("“%(text)s” is no status code. Write it as 5.1.1, or as 5.1.* for all that begin so.")
            % {"text": text[:40]}
        )
    return f"{text}.*" if text and text.count(".") < 2 and not text.endswith("*") else text


def count(word: Word) -> str:
    """A number, or a comparison with one."""
    found = _COUNT.fullmatch(word.text.replace(" ", ""))
    if not found:
        raise word.unclear(
            _("“%(text)s” is no number of times. Write it as 0, 3, >0 or <=5.") % {"text": word.text[:40]}
        )
    sign = found[1] or ""
    return f"{'' if sign == '=' else sign}{int(found[2])}"


def age(word: Word) -> str:
    """A length of time before now."""
    found = _AGE.fullmatch(word.text.strip())
    if not found:
        raise word.unclear(
            _("“%(text)s” is no length of time. Write it as 30m, 12h, 2d or 1w: minutes, hours, days or weeks.")
            % {"text": word.text[:40]}
        )
    return f"{int(found[1])}{found[2].lower()}"


def moment(word: Word) -> str:
    """A day or a time of a day, in ISO 8601; without an offset it is meant in the account's zone."""
    text = word.text.strip()
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text).isoformat()
        if _TIME.fullmatch(text):
            at = datetime.fromisoformat(text.upper())
            return at.isoformat(timespec="seconds" if at.second else "minutes")
    except (ValueError, OverflowError):
        pass  # February 30th
    raise word.unclear(
        _("“%(text)s” is neither a day nor a time. Write it as 2026-03-31, or as 2026-03-31T14:00.")
        % {"text": text[:40]}
    )


def is_day(text: str) -> bool:
    """Whether this is written as a day, be there such a day or not."""
    return bool(_DAY.fullmatch(text))


def day(text: str) -> date | None:
    """The day a date control holds, None where it is empty. Raises ValueError."""
    if text and not is_day(text):
        raise ValueError(text)
    return date.fromisoformat(text) if text else None


def one_of(key: str) -> Callable[[Word], str]:
    """A reader of the words a key knows."""

    def read(word: Word) -> str:
        text, known = word.text.strip().lower(), BY_NAME[key].words
        if text in known:
            return text
        said = {
            "status": (_("“%(text)s” is no status."), _("Statuses are: %(known)s.")),
            "event": (_("“%(text)s” is no kind of event."), _("Kinds are: %(known)s.")),
            "is": (_("“%(text)s” cannot stand behind “is:”."), _("These can: %(known)s.")),
        }
        close = get_close_matches(text[:40], known, 1)
        guess = [_("Did you mean “%(close)s”?")] if close else []
        sentence = " ".join([said[key][0], *guess, said[key][1]])
        sentence %= {"text": word.text[:40], "known": ", ".join(known), "close": "".join(close)}
        raise word.unclear(sentence)

    return read


READERS: dict[str, Callable[[Word], str]] = {
    "": some_address, "to": address, "from": address, "domain": domain, "subject": verbatim, "comment": verbatim,
    "tag": verbatim, "arg": verbatim, "id": identity, "code": code, "reason": some_text, "source": some_text,
    "status": one_of("status"), "event": one_of("event"), "is": one_of("is"), "opens": count, "clicks": count,
    "since": age, "after": moment, "before": moment,
}  # fmt: skip
