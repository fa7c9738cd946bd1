"""Requests captured from django-anymail's test run: read as it reads them, refused where it refuses them.

They are signed anew where the key is gone. Kind and hardness are ours, not Anymail's.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from feeds.events import Bounce, Event, Kind
from tests.webhooks.providers import test_amazon as amazon
from webhooks.providers import PROVIDERS
from webhooks.requests import RawRequest, Refused, Unreadable
from webhooks.signing import new_secrets, sign

FOLDER = Path(__file__).parents[4] / "shared" / "corpora" / "webhooks"
SLUGS = ["amazon_ses", "brevo", "mailgun", "postal", "postmark", "resend", "sendgrid"]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BASIC = {"basic_auth": "username:password\ncred1:pass1\ncred2:pass2\ncred1:pass2"}
KNOWN_SECRETS = {
    "mailgun": {"signing_secret": "TEST_WEBHOOK_SIGNING_KEY\nTEST_API_KEY"},
    "resend": {"signing_secret": "whsec_VEVTVF9TSUdOSU5HX1NFQ1JFVA=="},
}

KINDS = {
    "queued": Kind.PROCESSED,
    "sent": Kind.PROCESSED,
    "delivered": Kind.DELIVERED,
    "deferred": Kind.DEFERRED,
    "bounced": Kind.BOUNCED,
    "failed": Kind.DROPPED,
    "rejected": Kind.DROPPED,
    "opened": Kind.OPENED,
    "clicked": Kind.CLICKED,
    "unsubscribed": Kind.UNSUBSCRIBED,
    "subscribed": Kind.RESUBSCRIBED,
    "complained": Kind.SPAM,
    "unknown": Kind.UNKNOWN,
}
OTHER_KINDS = {
    ("brevo", "test_proxy_open_event"): Kind.MACHINE_OPENED,
    ("brevo", "test_unique_proxy_open_event"): Kind.MACHINE_OPENED,
    ("postal", "test_failed_event"): Kind.BOUNCED,
    ("postal", "test_queued_event"): Kind.DROPPED,
    ("resend", "test_suppressed_event"): Kind.DROPPED,
}
SOFT = {("brevo", "test_soft_bounce_event"), ("postal", "test_bounce_event"), ("postal", "test_failed_event")}
# Opens and clicks have no smtp-id, which Anymail takes here: the id that all events share is in sg_message_id.
OTHER_IDS = {
    ("sendgrid", "test_compatibility_message_id_from_smtp_id"): "wrfRRvF7Q0GgwUo2CvDmEA",
    ("sendgrid", "test_dropped_bounced"): "14c5d75ce93.dfd.64b469",
}
# Seconds where milliseconds belong: Anymail reads January 1970.
OTHER_TIMES = {("brevo", "test_error_email"): datetime(2020, 11, 9, 14, 53, 43, tzinfo=UTC)}


def captured() -> list[Any]:
    if not FOLDER.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"{FOLDER} is not here"))]
    return [
        pytest.param((slug, entry), id=f"{slug}-{entry['case']}-{place}")
        for slug in SLUGS
        for place, entry in enumerate(json.loads((FOLDER / f"{slug}.json").read_text(encoding="utf-8")))
    ]


@cache
def keys(slug: str) -> tuple[dict[str, str], dict[str, str]]:
    return new_secrets(slug)


def posted(slug: str, entry: dict[str, Any]) -> tuple[RawRequest, dict[str, str], datetime]:
    """The request, the secrets of the source it goes to, and when it comes."""
    headers = {name.lower(): str(value) for name, value in entry["headers"].items()}
    request = RawRequest(entry["raw_body"].encode(), NOW, entry["content_type"], headers)
    asked = BASIC if "authorization" in headers or "missing_auth" in entry["case"] else {}
    secrets = {**KNOWN_SECRETS.get(slug, {}), **asked}
    if slug == "mailgun":
        stamps = re.findall(rb'timestamp"(?:: "|\r\n\r\n)(\d{9,10})', request.body)
        return request, secrets, datetime.fromtimestamp(int(stamps[-1]), UTC) if stamps else NOW
    if slug == "resend":
        return request, secrets, datetime.fromtimestamp(float(headers.get("svix-timestamp", 0)), UTC)
    if slug == "postal" or "Signed" in entry["case"]:
        secrets |= keys(slug)[0]
        if entry["http_status"] != 400:
            _body, fresh = sign(slug, request.body, "", keys(slug)[1], NOW)
            headers |= {name.lower(): value for name, value in fresh.items() if name.startswith("X-")}
    if slug == "amazon_ses" and entry["http_status"] not in (400, 401):
        told = json.loads(request.body)
        request = replace(request, body=amazon.signed(told).body)
    return replace(request, headers=headers), secrets, NOW


@pytest.mark.parametrize("capture", captured())
def test_a_captured_request_is_taken_or_refused_as_it_was(capture: tuple[str, dict[str, Any]]) -> None:
    slug, entry = capture
    request, secrets, now = posted(slug, entry)
    provider = PROVIDERS[slug]
    if entry["http_status"] in (400, 401):
        with pytest.raises(Refused):
            provider.verify(request, secrets, now)
        return
    provider.verify(request, secrets, now)
    if "misconfigured" in entry["case"] or "incorrect" in entry["case"]:
        with pytest.raises(Unreadable):
            provider.parse(request)
    elif entry["http_status"] == 200:
        events = provider.parse(request)
        for event, wanted in zip(events, entry["normalized"], strict=True):
            compare((slug, entry["case"].partition(".")[2]), event, wanted)


def compare(name: tuple[str, str], event: Event, wanted: dict[str, Any]) -> None:
    assert event.recipient == (wanted.get("recipient") or "")
    assert event.message_id == OTHER_IDS.get(name, str(wanted.get("message_id") or ""))
    if wanted.get("timestamp"):
        # Anymail cuts the fraction of a second off for Postal.
        at = OTHER_TIMES.get(name, datetime.fromisoformat(wanted["timestamp"]))
        assert timedelta(0) <= event.occurred_at - at < timedelta(seconds=1 if name[0] == "postal" else 0.001)
    if wanted.get("mta_response"):
        assert event.comment == wanted["mta_response"]
    kind = OTHER_KINDS.get(name, KINDS[wanted["event_type"]])
    assert event.kind is kind
    hardness = Bounce.SOFT if name in SOFT else Bounce.HARD
    assert event.bounce is (hardness if kind is Kind.BOUNCED else Bounce.NONE)
