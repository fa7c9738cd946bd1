from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from urllib.parse import parse_qs, urlencode

import pytest

from tests.webhooks.providers.cases import RECEIVED as NOW
from webhooks.providers import PROVIDERS
from webhooks.providers.base import Secrets
from webhooks.requests import RawRequest, Refused
from webhooks.signing import new_secrets, sign

# Amazon's signature has a file of tests of its own.
SIGNING = ["mailersend", "mailgun", "mailtrap", "mandrill", "plain", "postal", "resend", "sendgrid", "unisender_go"]
# Mailgun signs a token, not the body: there the token is what a forger must change.
BODY_SIGNED = [slug for slug in SIGNING if slug != "mailgun"]
ALWAYS_SIGNED = ["mailersend", "mailgun", "mandrill", "plain", "postal", "resend", "unisender_go"]
TIMED = {"plain": timedelta(minutes=6), "resend": timedelta(minutes=6), "sendgrid": timedelta(hours=26),
         "mailgun": timedelta(hours=13)}  # fmt: skip
URL = "https://feeds.example.com/in/abc123"


@cache
def secrets_of(slug: str, place: int = 1) -> tuple[dict[str, str], dict[str, str]]:
    """The first or second secrets of a provider: making keys takes long, so they are made once."""
    return new_secrets(slug)


def signed(slug: str, keys: Secrets, url: str = URL) -> RawRequest:
    sample = PROVIDERS[slug].sample("ana@example.com", NOW)
    body, headers = sign(slug, sample.body, sample.content_type, keys, NOW, url)
    return replace(sample, body=body, headers={name.lower(): value for name, value in headers.items()}, url=URL)


def verify(slug: str, request: RawRequest, secrets: Secrets, now: datetime = NOW) -> None:
    PROVIDERS[slug].verify(request, secrets, now)


@pytest.mark.parametrize("slug", SIGNING)
def test_a_request_signed_with_the_secret_of_the_source_is_taken(slug: str) -> None:
    ours, theirs = secrets_of(slug)
    request = signed(slug, theirs)
    verify(slug, request, ours)
    assert [event.recipient for event in PROVIDERS[slug].parse(request)] == ["ana@example.com"]


@pytest.mark.parametrize("slug", SIGNING)
def test_a_request_signed_with_another_secret_is_refused(slug: str) -> None:
    ours, _theirs = secrets_of(slug)
    _other, strangers = secrets_of(slug, 2)
    with pytest.raises(Refused):
        verify(slug, signed(slug, strangers), ours)


@pytest.mark.parametrize("slug", BODY_SIGNED)
def test_a_request_altered_on_the_way_is_refused(slug: str) -> None:
    ours, theirs = secrets_of(slug)
    request = signed(slug, theirs)
    altered = request.body.replace(b"ana", b"bob")
    assert altered != request.body
    with pytest.raises(Refused):
        verify(slug, replace(request, body=altered), ours)


