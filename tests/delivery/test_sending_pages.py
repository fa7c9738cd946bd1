from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account, AuditEntry, Role
from delivery import signing
from delivery.models import RetryPolicy, Security, Transport
from feeds.models import Email
from tests import make
from tests.sinks import sink
from tests.site import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("reachable")]

RELAY = {"name": "House", "host": "relay.acme.test", "port": "2525", "security": Security.REQUIRED.value,
         "username": "acme", "secret_password": "geheim", "connections": "3", "per_minute": "600"}  # fmt: skip


@pytest.fixture
def acme() -> Account:
    return make.account()


@pytest.fixture
def admin(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, role=Role.ADMIN))
    return client


def url(name: str, acme: Account, *keys: Any) -> str:
    return reverse(name, args=[acme.slug, *keys])


def relay(acme: Account, **fields: Any) -> Transport:
    given = {"name": "House", "kind": "relay", "host": "127.0.0.1", "port": 25} | fields
    return Transport.objects.create(account=acme, **given)


# ---- Ways out ---------------------------------------------------------------------------------------------


def test_without_any_way_out_the_page_says_how_mail_leaves(acme: Account, admin: Client) -> None:
    page = admin.get(url("transports", acme)).content.decode()
    assert "leaves straight to the recipients" in page
    assert "5, 15, 30, 60, 120, 240, 360" in page


def test_while_the_way_of_all_mail_is_switched_off_the_page_says_what_happens_to_it(
    acme: Account, admin: Client
) -> None:
    relay(acme, is_default=True, enabled=False)
    page = admin.get(url("transports", acme)).content.decode()
    assert "<strong>House</strong> is switched off: until it is switched on again" in page
    assert "leaves through" not in page
    assert page.count(">all mail<") == 1
    assert "nothing, while it is switched off" in page


def test_a_relay_is_added_and_its_password_never_comes_back(acme: Account, admin: Client) -> None:
    assert admin.post(url("transport-add", acme, "relay"), RELAY).status_code == 302
    made = Transport.objects.get()
    assert (made.host, made.port, made.security, made.username) == ("relay.acme.test", 2525, 2, "acme")
    assert (made.secrets, made.connections, made.per_minute) == ({"password": "geheim"}, 3, 600)
    assert made.is_default
    page = admin.get(url("transport-edit", acme, made.pk)).content.decode()
    assert "geheim" not in page
    assert "It is set." in page
    changed = RELAY | {"name": "Attic", "secret_password": "", "enabled": "on"}
    assert admin.post(url("transport-edit", acme, made.pk), changed).status_code == 302
    made.refresh_from_db()
    assert (made.name, made.secrets) == ("Attic", {"password": "geheim"})
    admin.post(url("transport-edit", acme, made.pk), changed | {"secret_password": "neu"})
    made.refresh_from_db()
    assert (made.secrets, made.enabled, made.is_default) == ({"password": "neu"}, True, True)
    assert "geheim" not in str(list(AuditEntry.objects.values_list("details", flat=True)))
    assert AuditEntry.objects.filter(action="transport.changed").count() == 2


@pytest.mark.parametrize(
    "wrong",
    [{"host": ""}, {"host": "a b"}, {"port": "0"}, {"port": "70000"}, {"connections": "0"}, {"per_minute": "0"}],
)
def test_what_cannot_be_right_is_said_beside_its_field(acme: Account, admin: Client, wrong: dict[str, str]) -> None:
    assert admin.post(url("transport-add", acme, "relay"), RELAY | wrong).status_code == 422
    assert not Transport.objects.exists()


def test_a_provider_is_added_with_its_own_fields_and_its_webhook(acme: Account, admin: Client) -> None:
    webhook, theirs = make.source(acme, "postmark"), make.source(make.account("Other"))
    fields = {"name": "Postmark", "secret_server_token": "tok", "given_message_stream": "outbound",
              "source_id": webhook.pk, "connections": "4"}  # fmt: skip
    assert admin.post(url("transport-add", acme, "postmark"), fields | {"source_id": theirs.pk}).status_code == 422
    assert admin.post(url("transport-add", acme, "postmark"), fields | {"secret_server_token": ""}).status_code == 422
    assert admin.post(url("transport-add", acme, "postmark"), fields).status_code == 302
    made = Transport.objects.get()
    assert (made.kind, made.provider, made.source_id) == ("provider", "postmark", webhook.pk)
    assert made.secrets == {"server_token": "tok", "message_stream": "outbound"}
    page = admin.get(url("transport-edit", acme, made.pk)).content.decode()
    assert "outbound" in page
    assert "tok" not in page.replace("csrfmiddlewaretoken", "").replace("Server token", "").replace("server_token", "")


def test_all_mail_leaves_one_way_at_a_time(acme: Account, admin: Client) -> None:
    first, second = relay(acme, is_default=True), relay(acme, name="Attic")
    admin.post(url("transport-default", acme, second.pk))
    assert [way.pk for way in Transport.objects.filter(is_default=True)] == [second.pk]
    admin.post(url("transport-default", acme, second.pk), {"off": "1"})
    assert not Transport.objects.filter(is_default=True).exists()
    assert Transport.objects.filter(pk=first.pk).exists()


def test_a_way_out_is_deleted_when_its_name_is_typed(acme: Account, admin: Client) -> None:
    made = relay(acme)
    ours = make.sender_domain(acme, transport=made)
    assert "acme.test" in admin.get(url("transport-delete", acme, made.pk)).content.decode()
    assert admin.post(url("transport-delete", acme, made.pk), {"name": "x"}).status_code == 422
    assert admin.post(url("transport-delete", acme, made.pk), {"name": "House"}).status_code == 302
    ours.refresh_from_db()
    assert ours.transport is None


