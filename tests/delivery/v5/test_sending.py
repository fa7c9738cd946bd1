"""POST /v5/mail/send, by what a client sends and is told."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.keys import Scope
from accounts.models import Account, ApiKey
from delivery import accept as accepting
from delivery.models import Answered, Attachment, Message, Outgoing
from delivery.v5 import door
from feeds.events import Held, Status
from feeds.models import Email
from tests import make
from tests.delivery.v5.asking import SEND, fields, key, post, request, told

pytestmark = pytest.mark.django_db
FIXTURES = Path(__file__).parents[2] / "fixtures" / "v5"


@pytest.fixture
def account() -> Account:
    account = make.account()
    make.sender_domain(account)
    door.database.answered()
    return account


@pytest.fixture
def api_key(account: Account) -> str:
    return key(account)


def with_group(**fields: Any) -> dict[str, Any]:
    return request(personalizations=[{"to": [{"email": "bob@example.com"}]} | fields])


def test_a_message_is_taken_and_its_id_told(api_key: str) -> None:
    answer = post(api_key, request())
    assert answer.status_code == 202
    message = Message.objects.get()
    assert told(answer) == {"data": {"message_id": message.uid}, "message": "OK", "status": "success"}
    assert Email.objects.get().message_id == message.uid
    assert message.key_id == ApiKey.objects.get().id


@pytest.mark.parametrize("path", ["/v5/mail/send", "/v5.1/mail/send"])
@pytest.mark.parametrize("fixture", sorted(path.name for path in FIXTURES.glob("*.json")))
def test_what_the_published_clients_send_is_taken(account: Account, api_key: str, path: str, fixture: str) -> None:
    make.sender_domain(account, "example.net")
    answer = post(api_key, (FIXTURES / fixture).read_bytes(), "application/json; charset=utf-8", path)
    assert (answer.status_code, answer.content) == (202, answer.content)
    assert Outgoing.objects.exists()


def test_every_field_ends_where_it_belongs(account: Account, api_key: str) -> None:
    make.sender_domain(account, "example.net")
    body = json.loads((FIXTURES / "full.json").read_text())
    assert post(api_key, body).status_code == 202

    message = Message.objects.get()
    assert (message.sender, message.sender_name, message.subject) == ("hello@example.net", "Example", "Hello [%NAME%]")
    assert message.parts == {
        "reply_to": "reply@example.net", "html": "<p>Hey [%NAME%]</p>", "text": "", "amp": "<html amp4email></html>",
        "headers": {},
    }  # fmt: skip
    assert message.settings == {
        "footer": True, "click_track": True, "open_track": True, "unsubscribe_track": True, "hepf": False,
    }  # fmt: skip
    emails = {email.recipient: email for email in Email.objects.all()}
    assert {name: email.argument for name, email in emails.items()} == {
        "a@example.com": '{"Arg1":"Value1"}', "b@example.com": '{"Arg1":"Value1"}',
        "cc@example.com": '{"Arg1":"Value2"}',
        "bcc@example.com": '{"Arg1":"Value3"}', "global-bcc@example.com": '{"Arg1":"Value3"}',
    }  # fmt: skip
    assert {(email.subject, *email.tags) for email in emails.values()} == {("Hello TEAM", "Campaign")}
    rows = {row.recipient: row for row in Outgoing.objects.all()}
    assert rows["a@example.com"].headers == {"X-Custom": "value"}
    assert rows["bcc@example.com"].addressed == {
        "to": [["A", "a@example.com"], ["B", "b@example.com"]], "cc": [["CC", "cc@example.com"]],
    }  # fmt: skip
    kept = Attachment.objects.order_by("id")
    assert [(f.recipient_group, f.name, f.content_type, bytes(f.content)) for f in kept] == [
        (None, "global.txt", "text/plain", b"Hello"), (0, "personal.txt", "text/plain", b"Hello"),
    ]  # fmt: skip


def test_a_schedule_holds_the_message_until_then(api_key: str) -> None:
    at = (timezone.now() + timedelta(hours=1)).replace(microsecond=0)
    post(api_key, request(schedule=int(at.timestamp())))
    row = Outgoing.objects.get()
    assert (row.held, row.next_attempt_at) == (Held.SCHEDULED, at)


def test_unset_and_unknown_fields_do_not_matter(api_key: str) -> None:
    unset = dict.fromkeys(
        ["reply_to", "template_id", "attachments", "settings", "tags", "lint_payload", "schedule", "bcc"]
    )
    unset |= {"settings": {"footer": None, "ip_pool": "p", "ippool": "p"}, "priorityflag": 1, "template_id": 0}
    assert post(api_key, request(**unset)).status_code == 202
    assert Message.objects.get().settings == {}
    assert post(api_key, with_group(attributes=[], headers=None, cc=None, token_to=None)).status_code == 202


def test_attributes_may_be_numbers_and_nothing(api_key: str) -> None:
    post(api_key, with_group(attributes={"N": 7, "F": 1.5, "B": True, "X": None, "T": "t"}))
    assert Outgoing.objects.get().attributes == {"N": "7", "F": "1.5", "B": "true", "X": "", "T": "t"}


def test_a_token_may_be_an_object(api_key: str) -> None:
    post(api_key, with_group(token_to={"id": 7}))
    assert Email.objects.get().argument == '{"id":7}'


def test_nothing_can_add_a_header(api_key: str) -> None:
    body = with_group(headers={"X-One": "1\r\nBcc: eve@example.com"}) | {"subject": "Hi\r\nBcc: eve@example.com"}
    body["from"]["name"] = "Me\nX: y"
    post(api_key, body)
    assert Outgoing.objects.get().headers == {"X-One": "1 Bcc: eve@example.com"}
    message = Message.objects.get()
    assert (message.subject, message.sender_name) == ("Hi Bcc: eve@example.com", "Me X: y")


def test_an_attachment_comes_out_as_it_went_in(api_key: str) -> None:
    content = bytes(range(256)) * 100
    wrapped = base64.encodebytes(content).decode()
    assert post(api_key, request(attachments=[{"name": "C:\\x\\ü.pdf", "content": wrapped}])).status_code == 202
    kept = Attachment.objects.get()
    assert (bytes(kept.content), kept.name, kept.content_type) == (content, "ü.pdf", "application/pdf")


def test_a_bad_address_is_dropped_and_the_request_is_taken(api_key: str) -> None:
    assert post(api_key, request("nonsense", "bob@example.com")).status_code == 202
    assert Email.objects.get(status=Status.DROPPED).recipient == "nonsense"


def test_only_checking_stores_nothing(api_key: str) -> None:
    answer = post(api_key, request(lint_payload=True), idempotency_key="k")
    assert (answer.status_code, told(answer)["data"]) == (200, {})
    assert fields(post(api_key, request(lint_payload=True, subject=""))) == ["subject"]
    assert not any(table.objects.exists() for table in (Message, Email, Outgoing, Answered))


# ---- What is wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["from.email", "subject", "content", "personalizations"]),
        (request(subject=None), ["subject"]),
        (request(subject=7), ["subject"]),
        (request(**{"from": "me@acme.test"}), ["from"]),
        (request(**{"from": {"email": ["x"]}}), ["from.email"]),
        (request(**{"from": {"email": "me@elsewhere.test"}}), ["from.email"]),
        (request(content="<p>"), ["content"]),
        (request(content=[{"type": "pdf", "value": "x"}]), ["content[0].type"]),
        (request(content=[{"type": "html", "value": "x"}] * 2), ["content[1].type"]),
        (request(content=[{"type": "amp", "value": "x"}]), ["content"]),
        (request(template_id=7), ["template_id"]),
        (request(personalizations={"to": []}), ["personalizations"]),
        (request(personalizations=[None]), ["personalizations[0]"]),
        (request(personalizations=[{"to": ["a@x.com"]}]), ["personalizations[0].to[0]"]),
        (request(personalizations=[{"to": [{"email": "a@x.com"}]}, {"to": [{"name": "A"}]}]),
         ["personalizations[1].to[0].email"]),
        (request("a@x.com", "b@x.com", "c@x.com", ""), ["personalizations[3].to[0].email"]),
        (with_group(cc=[{"email": "c@x.com"}, {"email": 7}]), ["personalizations[0].cc[1].email"]),
        (with_group(attributes={"A": []}), ["personalizations[0].attributes.A"]),
        (with_group(attributes="A"), ["personalizations[0].attributes"]),
        (with_group(token_to="x" * 256), ["personalizations[0].token_to"]),
        (with_group(attachments=[{"name": "a", "content": "?"}]), ["personalizations[0].attachments[0].content"]),
        (request(attachments=[{"content": "SGk="}]), ["attachments[0].name"]),
        (request(attachments=[{"name": "a", "content": "SGk"}]), ["attachments[0].content"]),
        (request(settings={"open_track": "yes"}), ["settings.open_track"]),
        (request(lint_payload="no"), ["lint_payload"]),
        (request(tags="a,b"), ["tags"]),
        (request(tags=["a", 7]), ["tags[1]"]),
        (request(schedule="tomorrow"), ["schedule"]),
        (request(schedule=10**18), ["schedule"]),
        (request(schedule=[1]), ["schedule"]),
        (request(bcc=[{}]), ["bcc[0].email"]),
        (request(reply_to="nobody"), ["reply_to"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_the_path_of_its_field(api_key: str, body: Any, wrong: list[str]) -> None:
    answer = post(api_key, body)
    assert (answer.status_code, fields(answer)) == (400, wrong)
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe{", b"[" * 200_000, b'{"a":NaN}', b"1" * 5000, b"\x80"]
)
def test_what_is_no_json_object_is_told_so(api_key: str, body: bytes) -> None:
    answer = post(api_key, body)
    assert (answer.status_code, fields(answer)) == (400, [""])


def test_an_answer_is_never_longer_than_what_was_asked(api_key: str) -> None:
    assert len(fields(post(api_key, request(personalizations=[7] * 5000)))) == 100


@pytest.mark.parametrize("method", ["get", "put", "delete", "head"])
def test_only_posts_are_taken(api_key: str, method: str) -> None:
    answer = getattr(Client(), method)(SEND, HTTP_API_KEY=api_key)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "kind", ["application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_only_json_is_taken(api_key: str, kind: str) -> None:
    assert post(api_key, request(), kind).status_code == 415


def test_a_request_that_is_too_large_is_refused(api_key: str, settings: Any) -> None:
    settings.SEND_REQUEST_MOST_BYTES = 1000
    answer = post(api_key, request(subject="x" * 1000))
    assert (answer.status_code, fields(answer)) == (413, [""])


def test_a_request_may_be_compressed(api_key: str) -> None:
    packed = gzip.compress(json.dumps(request()).encode())
    assert post(api_key, packed, content_encoding="gzip").status_code == 202
    halves = gzip.compress(b'{"from":') + gzip.compress(json.dumps(request())[len('{"from":') :].encode())
    assert post(api_key, halves, content_encoding="gzip").status_code == 202
    for broken in (packed[:-9], b"not gzip", packed + b"x"):
        assert post(api_key, broken, content_encoding="gzip").status_code == 400
    assert post(api_key, packed, content_encoding="br").status_code == 415


def test_a_bomb_is_not_unpacked(api_key: str, settings: Any) -> None:
    settings.SEND_REQUEST_MOST_BYTES = 100_000
    assert post(api_key, gzip.compress(b" " * 50_000_000), content_encoding="gzip").status_code == 413


# ---- Who may ----------------------------------------------------------------------------------------------


def test_without_a_key_that_fits_nothing_is_taken(account: Account) -> None:
    reading = key(account, Scope.READ)
    elsewhere = key(account, networks=["192.0.2.0/24"])
    old = key(account, expires_at=timezone.now() - timedelta(days=1))
    for raw, status in (("", 401), ("lf_nonsense", 401), (old, 401), (reading, 403), (elsewhere, 403)):
        answer = post(raw, request())
        assert (answer.status_code, fields(answer)) == (status, ["api_key"])
    assert not Message.objects.exists()


def test_the_key_is_asked_for_before_anything_is_read() -> None:
    assert post("", b"{").status_code == 401


def test_a_key_that_was_revoked_ends_at_once(api_key: str) -> None:
    assert post(api_key, request()).status_code == 202
    ApiKey.objects.update(revoked_at=timezone.now())
    assert post(api_key, request()).status_code == 401


def test_the_key_may_come_as_a_bearer_as_well(api_key: str) -> None:
    assert post("", request(), authorization=f"Bearer {api_key}").status_code == 202


def test_behind_a_proxy_the_network_is_that_of_the_caller(account: Account, settings: Any) -> None:
    raw = key(account, networks=["192.0.2.0/24"])
    assert post(raw, request(), x_forwarded_for="192.0.2.7").status_code == 403
    settings.TRUSTED_PROXY_COUNT = 1
    assert post(raw, request(), x_forwarded_for="203.0.113.1, 192.0.2.7").status_code == 202


def test_a_key_acts_for_its_own_account_only(account: Account) -> None:
    other = make.account()
    assert fields(post(key(other), request())) == ["from.email"]
    make.sender_domain(other)
    post(key(other), request())
    assert set(Message.objects.values_list("account_id", flat=True)) == {other.id}


def test_a_disabled_account_is_taken_from_and_held(account: Account, api_key: str) -> None:
    Account.objects.filter(id=account.id).update(enabled=False)
    assert post(api_key, request()).status_code == 202
    assert Outgoing.objects.get().held == Held.DISABLED


# ---- Once -------------------------------------------------------------------------------------------------


def test_a_request_that_comes_again_with_its_key_is_answered_as_before(api_key: str) -> None:
    first, again = (post(api_key, request(), idempotency_key="order-7") for _n in range(2))
    assert (first.status_code, again.status_code, again.content) == (202, 202, first.content)
    assert Message.objects.count() == 1


def test_its_key_with_another_request_is_422(api_key: str) -> None:
    post(api_key, request(), idempotency_key="order-7")
    answer = post(api_key, request("eve@example.com"), idempotency_key="order-7")
    assert (answer.status_code, fields(answer)) == (422, ["Idempotency-Key"])
    assert fields(post(api_key, request(), idempotency_key="x" * 256)) == ["Idempotency-Key"]
    assert Message.objects.count() == 1


def test_without_the_database_the_client_is_asked_to_come_again(api_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: Any) -> None:
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(accepting, "accept", away)
        answer = post(api_key, request())
        assert (answer.status_code, answer["Retry-After"], fields(answer)) == (503, "10", [""])
        patch.setattr(door, "unlock", away)
        assert post(api_key, request()).status_code == 503
        assert post(api_key, request()).status_code == 503  # without asking
    door.database.answered()
    assert post(api_key, request()).status_code == 202


def test_no_secret_and_no_address_is_logged(api_key: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    post(api_key, request("bob@example.com"))
    post(api_key, request(subject=""))
    post(api_key + "x", request("bob@example.com"))
    lines = " ".join(record.getMessage() for record in caplog.records)
    assert "v5" in lines
    assert api_key not in lines
    assert "bob@" not in lines
