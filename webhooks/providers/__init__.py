"""One module per provider: tables plus one pure function from a stored request to events."""

from __future__ import annotations

from webhooks.providers import (
    amazon_ses,
    brevo,
    mailersend,
    mailgun,
    mailjet,
    mailtrap,
    mandrill,
    netcore,
    plain,
    postal,
    postmark,
    resend,
    sendgrid,
    sparkpost,
    unisender_go,
)
from webhooks.providers.base import Provider

_ALL = (
    amazon_ses.PROVIDER,
    brevo.PROVIDER,
    mailersend.PROVIDER,
    mailgun.PROVIDER,
    mailjet.PROVIDER,
    mailtrap.PROVIDER,
    mandrill.PROVIDER,
    netcore.PROVIDER,
    postal.PROVIDER,
    postmark.PROVIDER,
    resend.PROVIDER,
    sendgrid.PROVIDER,
    sparkpost.PROVIDER,
    unisender_go.PROVIDER,
    plain.PROVIDER,
)
PROVIDERS: dict[str, Provider] = {provider.slug: provider for provider in _ALL}


def get(slug: str) -> Provider | None:
    """The provider of this name, or None."""
    return PROVIDERS.get(slug)
