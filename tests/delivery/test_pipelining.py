"""Commands that are said ahead of their answers (RFC 2920): each answer is noted beside what it answers."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.models import Security
from delivery.transports import talk
from tests.delivery.test_transports import mail, once, relay
from tests.sinks import DROP, HANG, At, Slow, sink

pytestmark = pytest.mark.usefixtures("reachable")


def asked_at_once(sent: list[bytes]) -> bool:
    """Whether the commands of a mail came in one piece."""
    return any(piece.startswith(b"MAIL") and piece.endswith(b"DATA\r\n") for piece in sent)


@pytest.fixture
def pieces(monkeypatch: Any) -> list[bytes]:
    """What was given to the network, piece by piece."""
    found: list[bytes] = []
    send = talk.Talk.send

    def noted(self: talk.Talk, said: Any) -> None:
        found.append(said.encode() if isinstance(said, str) else said)
        send(self, said)

    monkeypatch.setattr(talk.Talk, "send", noted)
    return found


@pytest.mark.parametrize("offered", [True, False])
def test_commands_are_said_at_once_where_that_is_offered(offered: bool, pieces: list[bytes]) -> None:
    with sink(pipelining=offered) as server:
        connection = relay(server.port)
        outcomes = [connection.send(mail(f"p{n}@example.com")) for n in range(3)]
        connection.close()
    assert [outcome.reply for outcome in outcomes] == ["250 2.0.0 OK queued as 4cX1bF"] * 3
    assert [m.recipients for m in server.messages] == [[f"p{n}@example.com"] for n in range(3)]
    assert asked_at_once(pieces) is offered
    # Each answer stands beside what it answers.
    assert [(line.said.split(" ")[0], line.answer) for line in outcomes[2].lines[1:4]] == [
        ("MAIL", "250 2.1.0 OK"), ("RCPT", "250 2.1.5 OK"), ("DATA", "354 End data with <CR><LF>.<CR><LF>"),
    ]  # fmt: skip


@pytest.mark.parametrize("offered", [True, False])
@pytest.mark.parametrize(
    ("reply", "code", "stage", "answers"),
    [
        (At("mail", "451 4.3.0 Later"), "451", "mail", ["451", "503", "503", "250"]),
        ("550-5.1.1 No such\r\n550 5.1.1 user", "550", "rcpt", ["250", "550", "503", "250"]),
        (At("data", "554 5.7.1 No"), "554", "data", ["250", "250", "554", "250"]),
        (At("end", "554 5.7.1 Spam"), "554", "end", ["250", "250", "354", "554"]),
    ],
)
def test_a_refusal_is_of_the_command_it_answers_and_the_connection_goes_on(
    reply: Any, code: str, stage: str, answers: list[str], offered: bool
) -> None:
    with sink(
        replies={"bob@example.com": reply, "*": reply if stage == "mail" else "250 OK"}, pipelining=offered
    ) as mx:
        connection = relay(mx.port)
        outcome = connection.send(mail())
        mx.replies = {}
        following = connection.send(mail("carol@example.com"))
        connection.close()
    assert (outcome.code, outcome.stage, following.code) == (code, stage, "250")
    assert mx.connections == 1
    # The first two are the banner's and that of EHLO. Who waits for each answer says no more after a refusal.
    told = [line.answer[:3] for line in outcome.lines[2:]]
    assert told == [answer for answer in answers if offered or answer != "503"]
    assert [message.recipients for message in mx.messages] == [["carol@example.com"]]


def test_a_server_that_waits_for_a_message_to_nobody_gets_an_empty_one() -> None:
    with sink(replies={"bob@example.com": "550 No", "*": At("data", "354 Go on")}, pipelining=True) as server:
        connection = relay(server.port)
        outcome = connection.send(mail())
        server.replies = {}
        assert connection.send(mail("carol@example.com")).accepted
        connection.close()
    assert (outcome.code, outcome.stage) == ("550", "rcpt")
    assert [line.answer for line in outcome.lines[-3:]] == [
        "354 Go on",
        "554 5.5.1 No valid recipients",
        "250 2.0.0 OK",
    ]
    assert "." in server.commands
    assert server.connections == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("reply", "stage", "words"),
    [
        (At("mail", DROP), "mail", "lost connection"),
        (DROP, "rcpt", "lost connection"),
        (HANG, "rcpt", "no answer in time"),
        (At("data", DROP), "data", "lost connection"),
        (At("data", HANG), "data", "no answer in time"),
        (At("end", DROP), "end", "message may be sent more than once"),
    ],
)
def test_a_connection_that_ends_among_the_answers(reply: Any, stage: str, words: str) -> None:
    with sink(replies={"*": reply}, pipelining=True) as server:
        connection = relay(server.port)
        outcome = connection.send(mail())
        assert not connection.usable
        server.replies = {}
        assert connection.send(mail()).accepted
        connection.close()
    assert (outcome.code, outcome.stage) == ("", stage)
    assert words in outcome.reply


def test_a_server_that_says_good_bye_among_the_answers_is_not_waited_for() -> None:
    with sink(replies={"*": "421 4.3.2 Busy"}, pipelining=True) as server:
        connection = relay(server.port)
        outcome = connection.send(mail())
        assert not connection.usable
        connection.close()
    assert (outcome.code, outcome.stage, outcome.reply) == ("421", "rcpt", "421 4.3.2 Busy")


@pytest.mark.parametrize("offered", [True, False])
def test_a_message_that_was_not_sent_yet_is_never_taken_for_accepted(offered: bool) -> None:
    with sink(replies={"*": At("data", "250 2.0.0 OK")}, pipelining=offered) as server:
        outcome = once(relay(server.port))
    assert (outcome.code, outcome.stage, outcome.accepted) == ("", "data", False)
    assert "out of step" in outcome.reply


def test_answers_that_come_slowly_are_waited_for_one_by_one() -> None:
    with sink(replies={"*": [Slow(0.1), At("data", Slow(0.1, "354 Go on")), At("end", Slow(0.1, "250 OK"))]},
              pipelining=True) as server:  # fmt: skip
        outcome = once(relay(server.port))
    assert outcome.accepted
    assert len(server.messages) == 1


@pytest.mark.usefixtures("trusted")
def test_commands_are_said_at_once_through_tls(pieces: list[bytes]) -> None:
    with sink(tls=True, pipelining=True) as server:
        connection = relay(server.port, Security.REQUIRED)
        assert all(connection.send(mail(f"p{n}@example.com")).accepted for n in range(2))
        connection.close()
    assert asked_at_once(pieces)
    assert all(message.tls for message in server.messages)
