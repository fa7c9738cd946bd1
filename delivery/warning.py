"""Telling an account by mail that far more is suppressed than usual: where it is told of bounces, once for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from delivery.accept import Refused, accept
from delivery.digest import QUIET, TAG, sender_of
from delivery.models import BounceDigest, Origin
from delivery.orders import Group, Mailbox, Order
from suppression import spikes

if TYPE_CHECKING:
    from datetime import datetime

    from suppression.spike import Spike

log = structlog.get_logger(__name__)


def tell(spike: Spike, now: datetime) -> None:
    """Hand it in, in the caller's transaction, where somebody wants to know and a domain is there to send from."""
    row = BounceDigest.objects.filter(account=spike.account_id).exclude(address="").select_related("account").first()
    if row is None or not row.account.enabled or not (sender := sender_of(row.account)):
        return
    account = row.account
    with override(settings.LANGUAGE_CODE), timezone.override(account.zone):
        context = {
            "sentence": spikes.sentence(spike), "zone": account.time_zone,
            "undo": f"{settings.LIVEFEEDS_URL}{spikes.undo_url(account, spike)}",
            "warnings": f"{settings.LIVEFEEDS_URL}{reverse('suppression-warnings', args=[account.slug])}",
            "settings": f"{settings.LIVEFEEDS_URL}{reverse('customize', args=[account.slug])}",
        }  # fmt: skip
        subject = _("%(account)s: unusually many suppressions") % {"account": account.name}
        body = render_to_string("delivery/warning.txt", context)
    order = Order(
        sender=Mailbox(sender, "Live Feeds"), subject=subject, text=body, groups=[Group([Mailbox(row.address)])],
        tags=[TAG], settings=QUIET, origin=Origin.PAGE, headers={"Auto-Submitted": "auto-generated"},
    )  # fmt: skip
    try:
        with transaction.atomic():
            accept(order, account, now)
    except Refused as refused:
        log.warning("spike_warning_refused", account=account.pk, reason=str(refused))
