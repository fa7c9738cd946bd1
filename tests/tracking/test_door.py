"""Pixels and links: answered whatever is away, kept before they are answered, and in the feed once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from feeds import inbox, outage, spool
from feeds.events import Kind, Status
from feeds.models import InboxRow, StoredEvent
from tests import make
from tests.site import wait_until
from tests.tracking.mail import CHROME, ask, read, sent
from tracking import hits, recorder
from tracking.door import IMAGE
from webhooks import tasks

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_pixel_is_an_image_that_nobody_stores_and_an_open() -> None:
    mail = sent()
    (answer,) = ask(mail.signer.pixel())
    assert (answer.status, answer.body) == (200, IMAGE)
    assert answer.headers["content-type"] == "image/gif"
    assert "no-store" in answer.headers["cache-control"]
    read()
    (opened,) = mail.events
    assert (opened.kind, opened.ip, opened.user_agent, opened.name) == (Kind.OPENED, "192.0.2.7", CHROME, "open")
    assert (mail.now().status, mail.now().opens) == (Status.OPENED, 1)


def test_a_link_leads_to_its_exact_target_and_is_a_click() -> None:
    mail = sent()
    target = "https://example.com/a;b?c=%C3%A4&d=e+f#g[h]"
    (answer,) = ask(mail.link(target))
    assert (answer.status, answer.headers["location"], answer.body) == (302, target, b"")
    assert "no-store" in answer.headers["cache-control"]
    read()
    (clicked,) = mail.events
    assert (clicked.kind, clicked.url) == (Kind.CLICKED, target)
    assert mail.now().status == Status.CLICKED


def test_what_follows_the_address_does_not_matter() -> None:
    mail = sent()
    assert [answer.status for answer in ask(mail.link(), mail.link() + "/", mail.link() + "/x")] == [302] * 3


def test_a_head_is_answered_without_a_body_and_is_a_machine() -> None:
    mail = sent()
    pixel, link = ask(mail.signer.pixel(), mail.link(), method="HEAD")
    assert (pixel.status, pixel.body, pixel.headers["content-length"]) == (200, b"", str(len(IMAGE)))
    assert (link.status, link.headers["location"]) == (302, "https://example.com/")
    read()
    assert sorted(mail.kinds) == [Kind.MACHINE_OPENED, Kind.MACHINE_CLICKED]
    assert mail.now().status == Status.DELIVERED


def test_repeated_hits_are_all_kept() -> None:
    mail = sent()
    ask(*[mail.signer.pixel()] * 3, *[mail.link()] * 2)
    read()
    assert (mail.now().opens, mail.now().clicks) == (3, 2)


def test_hits_that_come_together_are_stored_together() -> None:
    mail, other = sent(), sent(recipient="ann@example.com")
    answers = ask(*[mail.signer.pixel()] * 20, *[other.link()] * 20)
    assert {answer.status for answer in answers} == {200, 302}
    assert InboxRow.objects.count() == 2
    read()
    assert (mail.now().opens, other.now().clicks) == (20, 20)


@pytest.mark.parametrize("path", ["/t/o/nonsense", "/t/c/1abc/def", "/t/x/1abc", "/t/", "/t/u/1abc", "/a/b", "/"])
def test_what_is_not_valid_is_left_to_the_pages_and_nothing_kept(path: str) -> None:
    assert ask(path)[0].status == 299
    assert not InboxRow.objects.exists()


def test_pages_of_a_tracking_host_get_to_django_under_the_name_of_the_site(settings: Any) -> None:
    settings.LIVEFEEDS_URL = "https://feeds.example.com"
    assert ask("/t/u/1abc")[0].headers["x-host"] == "feeds.example.com"
    assert ask("/a/acme/")[0].headers["x-host"] == "links.acme.test"


def test_a_changed_pixel_is_an_image_and_a_changed_link_a_plain_page() -> None:
    mail = sent()
    client = Client()
    pixel = client.get(mail.signer.pixel()[:-1] + "x")
    assert (pixel.status_code, pixel.content, pixel["Content-Type"]) == (200, IMAGE, "image/gif")
    link = client.get(mail.link().replace("/t/c/1", "/t/c/1x"), headers={"accept-language": "pt-br"})
    assert (link.status_code, link["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "Location" not in link
    assert client.post(mail.link()).status_code == 405
    assert not InboxRow.objects.exists()
    assert not link.cookies


@given(st.sampled_from("ocux"), st.text(max_size=80), st.text(max_size=40))
def test_no_path_leads_anywhere_or_breaks(purpose: str, token: str, carried: str) -> None:
    from urllib.parse import quote

    path = f"/t/{purpose}/{quote(token, safe='')}/{quote(carried, safe='')}"
    assert ask(path)[0].status == 299
    answer = Client().get(path)
    assert answer.status_code in (200, 404)
    assert "Location" not in answer


def test_a_link_works_after_its_email_is_gone_and_tells_nothing() -> None:
    mail = sent()
    StoredEvent.objects.all().delete()
    mail.email.delete()
    (answer,) = ask(mail.link())
    assert answer.status == 302
    read()
    assert not StoredEvent.objects.exists()
    assert not inbox.failures(-mail.email.account_id)


def test_a_token_of_another_account_tells_nothing_of_this_one() -> None:
    from tracking.tokens import Signer

    mail = sent()
    stranger = make.account("Other")
    ask(Signer(stranger.id, mail.email.id).pixel())
    read()
    assert mail.events == []


@pytest.mark.parametrize(("proxies", "forwarded", "ip"), [
    (0, "203.0.113.9", "192.0.2.7"), (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"), (1, "", "192.0.2.7"),
    (2, "198.51.100.1, 203.0.113.9", "198.51.100.1"), (2, "198.51.100.1\n203.0.113.9", "198.51.100.1"),
    (1, "198.51.100.1\n203.0.113.9", "203.0.113.9"),
])  # fmt: skip
def test_the_visitor_is_who_the_proxies_we_trust_say(settings: Any, proxies: int, forwarded: str, ip: str) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    mail = sent()
    ask(mail.signer.pixel(), x_forwarded_for=forwarded)
    read()
    assert [event.ip for event in mail.events] == [ip]


def test_odd_headers_break_nothing() -> None:
    mail = sent()
    ask(mail.signer.pixel(), agent="\x00ÿ" * 2000)
    read()
    assert len(mail.events) == 1


def away(*_args: object, **_named: object) -> None:
    raise OperationalError("connection refused")


def test_without_the_database_everything_is_answered_and_in_the_feed_once_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mail = sent()
    with monkeypatch.context() as lost:
        lost.setattr(inbox, "store", away)
        for _round in range(5):
            answers = ask(*[mail.link()] * 100, *[mail.signer.pixel()] * 100)
            assert [answer.status for answer in answers] == [302] * 100 + [200] * 100
    assert not InboxRow.objects.exists()
    outage.database.answered()
    tasks.read_spool()
    read()
    assert (mail.now().opens, mail.now().clicks) == (500, 500)


def test_what_was_stored_and_spooled_as_well_is_in_the_feed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database may have stored a hit and gone away before it said so."""
    mail = sent()
    store = inbox.store

    def half(incoming: Any) -> None:
        store(incoming)
        away()

    with monkeypatch.context() as lost:
        lost.setattr(inbox, "store", half)
        ask(mail.link())
    outage.database.answered()
    tasks.read_spool()
    assert InboxRow.objects.count() == 2
    read()
    assert mail.now().clicks == 1


