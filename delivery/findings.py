"""What was found in DNS, in words people can act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from delivery.dns import records_of

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from delivery.dns import Record
    from delivery.models import SenderDomain

TITLES = {
    "dkim": _("Signature (DKIM)"),
    "spf": _("Who may send (SPF)"),
    "dmarc": _("What others do with forgeries (DMARC)"),
    "return_path": _("Return path"),
    "tracking": _("Tracking domain"),
}
PURPOSES = {
    "dkim": _("The public half of the key that signs every email. Without it mailbox providers distrust the mail."),
    "spf": _("Says that this server may send mail of the domain that bounces come back to."),
    "dmarc": _("Large mailbox providers ask for it. “p=none” changes nothing for other mail of the domain."),
    "return_path": _("Bounce reports come back to this name, and so into the feed."),
    "tracking": _("Links and the pixel in emails go by this name instead of the installation's."),
}
RELAYED = _("This domain's mail leaves through another server. Ask whoever runs it which record it needs here.")
SENTENCES: dict[str, _StrPromise] = {
    "good": _("It is as it should be."),
    "above": _("A domain above this one has it, and that counts for this one too."),
    "theirs": _("There is one. Whether it names the server your mail leaves through only that server's owner can say."),
    "missing": _("It was not found. After it is made it can take an hour until everybody sees it."),
    "several": _("There is more than one. Servers then believe none of them: leave only the right one."),
    "other_key": _("There is a key, but another one. Replace it with the value below, all of it."),
    "not_allowed": _("The record is there, but it does not allow this server. Add this server's part to it."),
    "broken": _("The record is there, but it is not valid. Compare it with the value below."),
    "elsewhere": _("It leads to another place than this server."),
    "silent": _("The servers of the domain did not answer. Try again in a moment."),
}
UNCHECKED = _("It was not looked for yet.")


@dataclass(frozen=True, slots=True)
class Told:
    """A record with what is known of it. `state` is good, bad or unknown."""

    record: Record
    title: str
    purpose: str
    state: str
    sentence: str
    found: list[str]


def told(domain: SenderDomain) -> list[Told]:
    """All records of the domain, as the last look found them."""
    return [_told(record, domain.checks.get(record.key)) for record in records_of(domain)]


def _told(record: Record, finding: dict[str, object] | None) -> Told:
    purpose = str(PURPOSES[record.key] if record.value else RELAYED)
    title = str(TITLES[record.key])
    # What was found for another value than is wanted by now says nothing.
    if finding is None or finding.get("wanted") != record.value:
        return Told(record, title, purpose, "unknown", str(UNCHECKED), [])
    found = str(finding.get("found") or "")
    sentence = str(SENTENCES.get(str(finding.get("why")), ""))
    return Told(record, title, purpose, "good" if finding.get("ok") else "bad", sentence, found.splitlines())
