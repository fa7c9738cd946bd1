"""Would this be sent? Every rule that stops or holds mail to an address; apps that know of more tell it here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from django.utils.translation import gettext as _

from suppression import addresses, checking
from suppression.models import Covers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from accounts.access import Access
    from suppression.checking import Rule
    from suppression.lists import List


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A rule that mail meets: a sentence, more about it, and where it can be changed, with what that link is called.

    With `waits` the mail is taken and goes out later by itself, with `is_doubt` it goes out but may not be believed;
    else it is not sent at all.
    """

    sentence: str
    more: str = ""
    url: str = ""
    link: str = ""
    waits: bool = False
    is_doubt: bool = False

    @property
    def stops(self) -> bool:
        return not self.waits and not self.is_doubt


class Teller(Protocol):
    """What stops or holds mail of this account to this address, from this domain ("": whichever)."""

    def __call__(self, access: Access, address: str, sender_domain: str, now: datetime) -> Iterable[Obstacle]: ...


class Senders(Protocol):
    """The domains that this account sends from."""

    def __call__(self, access: Access) -> Sequence[str]: ...


_tellers: list[Teller] = []
_senders: list[Senders] = []


def register(teller: Teller, senders: Senders) -> None:
    """Have it asked. Called once, when the app that knows something is loaded."""
    _tellers.append(teller)
    _senders.append(senders)


def sender_domains(at: List) -> list[str]:
    """The domains to choose a sender from."""
    return [name for senders in _senders for name in senders(at.access)] if at.access else []


@dataclass(frozen=True, slots=True)
class Judgement:
    """What would become of mail to an address, as a server would be told it ("": it is none)."""

    address: str
    obstacles: list[Obstacle]

    @property
    def is_stopped(self) -> bool:
        return any(one.stops for one in self.obstacles)

    @property
    def waits(self) -> bool:
        return not self.is_stopped and any(one.waits for one in self.obstacles)


def judge(at: List, written: str, sender_domain: str, now: datetime) -> Judgement:
    """All that would stop or hold mail to what was written."""
    try:
        address = addresses.read(written.strip()).wire
    except addresses.NotAnAddress as error:
        return Judgement("", [Obstacle(_("This is no address that mail can be sent to."), str(error))])
    found = list(_entries(at, address))
    if at.access:
        found += [one for teller in _tellers for one in teller(at.access, address, sender_domain, now)]
    return Judgement(address, sorted(found, key=lambda one: (not one.stops, one.is_doubt)))


def _entries(at: List, address: str) -> Iterator[Obstacle]:
    # No account has the number 0: then only what holds for all is found.
    for stop in checking.rules(at.account_id or 0, [address]).get(address.lower(), []):
        if stop.is_everywhere and at.account_id is not None:
            yield Obstacle(
                _("It is on the list that holds for the whole installation."),
                _("Ask an administrator of this installation."),
                at.url_of_installation(stop.suppression_id) if at.person.is_superuser else "",
                _("Show the entry"),
            )
        else:
            yield Obstacle(_sentence(stop), "", at.url("suppression", stop.suppression_id), _("Show the entry"))


def _sentence(stop: Rule) -> str:
    told = {"reason": stop.reason.label, "target": str(stop)}
    if stop.covers == Covers.ADDRESS:
        return _("It is on the suppression list: %(reason)s.") % told
    if stop.covers == Covers.PATTERN:
        return _("The pattern %(target)s is on the suppression list: %(reason)s.") % told
    return _("Its domain is on the suppression list as %(target)s: %(reason)s.") % told