@pytest.mark.parametrize("slug", BODY_SIGNED)
def test_no_altered_byte_goes_through(slug: str) -> None:
    ours, theirs = secrets_of(slug)
    request = signed(slug, theirs)
    for place in range(0, len(request.body), max(1, len(request.body) // 40)):
        altered = request.body[:place] + bytes([request.body[place] ^ 1]) + request.body[place + 1 :]
        if slug == "mandrill" and parse_qs(altered) == parse_qs(request.body):
            continue  # what is signed are the fields, and these are the same
        with pytest.raises(Refused):
            verify(slug, replace(request, body=altered), ours)


@pytest.mark.parametrize("slug", SIGNING)
def test_a_request_without_its_signature_is_refused(slug: str) -> None:
    ours, _theirs = secrets_of(slug)
    with pytest.raises(Refused):
        verify(slug, replace(PROVIDERS[slug].sample("ana@example.com", NOW), url=URL), ours)


@pytest.mark.parametrize("slug", SIGNING)
@pytest.mark.parametrize("rubbish", ["", "x", "v1,", "v1,x v2", "===", "\x00", "é", "b'aW52YWxpZA=='"])
def test_a_rubbish_signature_is_refused(slug: str, rubbish: str) -> None:
    ours, theirs = secrets_of(slug)
    request = signed(slug, theirs)
    headers = {name: rubbish for name in request.headers if name != "content-type"}
    body = json.dumps({"auth": rubbish, "signature": {"timestamp": "1", "token": "x", "signature": rubbish}}).encode()
    carried = slug in ("mailgun", "unisender_go")
    with pytest.raises(Refused):
        verify(slug, replace(request, headers=headers, body=body if carried else request.body), ours)


@pytest.mark.parametrize("slug", SIGNING)
def test_two_secrets_may_be_in_use_while_one_is_replaced(slug: str) -> None:
    old, old_sender = secrets_of(slug)
    new, new_sender = secrets_of(slug, 2)
    both = {name: f"{old[name]}\n\n {new[name]} \n" for name in old}
    verify(slug, signed(slug, old_sender), both)
    verify(slug, signed(slug, new_sender), both)


@pytest.mark.parametrize("slug", ALWAYS_SIGNED)
def test_a_source_that_has_no_secret_yet_takes_nothing(slug: str) -> None:
    _ours, theirs = secrets_of(slug)
    with pytest.raises(Refused, match="no signing secret"):
        verify(slug, signed(slug, theirs), {})
    assert any(field.required for field in PROVIDERS[slug].secrets)


@pytest.mark.parametrize("slug", ["sendgrid", "postal"])
@pytest.mark.parametrize("key", ["not a key", "-----BEGIN PUBLIC KEY-----\nrubbish\n-----END PUBLIC KEY-----", "é"])
def test_a_public_key_that_is_none_is_told(slug: str, key: str) -> None:
    _ours, theirs = secrets_of(slug)
    with pytest.raises(Refused, match="public key"):
        verify(slug, signed(slug, theirs), {"public_key": key})


@pytest.mark.parametrize("slug", ["sendgrid", "postal"])
def test_a_public_key_may_be_in_pem_format_too(slug: str) -> None:
    ours, theirs = secrets_of(slug)
    pem = (
        f"-----BEGIN PUBLIC KEY-----\n{ours['public_key'][:64]}\n{ours['public_key'][64:]}\n-----END PUBLIC KEY-----\n"
    )
    verify(slug, signed(slug, theirs), {"public_key": pem})


@pytest.mark.parametrize("slug", ["resend", "plain"])
def test_a_secret_that_is_none_is_told(slug: str) -> None:
    _ours, theirs = secrets_of(slug)
    with pytest.raises(Refused, match="cannot be read"):
        verify(slug, signed(slug, theirs), {"signing_secret": "whsec_"})


@pytest.mark.parametrize("slug", sorted(TIMED))
def test_an_old_request_is_refused_however_well_it_is_signed(slug: str) -> None:
    ours, theirs = secrets_of(slug)
    request = signed(slug, theirs)
    with pytest.raises(Refused, match="ago"):
        verify(slug, request, ours, NOW + TIMED[slug])


@pytest.mark.parametrize("slug", ["plain", "resend"])
def test_a_request_from_the_future_is_refused(slug: str) -> None:
    ours, theirs = secrets_of(slug)
    with pytest.raises(Refused, match="clock"):
        verify(slug, signed(slug, theirs), ours, NOW - timedelta(minutes=6))


def test_mailguns_retries_of_eight_hours_are_taken() -> None:
    ours, theirs = secrets_of("mailgun")
    verify("mailgun", signed("mailgun", theirs), ours, NOW + timedelta(hours=8))


@pytest.mark.parametrize("field", ["timestamp", "token"])
def test_mailguns_token_cannot_be_made_younger_or_another(field: str) -> None:
    ours, theirs = secrets_of("mailgun")
    request = signed("mailgun", theirs)
    data = json.loads(request.body)
    data["signature"][field] = "1795900000" if field == "timestamp" else "another"
    with pytest.raises(Refused):
        verify("mailgun", replace(request, body=json.dumps(data).encode()), ours)


def test_mailguns_token_is_what_may_not_come_twice() -> None:
    provider = PROVIDERS["mailgun"]
    request = signed("mailgun", secrets_of("mailgun")[1])
    assert provider.nonce is not None
    assert provider.nonce(request) == json.loads(request.body)["signature"]["token"]
    form = RawRequest(
        urlencode([("token", "mine"), ("token", "theirs")]).encode(), NOW, "application/x-www-form-urlencoded"
    )
    assert provider.nonce(form) == "theirs"
    assert provider.nonce(RawRequest(b"rubbish", NOW)) == ""


def test_mailguns_older_form_is_verified_by_its_last_fields() -> None:
    ours, theirs = secrets_of("mailgun")
    proof = json.loads(signed("mailgun", theirs).body)["signature"]
    pairs = [("event", "opened"), ("token", "the sender's own"), *proof.items()]
    form = RawRequest(urlencode(pairs).encode(), NOW, "application/x-www-form-urlencoded")
    verify("mailgun", form, ours)
    with pytest.raises(Refused):
        verify("mailgun", replace(form, body=urlencode([*pairs, ("token", "appended")]).encode()), ours)


def test_mandrill_signs_its_address_too() -> None:
    ours, theirs = secrets_of("mandrill")
    with pytest.raises(Refused):
        verify("mandrill", signed("mandrill", theirs, url=URL + "/"), ours)


def test_mandrill_signs_the_name_and_password_in_its_address() -> None:
    ours, theirs = secrets_of("mandrill")
    auth = {"basic_auth": "feeds:pass word"}
    url = URL.replace("https://", "https://feeds:pass%20word@")
    verify("mandrill", signed("mandrill", theirs | auth, url=url), ours | auth)


def test_mandrills_empty_call_passes_as_its_key_is_not_known_yet() -> None:
    ours, _theirs = secrets_of("mandrill")
    empty = RawRequest(b"mandrill_events=%5B%5D", NOW, "application/x-www-form-urlencoded", {}, URL)
    verify("mandrill", empty, ours)
    verify("mandrill", empty, {})
    with pytest.raises(Refused):
        verify("mandrill", replace(empty, body=empty.body + b"&more=1"), ours)


def test_postals_older_signature_does_where_there_is_no_newer_one() -> None:
    ours, theirs = secrets_of("postal")
    request = signed("postal", theirs)
    older = {name: value for name, value in request.headers.items() if name != "x-postal-signature-256"}
    verify("postal", replace(request, headers=older), ours)
    wrong_newer = {**request.headers, "x-postal-signature-256": request.headers["x-postal-signature"]}
    with pytest.raises(Refused):
        verify("postal", replace(request, headers=wrong_newer), ours)


@pytest.mark.parametrize("slug", ["sendgrid", "mailtrap"])
def test_who_does_not_sign_at_all_may_stay_without_a_secret(slug: str) -> None:
    verify(slug, PROVIDERS[slug].sample("ana@example.com", NOW), {})


def authorized(pair: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


@pytest.mark.parametrize("slug", sorted(set(PROVIDERS) - {"amazon_ses"}))
def test_every_provider_may_be_asked_for_a_name_and_password(slug: str) -> None:
    ours, theirs = ({}, {}) if slug == "brevo" else secrets_of(slug)
    request = signed(slug, theirs | {"basic_auth": ""})
    asked = ours | {"basic_auth": "old:1\nfeeds:söcret"}
    for wrong in (
        {},
        authorized("feeds:x"),
        authorized(""),
        {"authorization": "Basic =?"},
        {"authorization": "Bearer x"},
    ):
        with pytest.raises(Refused, match="user name or password"):
            verify(slug, replace(request, headers={**request.headers, **wrong}), asked)
    for right in ("old:1", "feeds:söcret"):
        verify(slug, replace(request, headers={**request.headers, **authorized(right)}), asked)


def test_brevo_may_be_asked_for_a_token_instead() -> None:
    ours, theirs = secrets_of("brevo")
    verify("brevo", signed("brevo", theirs), ours | {"basic_auth": "feeds:x"})
    for headers in ({}, {"authorization": "Bearer x"}, {"authorization": f"Token {ours['token']}"}):
        with pytest.raises(Refused, match="token"):
            verify("brevo", replace(signed("brevo", theirs), headers=headers), ours)


def test_only_brevo_discards_what_was_answered_with_a_5xx() -> None:
    assert [slug for slug, provider in PROVIDERS.items() if provider.discards_on_5xx] == ["brevo"]


@pytest.mark.parametrize("slug", sorted(PROVIDERS))
def test_a_provider_keeps_the_headers_it_reads(slug: str) -> None:
    headers = signed(slug, secrets_of(slug)[1]).headers
    assert set(headers) - {"content-type"} <= set(PROVIDERS[slug].headers)
    assert "authorization" in PROVIDERS[slug].headers
