"""Putting on the list by hand: one or many as people write them, each line that cannot be read with its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.utils.translation import gettext as _

from suppression import causes, evidence, targets
from suppression.causes import Cause
from suppression.lists import named
from suppression.models import Covers, Origin, Reason
from suppression.sought import of_list

if TYPE_CHECKING:
    from datetime import datetime

    from suppression.causes import Added
    from suppression.lists import List
    from suppression.targets import Target

# More of them are a file: the import takes those.
MOST = 1000
# What a domain or a pattern would cover is counted as far as this.
MOST_COUNTED = 1000
BETWEEN = re.compile(r"[\n\r,;\t]+")
# A name before the address, as mail programs copy it.
NAMED = re.compile(r"[^<>]*<\s*([^<>\s]+)\s*>")


@dataclass(frozen=True, slots=True)
class Bad:
    """Something that cannot be put on the list, and why."""

    text: str
    why: str


@dataclass(slots=True)
class Written:
    """What was written into the box: `targets` each once, in their order."""

    targets: list[Target] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)

    @property
    def wide(self) -> list[Target]:
        """Those that cover more than one address."""
        return [target for target in self.targets if target.covers != Covers.ADDRESS]

    @property
    def single(self) -> int:
        """How many are one address."""
        return len(self.targets) - len(self.wide)

    @property
    def rest(self) -> str:
        """What stays in the box."""
        return "\n".join(bad.text for bad in self.bad)


def pieces(text: str) -> list[str]:
    """What stands between line breaks, commas, semicolons and tabs, each as it was written."""
    return [piece for part in BETWEEN.split(text) if (piece := part.strip())]


def read(at: List, text: str) -> Written:
    """What somebody wrote, as far as this person may put it on the list."""
    written, seen = Written(), set()
    for piece in pieces(text):
        try:
            target = _read(at, piece)
        except targets.NotATarget as error:
            written.bad.append(Bad(piece, str(error)))
            continue
        if target.text not in seen:
            seen.add(target.text)
            written.targets.append(target)
    return written


def _read(at: List, piece: str) -> Target:
    named = NAMED.fullmatch(piece)
    target = targets.read(named[1] if named else piece)
    if target.covers != Covers.ADDRESS and not at.may_change_many:
        raise targets.NotATarget(_("It covers more than one address. Ask an administrator of the account to add it."))
    return target


@transaction.atomic
def add(at: List, written: Written, now: datetime, *, note: str = "", until: datetime | None = None) -> Added:
    """Put all that could be read on the list, by hand."""
    person = at.person
    added = causes.add(
        Cause(
            account_id=at.account_id, target=target, reason=Reason.MANUAL, origin=Origin.PERSON,
            ident=f"u{person.pk}", at=now, until=until, user_id=person.pk, actor_name=person.get_username()[:150],
            note=note,
        )
        for target in written.targets
    )  # fmt: skip
    if written.targets:
        details = {"entries": added.entries} | _details(note, until)
        at.note("suppression.added", named([str(target) for target in written.targets]), details)
    return added


def _details(note: str, until: datetime | None) -> dict[str, str]:
    said = {"note": note, "until": until.isoformat(timespec="minutes") if until else ""}
    return {name: value for name, value in said.items() if value}


@dataclass(frozen=True, slots=True)
class Reach:
    """What a domain or a pattern covers: how many of the known recipients, and of the entries there are (at most
    MOST_COUNTED; None: nobody knows quickly)."""

    target: Target
    recipients: int | None
    entries: int | None

    @property
    def sentence(self) -> str:
        return covers(self.target)

    @property
    def most(self) -> int:
        return MOST_COUNTED


def reach(at: List, target: Target) -> Reach:
    """What it would cover. Index: suppression_of_domain."""
    entries = None
    if target.covers == Covers.DOMAIN:
        ours, given = of_list(at.account_id)
        with connection.cursor() as cursor:
            cursor.execute(
                f"select count(*) from (select from suppression_suppression s where {ours} and s.domain = %s"  # noqa: S608
                " and s.covers = 1 limit %s) e",
                [*given, target.domain, MOST_COUNTED],
            )
            (entries,) = cursor.fetchone()
    return Reach(target, evidence.recipients(at.access, target, MOST_COUNTED), entries)


def covers(target: Target) -> str:
    """What an entry with this target covers, in a sentence."""
    told = {"target": str(target), "domain": target.domain}
    if target.covers == Covers.ADDRESS:
        return _("It covers %(target)s and no other address.") % told
    if target.covers == Covers.DOMAIN:
        return _("It covers everybody at %(domain)s, but nobody at its subdomains.") % told
    if target.covers == Covers.SUBDOMAINS:
        return _("It covers everybody at %(domain)s and at all of its subdomains, such as mail.%(domain)s.") % told
    return _("It covers every address that looks like %(target)s, where * stands for any letters or for none.") % told