def test_ways_out_of_others_are_not_there(acme: Account, admin: Client) -> None:
    theirs = relay(make.account("Other"))
    for name in ("transport-edit", "transport-delete", "transport-test"):
        assert admin.get(url(name, acme, theirs.pk)).status_code == 404
    assert admin.post(url("transport-default", acme, theirs.pk)).status_code == 404
    assert admin.get(url("transport-add", acme, "nonsense")).status_code == 404


def test_members_below_administrators_see_none_of_it(acme: Account) -> None:
    client = Client()
    client.force_login(make.member(acme, role=Role.MEMBER))
    for name in ("transports", "transport-choose", "sending-test", "sending-retry-add"):
        assert client.get(url(name, acme)).status_code == 403


# ---- The test mail ----------------------------------------------------------------------------------------


def test_a_test_mail_goes_at_once_and_the_whole_conversation_is_shown(acme: Account, admin: Client) -> None:
    key = signing.make_key()
    make.sender_domain(acme, private_key=key.private, public_key=key.public)
    with sink() as server:
        way = relay(acme, port=server.port)
        page = admin.post(
            url("transport-test", acme, way.pk), {"sender": "test@acme.test", "recipient": "me@example.com"}
        ).content.decode()
    (message,) = server.messages
    assert message.recipients == ["me@example.com"]
    assert message.sender == "test@acme.test"
    assert message.data.startswith(b"DKIM-Signature:")
    assert "This is a test mail." in message.parsed.get_content()
    assert "It was accepted" in page
    assert "RCPT TO:&lt;me@example.com&gt;" in page
    assert "250 2.0.0 OK queued as 4cX1bF" in page
    assert not Email.objects.exists()
    assert AuditEntry.objects.get().action == "transport.tested"


def test_a_refusal_is_explained(acme: Account, admin: Client) -> None:
    make.sender_domain(acme)
    with sink(replies={"*": "550 5.1.1 No such user here"}) as server:
        way = relay(acme, port=server.port)
        fields = {"sender": "test@acme.test", "recipient": "me@example.com"}
        page = admin.post(url("transport-test", acme, way.pk), fields).content.decode()
    assert "550 5.1.1 No such user here" in page
    assert "In plain words" in page


def test_a_relay_that_is_not_there_is_told_as_such(acme: Account, admin: Client) -> None:
    make.sender_domain(acme)
    way = relay(acme, port=free_port())
    fields = {"sender": "test@acme.test", "recipient": "me@example.com"}
    page = admin.post(url("transport-test", acme, way.pk), fields).content.decode()
    assert "connection refused" in page
    assert "No mail server could be reached there." in page


def test_a_test_mail_goes_straight_to_the_recipient_too(acme: Account, admin: Client, settings: Any) -> None:
    make.sender_domain(acme)
    with sink() as server:
        settings.MX_ROUTES = {"*": ("127.0.0.1", server.port)}
        admin.post(url("sending-test", acme), {"sender": "test@acme.test", "recipient": "me@example.com"})
    assert len(server.messages) == 1


def test_a_test_mail_comes_from_a_domain_of_the_account(acme: Account, admin: Client) -> None:
    make.sender_domain(make.account("Other"), "other.test")
    fields = {"sender": "test@other.test", "recipient": "me@example.com"}
    answer = admin.post(url("sending-test", acme), fields)
    assert answer.status_code == 422
    assert "does not send from other.test" in answer.content.decode()


# ---- Retries ----------------------------------------------------------------------------------------------


def test_a_policy_is_added_changed_and_deleted(acme: Account, admin: Client) -> None:
    fields = {"domain": "Gmail.com", "minutes": "10, 20 60", "give_up_hours": "24"}
    assert admin.post(url("sending-retry-add", acme), fields).status_code == 302
    policy = RetryPolicy.objects.get()
    assert (policy.domain, policy.minutes, policy.give_up_hours) == ("gmail.com", [10, 20, 60], 24)
    assert admin.post(url("sending-retry-add", acme), fields).status_code == 422
    assert "10, 20, 60" in admin.get(url("transports", acme)).content.decode()
    changed = fields | {"domain": "", "minutes": "5"}
    assert admin.post(url("sending-retry", acme, policy.pk), changed).status_code == 302
    policy.refresh_from_db()
    assert (policy.domain, policy.minutes) == ("", [5])
    assert admin.post(url("sending-retry-delete", acme, policy.pk)).status_code == 302
    assert not RetryPolicy.objects.exists()
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["retries.added", "retries.changed", "retries.deleted"]


@pytest.mark.parametrize(
    "wrong",
    [{"minutes": ""}, {"minutes": "soon"}, {"minutes": "0"}, {"minutes": "99999"}, {"minutes": ",".join(["5"] * 21)},
     {"give_up_hours": "0"}, {"give_up_hours": "999"}, {"domain": "no domain"}],
)  # fmt: skip
def test_a_policy_that_cannot_be_kept_is_refused(acme: Account, admin: Client, wrong: dict[str, str]) -> None:
    fields = {"domain": "gmail.com", "minutes": "5", "give_up_hours": "24"} | wrong
    assert admin.post(url("sending-retry-add", acme), fields).status_code == 422


def test_policies_of_others_are_not_there(acme: Account, admin: Client) -> None:
    theirs = RetryPolicy.objects.create(account=make.account("Other"), minutes=[5])
    assert admin.get(url("sending-retry", acme, theirs.pk)).status_code == 404
    assert admin.post(url("sending-retry-delete", acme, theirs.pk)).status_code == 404
