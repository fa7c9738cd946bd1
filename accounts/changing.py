"""Changes of an account itself: what was changed is written, and noted for the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count

from accounts import audit
from accounts.models import Account

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.forms import ModelForm

    from accounts.models import User


@transaction.atomic
def save(form: ModelForm[Account], by: User) -> None:
    """Write only what a valid form changed: credits are counted down by others at the same time."""
    account, given = form.instance, form.cleaned_data
    changed = {name for name in form.changed_data if form.initial[name] != given[name]}
    switched = "enabled" in changed
    if switched and "disabled_reason" in given:
        changed.add("disabled_reason")
    if not changed:
        return
    account.save(update_fields=changed)
    if switched:
        reason = {} if account.enabled else {"disabled_reason": account.disabled_reason}
        audit.note(account, by, "account.enabled" if account.enabled else "account.disabled", "", reason)
    rest = changed - {"enabled", "disabled_reason"} if switched else changed
    if rest:
        before = {name: form.initial[name] for name in sorted(rest)}
        audit.note(account, by, "account.changed", "", audit.changes(before, {name: given[name] for name in before}))


def accounts_after(wanted: str, slug: str, most: int) -> Sequence[Account]:
    """Accounts whose name or address holds `wanted`, by address, behind this one; each with its `member_count`."""
    found = Account.objects.filter(slug__gt=slug) if slug else Account.objects.all()
    if wanted:
        found = found.filter(name__icontains=wanted) | found.filter(slug__icontains=wanted)
    return list(found.annotate(member_count=Count("membership")).order_by("slug")[:most])
