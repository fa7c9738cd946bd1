"""Changing what is tracked, and what people see who unsubscribe. Every change is noted for the audit log."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext_lazy

from accounts import audit
from tracking import again
from tracking.models import Farewell, LeaveVisit, TrackingSettings
from tracking.switches import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from accounts.access import Access
    from tracking.forms import FarewellForm

ACTIONS = {
    "tracking.changed": gettext_lazy("changed what is tracked"),
    "tracking.domain": gettext_lazy("changed what is tracked of mail from %(subject)s"),
    "tracking.judged": gettext_lazy("had opens and clicks judged again"),
    "farewell.changed": gettext_lazy("changed the page to unsubscribe at"),
    "farewell.reset": gettext_lazy("put the page to unsubscribe at back to our words"),
}
DETAILS = {
    "open": gettext_lazy("open tracking"),
    "click": gettext_lazy("click tracking"),
    "unsubscribe": gettext_lazy("unsubscribe link"),
    "text_links": gettext_lazy("links in plain text"),
    "host": gettext_lazy("tracking host name"),
    "link_text": gettext_lazy("text of the link"),
    "texts": gettext_lazy("texts"),
    "redirect_url": gettext_lazy("address to go to afterwards"),
    "logo_type": gettext_lazy("logo"),
}
# How far back the button looks; the command looks as far as one likes.
LOOK_BACK = timedelta(days=90)
# For all accounts together: exports, errands and the spool wait for the same worker. The next minute's goes on.
SECONDS = 20.0
REPORTED = timedelta(days=30)


def row_of(access: Access, domain: str = "") -> TrackingSettings:
    """What the account, or one of its domains, has set; a fresh row that sets nothing where it has not."""
    found = TrackingSettings.objects.filter(account=access.account, domain=domain).first()
    return found or TrackingSettings(account=access.account, domain=domain)


@transaction.atomic
def set_switches(access: Access, domain: str, wanted: Mapping[str, Any]) -> bool:
    """Set what is tracked for the account ("") or a domain; whether anything changed. It holds for the next email."""
    row, _new = TrackingSettings.objects.select_for_update().get_or_create(account=access.account, domain=domain)
    changed = audit.changes({name: getattr(row, name) for name in wanted}, wanted)
    if not changed:
        return False
    for name, value in wanted.items():
        setattr(row, name, value)
    row.save()
    audit.note(
        access.account, access.membership.user, "tracking.domain" if domain else "tracking.changed", domain, changed
    )
    if domain and all(getattr(row, name) is None for name in DEFAULTS) and not row.host:
        row.delete()
    return True


@transaction.atomic
def set_farewell(access: Access, form: FarewellForm) -> bool:
    """Take over what a valid form says; whether anything changed."""
    row, _new = Farewell.objects.select_for_update().get_or_create(account=access.account)
    given = form.cleaned_data
    wanted: dict[str, Any] = {"link_text": given["link_text"], "redirect_url": given["redirect_url"]}
    wanted["texts"] = form.texts
    if given["logo"]:
        wanted |= {"logo": given["logo"].content, "logo_type": given["logo"].content_type}
    elif given.get("remove_logo"):
        wanted |= {"logo": None, "logo_type": ""}
    changed = [name for name, value in wanted.items() if _plain(getattr(row, name)) != value]
    if not changed:
        return False
    shown = {name: wanted[name] for name in changed if name not in ("logo", "texts", "logo_type")}
    details: dict[str, Any] = audit.changes({name: getattr(row, name) for name in shown}, shown)
    if "texts" in changed:
        details["texts"] = ", ".join(sorted({*row.texts, *form.texts}))
    if "logo" in changed:
        details["logo_type"] = wanted["logo_type"]
    for name in changed:
        setattr(row, name, wanted[name])
    row.save()
    audit.note(access.account, access.membership.user, "farewell.changed", "", details)
    return True


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


@transaction.atomic
def reset_farewell(access: Access) -> None:
    """Back to our own words, without logo and redirect."""
    if Farewell.objects.filter(account=access.account).delete()[0]:
        audit.note(access.account, access.membership.user, "farewell.reset")


# ---- Judging again ----------------------------------------------------------------------------------------


@transaction.atomic
def ask_to_judge(access: Access, now: datetime) -> None:
    """Have the stored visits of the account judged again, by the next worker who looks."""
    row, _new = TrackingSettings.objects.get_or_create(account=access.account, domain="")
    TrackingSettings.objects.filter(pk=row.pk, judge_asked_at=None).update(judge_asked_at=now)
    audit.note(access.account, access.membership.user, "tracking.judged")


def judge_asked(now: datetime) -> int:
    """Go on with what was asked for, for about SECONDS in all; returns how many accounts were finished."""
    rows = list(TrackingSettings.objects.exclude(judge_asked_at=None).order_by("judge_asked_at"))
    done, end = 0, time.monotonic() + SECONDS
    for waiting, row in zip(range(len(rows), 0, -1), rows, strict=True):
        share = (end - time.monotonic()) / waiting
        if share <= 0:
            break
        judged = again.run(now - LOOK_BACK, row.account_id, after=row.judge_after, seconds=share)
        changed = (row.judged_changed if row.judge_after else 0) + judged.changed
        # Not where another worker was as far, or further, meanwhile.
        found = TrackingSettings.objects.filter(
            pk=row.pk, judge_asked_at=row.judge_asked_at, judge_after=row.judge_after
        )
        if judged.is_done:
            found.update(judge_asked_at=None, judge_after=0, judged_at=now, judged_changed=changed)
            done += 1
        else:
            found.update(judge_after=judged.last, judged_changed=changed)
    return done


def robots(access: Access, now: datetime) -> int:
    """To how many emails' page a machine came lately, and removed nobody."""
    return LeaveVisit.objects.filter(account=access.account, first_at__gte=now - REPORTED, machines__gt=0).count()
