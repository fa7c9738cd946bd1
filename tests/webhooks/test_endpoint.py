from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from feeds import inbox, outage, spool
from feeds.events import Kind, Status
from feeds.models import Email, InboxDue, InboxRow, Rollup, StoredEvent
from tests import make
from webhooks import intake, signing, sources, tasks
from webhooks.models import SeenNonce, Source
from webhooks.providers import PROVIDERS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    """Nothing remembered from another test, no waiting, a spool of our own."""
    monkeypatch.setattr(sources, "_known", {})
    monkeypatch.setattr(intake, "_provider_of", {})
    monkeypatch.setattr(inbox, "LINGER_SECONDS", 0)
    outage.database.answered()
    settings.LIVEFEEDS_HOME = tmp_path


@pytest.fixture
def source() -> Source:
    return make.source(make.account(), "netcore")


def sent(n: int = 1, event: str = "sent") -> bytes:
    """Netcore's own format: n events about as many emails."""
    at = int(timezone.now().timestamp())
    return json.dumps(
        [{"TRANSID": 100 + i, "EVENT": event, "EMAIL": f"r{i}@example.com", "TIMESTAMP": at, "RESPONSE": "250 OK"}
         for i in range(n)]
    ).encode()  # fmt: skip


def post(source: Source, body: bytes | str, content_type: str = "application/json", **headers: str) -> HttpResponse:
    named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    return Client().post(f"/in/{source.token}", body, content_type=content_type, **named)  # type: ignore[arg-type, return-value]


def test_a_request_is_stored_and_then_shows_in_the_feed(source: Source) -> None:
    assert post(source, sent(3)).status_code == 200
    assert (InboxDue.objects.count(), Email.objects.count()) == (1, 0)
    inbox.work()
    assert set(Email.objects.values_list("recipient", flat=True)) == {f"r{n}@example.com" for n in range(3)}
    assert set(Email.objects.values_list("account_id", flat=True)) == {source.account_id}


def test_storing_takes_one_statement(source: Source, django_assert_num_queries: Any) -> None:
    post(source, sent())
    with django_assert_num_queries(1):
        post(source, sent())


@pytest.mark.parametrize(("method", "status"), [("get", 200), ("put", 405), ("delete", 405), ("head", 200)])
def test_only_posts_are_taken(source: Source, method: str, status: int) -> None:
    assert getattr(Client(), method)(f"/in/{source.token}").status_code == status
    assert not InboxRow.objects.exists()


def test_an_unknown_address_is_404_for_every_method() -> None:
    for method in ("post", "head", "get"):
        assert getattr(Client(), method)("/in/no-such-source").status_code == 404


def test_a_source_that_is_switched_off_takes_nothing(source: Source) -> None:
    Source.objects.filter(id=source.id).update(enabled=False)
    answer = post(source, sent())
    assert (answer.status_code, b"switched off" in answer.content) == (403, True)
    assert not InboxRow.objects.exists()


def test_what_is_too_large_or_no_webhook_request_is_refused_with_the_reason(source: Source) -> None:
    large = post(source, b"x" * (5 * 1024 * 1024 + 1))
    assert (large.status_code, b"5 MB" in large.content) == (413, True)
    assert post(source, b"<xml/>", "application/xml").status_code == 415
    assert not InboxRow.objects.exists()


def test_empty_test_calls_are_answered(source: Source) -> None:
    assert post(source, b"").status_code == 200
    assert post(source, b"[]").status_code == 200
    inbox.work()
    assert (Email.objects.count(), InboxDue.objects.count()) == (0, 0)


def test_a_wrong_password_is_401_and_stores_nothing(source: Source) -> None:
    source.secrets = {"basic_auth": "name:password"}
    source.save()
    refused = post(source, sent())
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'Basic realm="Live Feeds"')
    assert post(source, sent(), authorization="Basic bmFtZTp3cm9uZw==").status_code == 401
    assert not InboxRow.objects.exists()
    assert post(source, sent(), authorization="Basic bmFtZTpwYXNzd29yZA==").status_code == 200
    assert "authorization" not in InboxRow.objects.get().headers


def test_secrets_are_not_readable_in_the_database(source: Source) -> None:
    source.secrets = {"basic_auth": "name:password"}
    source.save()
    with connection.cursor() as cursor:
        cursor.execute("select secrets from webhooks_source where id = %s", [source.id])
        assert "password" not in cursor.fetchone()[0]
    assert Source.objects.get().secrets == {"basic_auth": "name:password"}


def test_garbage_is_kept_and_shown_not_lost(source: Source) -> None:
    assert post(source, b"\xff\x00 not json").status_code == 200
    inbox.work()
    (failure,) = inbox.failures(source.id)
    assert "not JSON" in failure.error
    assert bytes(failure.inbox.body) == b"\xff\x00 not json"


def mailgun() -> tuple[Source, dict[str, str]]:
    ours, theirs = signing.new_secrets("mailgun")
    return make.source(make.account(), "mailgun", secrets=ours), theirs


def signed(source: Source, secrets: dict[str, str], recipient: str = "bob@example.com", age: int = 0) -> bytes:
    now = timezone.now() - timedelta(seconds=age)
    raw = PROVIDERS[source.provider].sample(recipient, now)
    body, _headers = signing.sign(source.provider, raw.body, raw.content_type, secrets, now)
    return body


