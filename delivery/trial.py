"""A test mail, sent at once and beside the queue, with all that was said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from delivery import compose, signing, ways
from delivery.models import Message, Origin, Outgoing, Verdict
from delivery.transports.smtp import SmtpConnection
from feeds import replies

if TYPE_CHECKING:
    from datetime import datetime

    from delivery.models import SenderDomain, Transport
    from delivery.transports.base import Outcome

# Somebody sits before the page: no step is waited for longer than this.
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it, and what that means. `todo` may be empty."""

    outcome: Outcome
    verdict: Verdict
    meaning: str
    todo: str

    @property
    def good(self) -> bool:
        return self.verdict == Verdict.DELIVERED

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The conversation as it is kept of attempts."""
        return [{"at": line.at_ms, "said": line.said, "answer": line.answer} for line in self.outcome.lines]


def send(transport: Transport | None, domain: SenderDomain, sender: str, recipient: str, now: datetime) -> Tried:
    """Send a test mail that way. It is in no feed, takes no credit, and looks at no list."""
    mail = compose.compose(_message(domain, sender, now), _outgoing(domain, recipient, now), domain)
    # There is no email that a report about it could be matched to.
    mail.envelope_from = mail.sender
    raw = mail.as_bytes()
    mail.signed = signing.sign(raw, domain) if domain.private_key else raw
    connection = ways.make(transport).connect(recipient.rpartition("@")[2].lower())
    if isinstance(connection, SmtpConnection):
        connection.rules = replace(connection.rules, patience=PATIENCE_SECONDS)
    try:
        return explain(connection.send(mail))
    finally:
        connection.close()


def explain(outcome: Outcome) -> Tried:
    """The outcome in plain words."""
    judgement = replies.classify(outcome.code, outcome.enhanced, outcome.reply, stage=outcome.stage)
    if not outcome.code:
        meaning = (
            _("The connection was made, but it ended without an answer.")
            if outcome.connected
            else _("No mail server could be reached there.")
        )
        return Tried(outcome, Verdict(judgement.verdict), meaning, _todo(outcome))
    said = judgement.why
    meaning = str(said.meaning) if said else ""
    return Tried(outcome, Verdict(judgement.verdict), meaning, str(said.advice.label) if said else "")


def _todo(outcome: Outcome) -> str:
    if outcome.stage == "tls":
        return _("Choose another encryption, or have the server's certificate put right.")
    if outcome.stage == "connect":
        return _("Check host and port. Many networks do not let mail out through port 25: ask yours, or use a relay.")
    return _("Try again in a moment; look into the server's log if it stays so.")


def _message(domain: SenderDomain, sender: str, now: datetime) -> Message:
    text = _("This is a test mail. If you can read it, it went the way it should.")
    message = Message(
        id=0, uid=f"test{int(now.timestamp() * 1000):x}", account_id=domain.account_id, origin=Origin.PAGE,
        sender=sender, subject=_("Test mail"), parts={"text": text}, created_at=now, kept_until=now,
    )  # fmt: skip
    message._prefetched_objects_cache = {"attachments": []}  # type: ignore[attr-defined]  # it is in no table
    return message


def _outgoing(domain: SenderDomain, recipient: str, now: datetime) -> Outgoing:
    return Outgoing(
        email_id=0, account_id=domain.account_id, recipient=recipient, domain=recipient.rpartition("@")[2],
        accepted_at=now, next_attempt_at=now, expires_at=now,
    )  # fmt: skip
