"""The account and the sources that the simulated world posts to: made where they are missing."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import transaction

from accounts.models import Account, Membership, Role, User
from feeds.models import Email
from simulator.formats import FORMATS
from webhooks import signing, sources
from webhooks.models import Source

# The order of the curve P-256 (FIPS 186-4): a private key is a number below it.
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class NotSimulated(Exception):
    """The account cannot be simulated in; the text is a sentence for whoever gave its name."""


@dataclass(frozen=True, slots=True)
class Target:
    """One source as its provider knows it: where to post, and what to sign with."""

    source_id: int
    provider: str
    path: str
    secrets: dict[str, str] = field(repr=False)


@transaction.atomic
def prepare(slug: str) -> tuple[Account, list[Target], bool]:
    """The simulated account, its sources, and whether it is without emails yet. Raises NotSimulated.

    Every superuser becomes its owner. Run again, it finds what it made.
    """
    account = _account(slug)
    for person in User.objects.filter(is_superuser=True):
        Membership.objects.get_or_create(account=account, user=person, defaults={"role": Role.OWNER})
    targets = [_target(account, provider) for provider in FORMATS]
    return account, targets, not Email.objects.filter(account=account).exists()


def _account(slug: str) -> Account:
    try:
        validate_slug(slug)
    except ValidationError:
        raise NotSimulated(f"{slug!r} is no account: use letters, digits and hyphens, as in --account demo.") from None
    account, new = Account.objects.get_or_create(slug=slug, defaults={"name": slug.replace("-", " ").title()})
    ours = {_name(provider) for provider in FORMATS}
    if not new and not Source.objects.filter(account=account, name__in=ours).exists():
        raise NotSimulated(
            f"The account {slug!r} is somebody's own, and simulated emails must not mix with real ones: "
            "give another name, as in --account demo."
        )
    return account


def _name(provider: str) -> str:
    return f"{FORMATS[provider].name} (simulated)"


def _target(account: Account, provider: str) -> Target:
    """A source that a person switched off stays off, and one that was given another secret keeps it."""
    given, kept = _sendgrid_keys() if provider == "sendgrid" else signing.new_secrets(provider)
    source, _new = Source.objects.get_or_create(
        account=account, provider=provider, name=_name(provider), defaults={"secrets": given}
    )
    held = {name: value.splitlines()[0] for name, value in source.secrets.items() if value.strip()}
    if provider == "sendgrid":
        keep = held == given
    else:
        keep = given.keys() <= held.keys()
        kept = held if keep else kept
    if not keep:
        source.secrets = given
        source.save(update_fields=["secrets"])
        sources.forget(source.token)
    return Target(source.id, provider, f"/in/{source.token}", kept)


def _sendgrid_keys() -> tuple[dict[str, str], dict[str, str]]:
    """What the source is given and what the sender keeps: always the same here, and the private half stored nowhere."""
    digest = hmac.new(settings.SECRET_KEY.encode(), b"livefeeds.simulator.sendgrid", hashlib.sha512).digest()
    key = ec.derive_private_key(int.from_bytes(digest) % (P256_ORDER - 1) + 1, ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {"public_key": base64.b64encode(public).decode()}, {"private_key": private.decode()}
