"""A backend that makes of what django-post_office hands it the mail that ours would send: composed, tracked, signed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.core.mail.backends.smtp import EmailBackend
from django.utils import timezone

from bench.send import SENDER
from delivery import deliver
from delivery.destinations import Job
from delivery.models import Attachment, Message, Origin, Outgoing, SenderDomain
from delivery.routes import Book

if TYPE_CHECKING:
    from delivery.routes import Rules


@cache
def rules() -> Rules:
    """Those of the account that ours sends for; read once, as ours reads them once in a while."""
    account_id = SenderDomain.objects.values_list("account_id", flat=True).get()
    return Book().of({account_id})[account_id]


@cache
def no_files() -> Any:
    found = Attachment.objects.none()
    len(found)
    return found


def job(email: Any) -> Job:
    """What ours would have claimed."""
    ours, number, now = rules(), int(email.subject.split()[-1]), timezone.now()
    domain = ours.domain_of(SENDER)
    assert domain is not None
    message = Message(
        id=number, uid=f"{number:032x}", account_id=domain.account_id, origin=Origin.API, sender=SENDER,
        sender_name="Acme", subject=email.subject, settings={},
        parts={"html": email.alternatives[0].content, "text": email.body},
    )  # fmt: skip
    message._prefetched_objects_cache = {"attachments": no_files()}  # type: ignore[attr-defined]
    outgoing = Outgoing(
        email_id=number, account_id=domain.account_id, recipient=email.to[0], message_uid=message.uid,
        next_attempt_at=now, accepted_at=now,
    )  # fmt: skip
    return Job(outgoing, message, ours, ours.transport_of(SENDER), domain, 0.0)


class Backend(EmailBackend):
    """Django's own over SMTP, but for what is sent."""

    def _send(self, email_message: Any) -> bool:
        made = job(email_message)
        mail = deliver.track(made, deliver.compose(made))
        whole = deliver.sign(made, mail)
        self.connection.sendmail(mail.envelope_from, [mail.recipient], whole)  # type: ignore[union-attr]
        return True
