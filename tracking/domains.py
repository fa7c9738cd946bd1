"""The domains an account sends from, and what DNS says of a tracking host: the app that sends tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from urllib.parse import urlsplit

from django.conf import settings

from tracking.models import TrackingSettings

MOST = 100

type Lister = Callable[[int], Sequence[str]]
type LookUp = Callable[[str, str], Sequence[str]]


class _Known:
    """What was registered as the apps were loaded."""

    lister: Lister | None = None
    look_up: LookUp | None = None


def register(lister: Lister, look_up: LookUp) -> None:
    """Let `lister` name the sender domains of an account (by id), and `look_up` ask DNS for a name's records of a kind.

    `look_up` raises LookupError or OSError, or what is neither a defect nor an answer, where nobody knows.
    """
    _Known.lister, _Known.look_up = lister, look_up


def of(account_id: int) -> list[str]:
    """The domains of an account, by name: those it sends from, and those it set something for."""
    sent = set(_Known.lister(account_id)) if _Known.lister else set()
    found = TrackingSettings.objects.filter(account_id=account_id).exclude(domain="")
    return sorted(sent | set(found.values_list("domain", flat=True)))[:MOST]


class Found(StrEnum):
    """What DNS says of a tracking host."""

    RIGHT = "right"
    ELSEWHERE = "elsewhere"
    NOTHING = "nothing"
    UNKNOWN = "unknown"


def site_host() -> str:
    """The name a tracking host's record points to."""
    return urlsplit(settings.LIVEFEEDS_URL).hostname or ""


def check(host: str) -> tuple[Found, list[str]]:
    """Whether a host leads to us, by its alias or its addresses, and what was found."""
    ours = site_host()
    alias = [name.rstrip(".").lower() for name in _ask(host, "CNAME")]
    if ours.lower() in alias:
        return Found.RIGHT, alias
    addresses = [*_ask(host, "A"), *_ask(host, "AAAA")]
    if not addresses:
        return (Found.ELSEWHERE, alias) if alias else (Found.NOTHING, [])
    site = {*_ask(ours, "A"), *_ask(ours, "AAAA")}
    found = Found.RIGHT if site & set(addresses) else Found.ELSEWHERE if site else Found.UNKNOWN
    return found, [*alias, *addresses]


def _ask(name: str, kind: str) -> Sequence[str]:
    if _Known.look_up is None:
        return ()
    try:
        return _Known.look_up(name, kind)
    except Exception:  # noqa: BLE001  # whatever the network does here, it is no answer
        return ()
