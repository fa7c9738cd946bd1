"""The simulated account as a sender: its domains, when it tries again, and the key its application has."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import ApiKey, Scope
from delivery import signing
from delivery.models import RetryPolicy, SenderDomain
from simulator import catalogue

if TYPE_CHECKING:
    from accounts.models import Account

KEY_NAME = "Simulated application"
# Nobody who looks at a demo waits for five days.
MINUTES = [1, 2, 5, 15, 60, 240, 360]


@transaction.atomic
def prepare(account: Account) -> str:
    """Let the account send what the catalogue's senders write; returns the API key. Twice is as good as once."""
    for name in sorted({sender.address.rpartition("@")[2] for sender in catalogue.SENDERS}):
        if not SenderDomain.objects.filter(account=account, name=name).exists():
            pair = signing.make_key()
            SenderDomain.objects.create(
                account=account, name=name, selector="lf1", private_key=pair.private, public_key=pair.public,
                return_path=f"bounces.{name}", proven_at=timezone.now(),
            )  # fmt: skip
    RetryPolicy.objects.get_or_create(account=account, domain="", defaults={"minutes": MINUTES})
    raw = _raw_key()
    digest = hashlib.sha256(raw.encode()).hexdigest()
    ApiKey.objects.get_or_create(
        digest=digest,
        defaults={"account": account, "name": KEY_NAME, "prefix": raw[:8], "scopes": [Scope.SEND]},
    )
    return raw


def _raw_key() -> str:
    """Always the same on one installation, so that it has to be kept nowhere."""
    return "lf_" + hmac.new(settings.SECRET_KEY.encode(), b"livefeeds.simulator.key", hashlib.sha256).hexdigest()[:40]
