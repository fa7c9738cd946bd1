"""How what is done with sending reads in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

SENTENCES: dict[str, _StrPromise] = {
    "email.retry": _("had the email to %(subject)s tried again at once"),
    "email.give-up": _("gave up the email to %(subject)s"),
    "email.resend": _("had the email to %(subject)s sent once more"),
    "emails.retry": _("had emails tried again at once"),
    "emails.give-up": _("gave up emails"),
    "emails.resend": _("had emails sent once more"),
    "emails.stopped": _("stopped what was being done with emails"),
    "domain.added": _("added the domain %(subject)s"),
    "domain.changed": _("changed the domain %(subject)s"),
    "domain.proven": _("found the key of %(subject)s in its DNS: mail may be sent from it"),
    "domain.vouched": _("confirmed that %(subject)s is the account's: mail may be sent from it"),
    "domain.deleted": _("deleted the domain %(subject)s"),
    "transport.added": _("added the way out “%(subject)s”"),
    "transport.changed": _("changed the way out “%(subject)s”"),
    "transport.defaulted": _("let the account's mail leave through “%(subject)s”"),
    "transport.undefaulted": _("let the account's mail no longer leave through “%(subject)s”"),
    "transport.deleted": _("deleted the way out “%(subject)s”"),
    "transport.tested": _("sent a test mail through “%(subject)s”"),
    "bounces.changed": _("changed who is told of bounces"),
    "retries.added": _("set when mail to %(subject)s is tried again"),
    "retries.changed": _("changed when mail to %(subject)s is tried again"),
    "retries.deleted": _("deleted when mail to %(subject)s is tried again"),
}
LABELS: dict[str, _StrPromise] = {
    "bounce_address": _("bounce notification address"),
    "connections": _("connections at once"),
    "domain": _("recipient domain"),
    "email": _("email"),
    "emails": _("emails"),
    "give_up_hours": _("give up after hours"),
    "host": _("host"),
    "minutes": _("minutes between attempts"),
    "per_minute": _("emails a minute"),
    "port": _("port"),
    "query": _("filter"),
    "recipient": _("recipient"),
    "reply": _("answer"),
    "return_path": _("return-path domain"),
    "security": _("encryption"),
    "source_id": _("its webhook"),
    "tracking_host": _("tracking domain"),
    "transport_id": _("way out"),
    "username": _("user name"),
    "way": _("way"),
}