def test_a_token_that_comes_again_with_another_body_is_a_replay_and_with_the_same_a_retry() -> None:
    source, secrets = mailgun()
    first = signed(source, secrets)
    other = first.replace(b"bob@example.com", b"eve@example.com")
    assert [post(source, body).status_code for body in (first, first, other)] == [200, 200, 401]
    inbox.work()
    assert list(Email.objects.values_list("recipient", flat=True)) == ["bob@example.com"]


def test_an_old_token_is_refused_and_forgotten_later() -> None:
    source, secrets = mailgun()
    assert post(source, signed(source, secrets, age=13 * 3600)).status_code == 401
    assert post(source, signed(source, secrets)).status_code == 200
    assert intake.forget_nonces(timezone.now()) == 0
    SeenNonce.objects.update(seen_at=timezone.now() - timedelta(days=3))
    assert intake.forget_nonces(timezone.now()) == 1


# ---- The database is away -----------------------------------------------------------------------------------


def away(*args: object, **kwargs: object) -> None:
    raise OperationalError("the connection is lost")


def test_without_the_database_requests_are_spooled_and_read_in_when_it_is_back(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(source, b"[]")
    with monkeypatch.context() as lost:
        lost.setattr(inbox, "store", away)
        lost.setattr(sources, "_look_up", away)
        lost.setattr(sources, "_known", {})  # a process that started meanwhile
        received = timezone.now()
        assert post(source, sent(2)).status_code == 200
    assert len(list((spool.folder()).glob("*.json"))) == 1
    tasks.read_spool()
    inbox.work()
    assert Email.objects.count() == 2
    row = InboxRow.objects.latest("id")
    assert abs(row.received_at - received) < timedelta(seconds=2)


def test_a_replay_in_the_spool_is_kept_and_marked_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    source, secrets = mailgun()
    first = signed(source, secrets)
    assert post(source, first).status_code == 200
    with monkeypatch.context() as lost:
        lost.setattr(intake, "store", away)
        for body in (first.replace(b"bob@example.com", b"eve@example.com"), signed(source, secrets, "ann@example.com")):
            assert post(source, body).status_code == 200
    tasks.read_spool()
    inbox.work()
    assert set(Email.objects.values_list("recipient", flat=True)) == {"bob@example.com", "ann@example.com"}
    assert "used before" in inbox.failures(source.id)[0].error


@pytest.mark.django_db(transaction=True)
def test_what_the_database_refuses_is_marked_and_holds_up_nobody(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as the token of a source that somebody deleted meanwhile."""
    gone, secrets = mailgun()
    for known, body in ((source, b"[]"), (gone, signed(gone, secrets))):
        assert post(known, body).status_code == 200
    with monkeypatch.context() as lost:
        lost.setattr(intake, "store", away)
        assert post(gone, signed(gone, secrets)).status_code == 200
        assert post(source, sent(1)).status_code == 200
    inbox.work()
    Source.objects.filter(pk=gone.pk).delete()
    tasks.read_spool()
    inbox.work()
    assert Email.objects.count() == 2
    assert inbox.failures(gone.id)[0].error.startswith("The database refused it: insert or update on table")
    assert not list(spool.folder().glob("*.json"))


def test_where_nothing_can_be_written_the_provider_is_asked_to_come_again(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(incoming: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(inbox, "store", away)
    monkeypatch.setattr(spool, "keep", full)
    answer = post(source, sent())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    brevo = make.source(source.account, "brevo")  # discards an event at a 5xx
    assert post(brevo, b"{}").status_code == 429


def test_a_source_nobody_remembers_is_asked_to_come_again_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "_look_up", away)
    assert Client().post("/in/unheard-of", b"[]", content_type="application/json").status_code == 429


# ---- Four senders at once -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_three_times_shuffled_by_four_senders_is_the_same_as_once_in_order(source: Source) -> None:
    events = ["sent", "opened", "clicked", "bounced", "unsubscribed", "spam", "dropped"]
    bodies = [sent(5, event) for event in events]
    once = make.source(source.account, "netcore")
    for body in bodies:
        assert post(once, body).status_code == 200
    inbox.work()
    thrice = bodies * 3
    random.Random(7).shuffle(thrice)

    def send_and_read(body: bytes) -> int:
        try:
            status = post(source, body).status_code
            inbox.work()
            return status
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as senders:
        assert set(senders.map(send_and_read, thrice)) == {200}
    inbox.work()

    def rows(of: Source) -> list[tuple[Any, ...]]:
        emails = Email.objects.filter(source_id=of.id).order_by("recipient")
        return list(emails.values_list("recipient", "status", "opens", "clicks", "bounce", "comment", "first_at"))

    assert rows(source) == rows(once)
    assert [row[1] for row in rows(once)] == [Status.DROPPED] * 5
    assert StoredEvent.objects.filter(source_id=source.id).count() == 35
    opened = Rollup.objects.filter(kind=Kind.OPENED)
    assert (sum(r.events for r in opened), sum(r.emails for r in opened)) == (10, 10)
