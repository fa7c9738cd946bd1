"""The receiving half of the simulated world."""

from __future__ import annotations

import smtplib
from collections import Counter
from datetime import UTC, datetime
from email import message_from_bytes
from random import Random
from typing import Any

import pytest

from simulator import letters, mailboxes, readers, reports, server
from simulator.acts import Doer
from simulator.people import Person, people
from simulator.world import World
from tests.site import free_port

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PEOPLE = people(Random(1))
RAW = (
    b"From: shop@corvo.example\r\nTo: ana@x.example\r\nSubject: Hi\r\nMessage-ID: <1@corvo.example>\r\n"
    b"List-Unsubscribe: <mailto:u+1@corvo.example>, <https://feeds.example/u/1>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nContent-Type: text/html\r\n\r\n"
    b'<a href="https://feeds.example/c/1?a=1&amp;b=2">go</a><img src="https://feeds.example/o/1.gif" alt="">\r\n'
)


def somebody(**wanted: Any) -> Person:
    return next(p for p in PEOPLE if all(getattr(p, name) == value for name, value in wanted.items()))


def boxes() -> mailboxes.Mailboxes:
    return mailboxes.Mailboxes(PEOPLE, Random(1))


class TestServers:
    @pytest.mark.parametrize(
        ("wanted", "begins"), [({"gone": True}, "55"), ({"full": True}, "452"), ({"operator": "apple"}, "250")]
    )
    def test_they_answer_as_the_mailbox_is(self, wanted: dict[str, Any], begins: str) -> None:
        person = somebody(**{"gone": False, "full": False} | wanted)
        assert boxes().recipient(person.address, 0).reply.startswith(begins)

    def test_nobody_else_has_a_mailbox(self) -> None:
        assert boxes().recipient("stranger@gmail.com", 0).reply.startswith("550 5.1.1")

    def test_a_greylisting_server_takes_the_second_attempt(self) -> None:
        person = next(p for p in PEOPLE if p.address.endswith("-labs.example") and not p.gone and not p.full)
        box = boxes()
        assert [box.recipient(person.address, at).reply[:3] for at in (0, 60)] == ["450", "250"]

    def test_a_large_provider_takes_so_many_a_minute(self) -> None:
        person, box = somebody(operator="google", gone=False, full=False), boxes()
        said = Counter(box.recipient(person.address, 1.0).reply[:3] for _ in range(mailboxes.MOST_A_MINUTE + 5))
        assert said == {"250": mailboxes.MOST_A_MINUTE, "421": 5}
        assert box.recipient(person.address, 62.0).accepts

    def test_most_messages_are_taken_and_each_answer_is_one_line(self) -> None:
        person, box = somebody(operator="google", gone=False, full=False), boxes()
        said = [box.message(person.address).reply for _ in range(1000)]
        assert sum(reply.startswith("250") for reply in said) > 900
        assert all("\n" not in reply and reply[3] == " " for reply in said)


class TestReaders:
    def test_they_see_what_a_mail_client_sees(self) -> None:
        came = readers.letter("b+1@bounces.corvo.example", "ana@x.example", RAW)
        assert came.links == ("https://feeds.example/c/1?a=1&b=2",)
        assert came.pixels == ("https://feeds.example/o/1.gif",)
        assert came.leave == "https://feeds.example/u/1"

    def test_everything_is_done_with_some_mail(self) -> None:
        came, reader = readers.letter("b+1@x.example", "ana@x.example", RAW), readers.Readers(Random(1))
        person = somebody(scanned=True)
        acts = [reader.plan(came, person) for _ in range(3000)]
        assert {act.what for plan in acts for act in plan} == {"get", "head", "leave", "bounce", "complain", "away"}
        assert all(plan == sorted(plan, key=lambda act: act.after) for plan in acts)


@pytest.mark.parametrize(
    ("make", "kind"), [(reports.bounce, "message/delivery-status"), (reports.complaint, "message/feedback-report")]
)
def test_reports_are_whole(make: Any, kind: str) -> None:
    came = readers.letter("b+1@bounces.corvo.example", "ana@x.example", RAW)
    report = message_from_bytes(make(came, NOW))
    parts = [part.get_content_type() for part in report.walk()]
    assert parts[:3] == ["multipart/report", "text/plain", kind]
    assert "<1@corvo.example>" in str(report)


def test_an_application_writes_what_the_api_reads() -> None:
    body = letters.request(World(1, {"plain": 1.0}).email(NOW))
    assert body["personalizations"][0]["attributes"]["GREETING"].startswith("Hello ")
    assert "[%GREETING%]" in body["content"][0]["value"]


def test_mail_is_taken_over_smtp() -> None:
    doer = Doer("http://127.0.0.1:1", "http://feeds.example", ("127.0.0.1", 1))
    handler = server.Handler(boxes(), readers.Readers(Random(1)), doer)
    port = free_port()
    controller = server.serve(handler, port)
    try:
        person = somebody(operator="apple", gone=False, full=False)
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.ehlo()
            assert client.mail("b+1@corvo.example")[0] == 250
            assert client.rcpt("nobody@nowhere.example")[0] == 550
            assert client.rcpt(person.address)[0] == 250
            assert client.data(RAW)[0] in (250, 450, 550)
    finally:
        controller.stop()
        doer.end()
