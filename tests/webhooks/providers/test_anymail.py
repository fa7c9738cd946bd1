"""django-anymail reads the same providers: where both say the same thing, they must say it alike."""

from __future__ import annotations

import importlib
import warnings
from datetime import timedelta
from typing import Any

import pytest
from django.test import RequestFactory

from tests.webhooks.providers.cases import Case, all_cases
from webhooks.providers import PROVIDERS

# Amazon SES is left out: Anymail wants Amazon's own library even for reading.
VIEWS: dict[str, tuple[str, dict[str, str]]] = {
    "brevo": ("BrevoTrackingWebhookView", {}),
    "mailersend": ("MailerSendTrackingWebhookView", {"signing_secret": "x"}),
    "mailgun": ("MailgunTrackingWebhookView", {"webhook_signing_key": "x"}),
    "mailjet": ("MailjetTrackingWebhookView", {}),
    "mailtrap": ("MailtrapTrackingWebhookView", {"tracking_secret": "x"}),
    "mandrill": ("MandrillCombinedWebhookView", {"webhook_key": "x"}),
    "postal": ("PostalTrackingWebhookView", {"webhook_key": "x"}),
    "postmark": ("PostmarkTrackingWebhookView", {}),
    "resend": ("ResendTrackingWebhookView", {}),
    "sparkpost": ("SparkPostTrackingWebhookView", {}),
    "unisender_go": ("UnisenderGoTrackingWebhookView", {"api_key": "x"}),
}
# What we read and Anymail does not: lists from Brevo, news of the account, and calls that try an address.
OURS_ALONE = {"a batch", "news of the server", "news of a contact", "a test of the address"}


def by_anymail(case: Case) -> list[Any]:
    name, secrets = VIEWS[case.slug]
    headers = dict(case.request.headers)
    request = RequestFactory().post("/", case.request.body, case.request.content_type, headers=headers)
    with warnings.catch_warnings():
        # That nobody is asked for a password: nothing is verified here.
        warnings.simplefilter("ignore")
        view = getattr(importlib.import_module(f"anymail.webhooks.{case.slug}"), name)(**secrets)
        return list(view.parse_events(request))


@pytest.mark.parametrize(
    "case",
    [case for case in all_cases() if case.slug in VIEWS and not case.unreadable and case.about not in OURS_ALONE],
    ids=str,
)
def test_we_read_what_anymail_reads(case: Case) -> None:
    events = PROVIDERS[case.slug].parse(case.request)
    # Mandrill's news of its lists are events to Anymail: they are about no email.
    theirs = [event for event in by_anymail(case) if event.message_id or case.slug != "mandrill"]
    for ours, event in zip(events, theirs, strict=True):
        assert ours.recipient.endswith(event.recipient)
        assert ours.message_id == str(event.message_id or "")
        assert ours.url == (event.click_url or "")
        if event.mta_response:
            assert ours.comment == event.mta_response
        if event.timestamp and case.about != "seconds where milliseconds belong":
            # Anymail cuts off the fraction of Postal's seconds.
            assert abs(ours.occurred_at - event.timestamp) < timedelta(seconds=1)
