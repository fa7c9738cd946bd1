"""Standard Webhooks signatures (standardwebhooks.com): id, timestamp and body are signed. Resend's Svix is the same.

The library's own `verify` reads the clock itself and stumbles over odd headers, so only its signing is used here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from standardwebhooks import Webhook

from webhooks.providers import base
from webhooks.providers.fields import epoch
from webhooks.requests import RawRequest, Refused

# What the specification and Svix's libraries allow between the two clocks.
TOLERANCE = timedelta(minutes=5)


def headers(prefix: str) -> tuple[str, str, str]:
    """The three headers of a signed request: id, timestamp, signatures."""
    return f"{prefix}-id", f"{prefix}-timestamp", f"{prefix}-signature"


def verify(request: RawRequest, secrets: base.Secrets, now: datetime, prefix: str) -> None:
    """Refuse unless one of the signatures is of one of the source's secrets, and not older than five minutes."""
    keys = base.needed(secrets, "signing_secret")
    message_id, stamp, signatures = (request.headers.get(name, "") for name in headers(prefix))
    signed_at = epoch(stamp)
    if not message_id or not signatures or signed_at is None:
        raise Refused(_("The request is not signed: its signature headers are missing."))
    given = signatures.split()
    if not any(base.matches(expected(key, message_id, signed_at, request.body), given) for key in keys):
        raise base.wrong_signature()
    if abs(now - signed_at) > TOLERANCE:
        raise Refused(_("The request was signed more than five minutes ago, or the clock of this server is wrong."))


def expected(key: str, message_id: str, signed_at: datetime, body: bytes) -> str:
    """The signature this secret makes. Raises Refused for a secret that is none, and for a body that is no text."""
    try:
        webhook, data = Webhook(key), body.decode()
    except UnicodeDecodeError:
        raise base.wrong_signature() from None
    except Exception:  # noqa: BLE001 - the library has several errors for one mistake: this is not a secret
        raise Refused(_("The signing secret of this source cannot be read. Copy it from the provider again.")) from None
    return str(webhook.sign(message_id, signed_at, data))
