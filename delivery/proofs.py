"""Whose a sender's domain is: mail is sent from it only once that is proven.

Whoever can put this account's key into the domain's DNS may send from it: keys and selectors are each account's own, so
several accounts can. Where there is no DNS to look into, an administrator of the installation vouches for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from delivery.models import SenderDomain

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import Account, User

# What a look says of the key where it is there; beside others, it is there all the same.
FOUND = ("good", "several")


class Taken(Exception):
    """The domain counts as another account's. The text says what to do."""


def note(domain: SenderDomain, now: datetime) -> None:
    """Take what the last look into DNS found as a proof, if it is one. It stays one, whatever is found later."""
    if domain.proven_at is not None or domain.checks.get("dkim", {}).get("why") not in FOUND:
        return
    with transaction.atomic():
        if SenderDomain.objects.filter(id=domain.id, proven_at=None).update(proven_at=now):
            audit.note(domain.account, None, "domain.proven", domain.name)
    domain.proven_at = now


@transaction.atomic
def vouch(account: Account, domain_id: int, person: User, now: datetime) -> SenderDomain:
    """Let the account send from this domain because somebody who runs the installation says so.

    Raises SenderDomain.DoesNotExist, and Taken where another account has proven that the domain is its own.
    """
    name = SenderDomain.objects.values_list("name", flat=True).get(account=account, id=domain_id)
    rows = SenderDomain.objects.filter(name=name).order_by("id").defer("private_key").select_for_update()
    same = {domain.id: domain for domain in rows}
    domain = same[domain_id]
    if domain.proven_at is not None:
        return domain
    if any(other.proven_at is not None for other in same.values()):
        raise Taken(
            _("%(name)s was confirmed for another account. This one can send from it once its own key is in DNS.")
            % {"name": name}
        )
    domain.proven_at, domain.vouched_by = now, person.get_username()
    domain.save(update_fields=["proven_at", "vouched_by"])
    audit.note(account, person, "domain.vouched", name)
    return domain
