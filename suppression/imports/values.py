"""What the cells of other people's files mean: reasons and dates, in the words and forms that are known."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, tzinfo
from email.utils import parsedate_to_datetime

from suppression.models import Reason

_NOT_LETTERS = re.compile(r"[\W_]+")

# As `plain` writes them. Ours; SendGrid, Mailgun, Postmark (HardBounce, SpamComplaint, ManualSuppression), SES (BOUNCE,
# COMPLAINT), SparkPost, Brevo, Klaviyo. Soft bounces are in none: such an address is not dead.
_WORDS = {
    Reason.HARD_BOUNCE: "hardbounce hardbounced bounce bounced bounces hard permanent permanentbounce bouncepermanent "
    "cleaned",
    Reason.SPAM: "spam spamcomplaint spamcomplaints complaint complaints complained abuse abusecomplaint spamreport "
    "spamreports reportedasspam feedbackloop fbl",
    Reason.UNSUBSCRIBED: "unsubscribed unsubscribe unsubscribes unsub optout optedout listunsubscribe linkunsubscribe "
    "globalunsubscribe",
    Reason.MANUAL: "manual manually addedbyhand manualsuppression manuallyadded admin usersuppressed blocklist "
    "blocklisted blacklist blacklisted customer",
    Reason.INVALID: "invalid invalidemail invalidemails invalidaddress",
}
REASONS = {word: reason for reason, words in _WORDS.items() for word in words.split()}

_SLASHES = re.compile(
    r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)? ?([AaPp][Mm])?)?"
)
# Seconds or milliseconds, since 2001: fewer digits are no time.
_EPOCH = re.compile(r"(\d{10})(?:\.\d+)?|(\d{13})")
# What Django's own pages and databases write behind a time.
_ZONE = re.compile(r" ?(UTC|GMT|Z)$")


def plain(text: str) -> str:
    """A word by its letters and digits alone, in lower case: names of columns and reasons are compared so."""
    return _NOT_LETTERS.sub("", text).lower()


def reason(text: str) -> Reason | None:
    """The reason somebody means by this word, None where none is known for it."""
    return REASONS.get(plain(text))


def when(text: str, zone: tzinfo, *, is_day_first: bool, at_end: bool = False) -> datetime | None:
    """This time, None where it is none. Without an offset it is one of `zone`; a day alone is its beginning, or with
    `at_end` the moment at which it is over."""
    text = text.strip()
    if epoch := _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(int(epoch[1] or int(epoch[2]) / 1000), UTC)
    try:
        found = _slashed(text, is_day_first=is_day_first) or _iso(text) or _mail(text)
    except (ValueError, OverflowError):
        return None
    if isinstance(found, datetime):
        # Years at the ends of what there is cannot be converted.
        aware = found if found.tzinfo else found.replace(tzinfo=zone)
        return aware if 1970 <= aware.year < 9999 else None
    if found is None or not 1970 <= found.year < 9999:
        return None
    return datetime.combine(found, time.max if at_end else time.min, zone)


def _iso(text: str) -> date | datetime | None:
    zoned = _ZONE.sub("+00:00", text)
    try:
        return date.fromisoformat(text) if len(text) == len("2026-03-10") else datetime.fromisoformat(zoned)
    except ValueError:
        return None


def _slashed(text: str, *, is_day_first: bool) -> date | datetime | None:
    """31/12/2026 or 12/31/2026, with or without a time; with dots or dashes the day is first everywhere."""
    parts = _SLASHES.fullmatch(text)
    if not parts:
        return None
    first, second, year = int(parts[1]), int(parts[3]), int(parts[4])
    day, month = (first, second) if is_day_first or parts[2] != "/" else (second, first)
    if not parts[5]:
        return date(year, month, day)
    hour = int(parts[5])
    if parts[8]:
        hour = hour % 12 + (12 if parts[8].lower() == "pm" else 0)
    return datetime(year, month, day, hour, int(parts[6]), int(parts[7] or 0))  # noqa: DTZ001  # made aware by `when`


def _mail(text: str) -> datetime | None:
    """Fri, 21 Oct 2011 11:02:55 GMT, as in mail."""
    return parsedate_to_datetime(text)


def day_comes_first(texts: list[str]) -> bool | None:
    """How dates with slashes are written, as far as these show it; None where they do not."""
    for text in texts:
        parts = _SLASHES.fullmatch(text.strip())
        if parts and parts[2] == "/" and (int(parts[1]) > 12 or int(parts[3]) > 12):
            return int(parts[1]) > 12
    return None
