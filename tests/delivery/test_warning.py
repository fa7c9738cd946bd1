"""An account is told by mail of far more suppressions than usual: once, and only where it wants to be told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account
from delivery.models import BounceDigest, Message, Outgoing
from suppression import causes, spikes, targets
from suppression.models import Origin, Reason
from suppression.spike import Spike
from tests import make

pytestmark = pytest.mark.django_db


def outage(account: Account) -> None:
    """Hundreds of bounces of a few minutes ago, and the look at them."""
    now = timezone.now()
    causes.add(
        causes.Cause(
            account_id=account.pk, target=targets.read(f"r{n}@gmail.example"), reason=Reason.HARD_BOUNCE,
            origin=Origin.EVENT, ident="e1.1", at=now, added_at=now - timedelta(minutes=5),
        )
        for n in range(250)
    )  # fmt: skip
    spikes.watch(now)
    spikes.watch(now)
    assert Spike.objects.filter(account=account).count() == 1


def test_it_is_told_once_where_bounces_are_told(settings: Any) -> None:
    settings.LIVEFEEDS_URL = "https://feeds.acme.test"
    acme = make.account()
    make.sender_domain(acme)
    BounceDigest.objects.create(account=acme, address="ops@acme.com")
    outage(acme)
    message, outgoing = Message.objects.get(), Outgoing.objects.get()
    assert (outgoing.recipient, message.sender) == ("ops@acme.com", "no-reply@acme.test")
    assert message.subject == "Acme: unusually many suppressions"
    assert "unusually many suppressions of gmail.example (Hard bounce): 250 in an hour." in message.parts["text"]
    assert f"https://feeds.acme.test/a/{acme.slug}/suppressions/undo/?reason=1" in message.parts["text"]


@pytest.mark.parametrize("lacking", ["address", "domain", "enabled"])
def test_nobody_is_told_who_does_not_want_or_cannot(lacking: str) -> None:
    acme = make.account(enabled=lacking != "enabled")
    if lacking != "domain":
        make.sender_domain(acme)
    BounceDigest.objects.create(account=acme, address="" if lacking == "address" else "ops@acme.com")
    outage(acme)
    assert not Message.objects.exists()
