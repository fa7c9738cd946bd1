"""What stands in the way of mail that an account would send, beside the suppression list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Role
from delivery import findings
from delivery.models import SenderDomain
from suppression.judging import Obstacle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from accounts.access import Access

# Without these a domain's mail is not believed; the others are good to have.
NEEDED = ("dkim", "spf")


def senders(access: Access) -> list[str]:
    """The domains this account may send from."""
    return list(SenderDomain.objects.of(access).order_by("name").values_list("name", flat=True))


def of(access: Access, address: str, sender_domain: str, now: datetime) -> Iterator[Obstacle]:
    """The account's brakes, and its sender domains."""
    account = access.account
    if not account.enabled:
        yield Obstacle(
            _("The account is disabled."),
            _("What it sends is taken in and held, and goes out by itself when the account is enabled again."),
            waits=True,
        )
    if account.has_run_out:
        yield Obstacle(
            _("The account has no credits left."),
            _("What it sends is taken in and held, and goes out by itself when there are credits again."),
            waits=True,
        )
    yield from _of_domains(access, sender_domain)


def _of_domains(access: Access, sender_domain: str) -> Iterator[Obstacle]:
    domains = SenderDomain.objects.of(access).select_related("transport")
    if not domains.exists():
        yield Obstacle(
            _("The account has no domain to send from."), _("Mail of the account is refused until it has one."),
            *(_link(access, "domain-add", _("Add a domain"))),
        )  # fmt: skip
        return
    domain = domains.filter(name=sender_domain).first() if sender_domain else None
    if domain is None:
        return
    wrong = [told for told in findings.told(domain) if told.record.key in NEEDED and told.state != "good"]
    if wrong:
        yield Obstacle(
            _("The domain %(domain)s is not proven yet.") % {"domain": domain.name},
            _("Mail of it is sent all the same, but other servers may refuse it or take it for spam: %(records)s.")
            % {"records": ", ".join(told.title for told in wrong)},
            *(_link(access, "domain", _("Show its records"), domain.id)),
            is_doubt=True,
        )


def _link(access: Access, name: str, said: str, *args: object) -> tuple[str, str]:
    if not access.may(Role.ADMIN):
        return "", ""
    return reverse(name, args=[access.account.slug, *args]), said