def test_nobody_waits_for_a_store_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    mail, go_on = sent(), threading.Event()
    store = inbox.store

    def slow(incoming: Any) -> int:
        go_on.wait(20)
        return store(incoming)

    monkeypatch.setattr(recorder, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(inbox, "store", slow)
    try:
        assert ask(mail.link())[0].status == 302
    finally:
        go_on.set()
    wait_until(InboxRow.objects.exists, 20, "kept afterwards")


@pytest.mark.parametrize(("most", "letters"), [(10, 10**9), (10**9, 10 * len(CHROME))])
def test_while_the_database_hangs_no_more_than_a_few_wait_in_memory(
    monkeypatch: pytest.MonkeyPatch, most: int, letters: int
) -> None:
    mail, go_on = sent(), threading.Event()
    store = inbox.store

    def slow(incoming: Any) -> int:
        go_on.wait(20)
        return store(incoming)

    for name, value in {"LONGEST_WAIT": 0.01, "THREADS": 2, "MOST": most, "MOST_LETTERS": letters}.items():
        monkeypatch.setattr(recorder, name, value)
    monkeypatch.setattr(inbox, "store", slow)
    try:
        assert {answer.status for answer in ask(*[mail.signer.pixel()] * 75)} == {200}
        # Two threads hold ten each, as many wait, and less than ten may have been seen by neither.
        wait_until(lambda: spooled() >= 40, 20, "on disk")
    finally:
        go_on.set()
    tasks.read_spool()

    def all_of_them() -> bool:
        read()
        return mail.now().opens == 75

    wait_until(all_of_them, 20, "in the feed, each once")


def spooled() -> int:
    return sum(len(hits.stored(spool._read(path).body)) for path in spool.folder().glob("*.json"))


def test_where_the_disk_hangs_as_well_people_still_get_there(monkeypatch: pytest.MonkeyPatch) -> None:
    mail, go_on = sent(), threading.Event()

    def slow(_incoming: Any) -> int:
        go_on.wait(20)
        return 0

    for name, value in {"LONGEST_WAIT": 0.01, "THREADS": 1, "MOST": 5, "MOST_ASIDE": 2}.items():
        monkeypatch.setattr(recorder, name, value)
    monkeypatch.setattr(inbox, "store", slow)
    monkeypatch.setattr(spool, "keep", slow)
    try:
        with capture_logs() as told:
            assert {answer.status for answer in ask(*[mail.link()] * 60)} == {302}
    finally:
        go_on.set()
    assert {(one["event"], one["count"]) for one in told} == {("hits_lost", 5)}


def test_where_nothing_can_be_written_people_still_get_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_incoming: object) -> None:
        raise OSError("No space left on device")

    mail = sent()
    monkeypatch.setattr(inbox, "store", away)
    monkeypatch.setattr(spool, "keep", full)
    assert [answer.status for answer in ask(mail.link(), mail.signer.pixel())] == [302, 200]
