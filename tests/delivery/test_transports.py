from __future__ import annotations

import base64
import socket
import ssl
from typing import Any

import pytest

from delivery import compose, guard, tokens
from delivery.compose import Mail
from delivery.models import Security, Transport
from delivery.transports import talk
from delivery.transports.base import Outcome
from delivery.transports.mx import Direct
from delivery.transports.relay import Relay
from delivery.transports.smtp import SmtpConnection
from tests.delivery.test_compose import message, outgoing
from tests.names import names
from tests.sinks import DROP, HANG, At, Slow, sink
from tests.site import free_port

pytestmark = pytest.mark.usefixtures("reachable")


def mail(recipient: str = "bob@example.com", **fields: Any) -> Mail:
    return compose.compose(message(**fields), outgoing(recipient=recipient), None)


def relay(port: int, security: Security = Security.OPPORTUNISTIC, **fields: Any) -> SmtpConnection:
    return Relay(Transport(kind="relay", host="localhost", port=port, security=security, **fields)).connect("")


def once(connection: SmtpConnection, given: Mail | None = None) -> Outcome:
    """Send one mail, and close the connection."""
    try:
        return connection.send(given or mail())
    finally:
        connection.close()


def said(outcome: Outcome) -> list[str]:
    return [line.said for line in outcome.lines]


# ---- One mail ---------------------------------------------------------------------------------------------


def test_a_mail_is_handed_over_and_every_word_is_noted() -> None:
    with sink() as server:
        connection = relay(server.port)
        given = mail(parts={"text": ".hidden\n..\nend"})
        outcome = connection.send(given)
        connection.close()
    assert outcome.accepted
    assert (outcome.code, outcome.enhanced, outcome.stage) == ("250", "2.0.0", "end")
    assert outcome.reply == "250 2.0.0 OK queued as 4cX1bF"
    assert (outcome.host, outcome.ip, outcome.tls, outcome.connected) == ("localhost", "127.0.0.1", "", True)
    size = len(given.as_bytes())
    assert said(outcome) == [
        f"(connect to localhost [127.0.0.1] port {server.port})",
        "EHLO out.host.test",
        f"MAIL FROM:<news@acme.test> SIZE={size}",
        "RCPT TO:<bob@example.com>",
        "DATA",
        f"({size:,} bytes of message)",
    ]
    assert outcome.lines[0].answer.startswith("220 mx.sink.test")
    assert outcome.lines[3].answer == "250 2.1.5 OK"
    assert [line.at_ms for line in outcome.lines] == sorted(line.at_ms for line in outcome.lines)
    assert server.messages[0].data == given.as_bytes()


@pytest.mark.parametrize(
    ("reply", "code", "enhanced", "stage"),
    [
        ("452 4.2.2 Mailbox full", "452", "4.2.2", "rcpt"),
        ("550-5.1.1 No such user.\r\n550 5.1.1 Try another", "550", "5.1.1", "rcpt"),
        (At("end", "554 5.7.1 Spam"), "554", "5.7.1", "end"),
        (At("mail", "451 Later"), "451", "", "mail"),
        (At("connect", "554 5.7.1 Go away"), "554", "5.7.1", "banner"),
        (At("ehlo", "421 4.3.2 Busy"), "421", "4.3.2", "ehlo"),
    ],
)
def test_a_refusal_comes_back_word_for_word(reply: Any, code: str, enhanced: str, stage: str) -> None:
    with sink(replies={"*": reply}) as server:
        outcome = once(relay(server.port))
    assert (outcome.code, outcome.enhanced, outcome.stage) == (code, enhanced, stage)
    assert outcome.connected
    assert not server.messages


def test_lines_of_a_reply_become_one_sentence_and_stay_lines_in_the_conversation() -> None:
    with sink(replies={"*": "550-5.7.26 Not authenticated.\r\n550-5.7.26 See the page.\r\n550 5.7.26 gsmtp"}) as server:
        outcome = once(relay(server.port))
    assert outcome.reply == "550 5.7.26 Not authenticated. See the page. gsmtp"
    answers = [line.answer for line in outcome.lines if line.said.startswith("RCPT")]
    assert answers == ["550-5.7.26 Not authenticated.\n550-5.7.26 See the page.\n550 5.7.26 gsmtp"]


@pytest.mark.parametrize(
    ("reply", "stage", "words"),
    [
        (HANG, "rcpt", "no answer in time"),
        (DROP, "rcpt", "lost connection"),
        (At("connect", HANG), "banner", "no answer in time"),
        (At("connect", DROP), "banner", "lost connection"),
        (At("end", DROP), "end", "message may be sent more than once"),
        (At("ehlo", DROP), "ehlo", "lost connection"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_a_server_that_says_nothing_is_told_as_such(reply: Any, stage: str, words: str) -> None:
    with sink(replies={"*": reply}) as server:
        outcome = once(relay(server.port))
    assert (outcome.code, outcome.stage) == ("", stage)
    assert words in outcome.reply


def test_nobody_there() -> None:
    port = free_port()
    outcome = once(relay(port))
    assert (outcome.code, outcome.stage, outcome.connected) == ("", "connect", False)
    assert outcome.reply == f"connect to localhost[127.0.0.1]:{port}: connection refused"


def test_an_answer_that_never_ends_is_not_waited_for(settings: Any) -> None:
    settings.SMTP_TIMEOUTS |= {"banner": 0.3}
    with socket.create_server(("127.0.0.1", 0)) as server:
        outcome = once(relay(server.getsockname()[1]))
    assert "no answer in time" in outcome.reply


# ---- Many mails -------------------------------------------------------------------------------------------


def test_a_connection_carries_many_mails_whatever_became_of_the_one_before() -> None:
    with sink(replies={"full@example.com": "452 4.2.2 Full", "spam@example.com": At("end", "554 No")}) as server:
        connection = relay(server.port)
        codes = [connection.send(mail(f"{who}@example.com")).code for who in ("a", "full", "b", "spam", "c")]
        assert connection.usable
        connection.close()
    assert codes == ["250", "452", "250", "554", "250"]
    assert server.connections == 1
    assert server.commands.count("RSET") == 1


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew() -> None:
    with sink() as server:
        connection = relay(server.port)
        assert connection.send(mail()).accepted
        server.close_connections()
        outcome = connection.send(mail())
        connection.close()
    assert outcome.accepted
    assert server.connections == 2
    assert len(server.messages) == 2


def test_a_server_that_says_goodbye_between_two_mails_is_greeted_again() -> None:
    with sink(replies={"*": ["250 OK", At("mail", "421 4.4.2 Idle too long"), "250 OK"]}) as server:
        connection = relay(server.port)
        codes = [connection.send(mail()).code for _time in range(2)]
        connection.close()
    assert codes == ["250", "250"]
    assert server.connections == 2


# ---- TLS and signing in -----------------------------------------------------------------------------------


def test_tls_is_used_where_it_is_offered_and_nobody_asks_for_the_certificate() -> None:
    with sink(tls=True) as server:
        outcome = once(relay(server.port))
    assert outcome.accepted
    assert outcome.tls.startswith("TLSv1.")
    assert server.messages[0].tls


def test_required_tls_refuses_a_server_without_it() -> None:
    with sink() as server:
        outcome = once(relay(server.port, Security.REQUIRED))
    assert (outcome.code, outcome.stage) == ("", "tls")
    assert outcome.reply == "TLS is required, but the server does not offer STARTTLS."
    assert not server.messages


def test_required_tls_refuses_a_certificate_nobody_vouches_for() -> None:
    for fields, security in (({"tls": True}, Security.REQUIRED), ({"implicit_tls": True}, Security.IMPLICIT)):
        with sink(**fields) as server:
            outcome = once(relay(server.port, security))
        assert (outcome.code, outcome.stage) == ("", "tls")
        assert "self-signed certificate" in outcome.reply
        assert not server.messages


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("fields", "security"), [({"tls": True}, Security.REQUIRED), ({"implicit_tls": True}, Security.IMPLICIT)]
)
def test_a_certificate_that_fits_is_taken(fields: dict[str, Any], security: Security) -> None:
    with sink(**fields, logins={"acme": "geheim"}) as server:
        outcome = once(relay(server.port, security, username="acme", secrets={"password": "geheim"}))
    assert outcome.accepted, outcome.reply
    assert server.messages[0].tls
    assert server.messages[0].username == "acme"
    assert "geheim" not in str(outcome.lines)
    assert "AUTH PLAIN ****" in said(outcome)


@pytest.mark.usefixtures("trusted")
def test_a_server_that_knows_only_the_older_way_of_signing_in_is_signed_in_to() -> None:
    with sink(tls=True, logins={"acme": "geheim"}, without=["PLAIN"]) as server:
        outcome = once(relay(server.port, Security.REQUIRED, username="acme", secrets={"password": "geheim"}))
    assert outcome.accepted, outcome.reply
    assert server.messages[0].username == "acme"
    assert said(outcome).count("****") == 2
    assert base64.b64encode(b"geheim").decode() not in str(outcome.lines)


def test_tls_that_fails_is_done_without_where_it_was_only_welcome(monkeypatch: Any) -> None:
    old = ssl.create_default_context()
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("AES128-SHA")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    monkeypatch.setattr(talk, "_contexts", {False: old})
    with sink(tls=True) as server:
        connection = relay(server.port)
        outcome = once(connection)
    assert outcome.accepted, outcome.reply
    assert outcome.tls == ""
    assert any("going on without" in line for line in said(outcome))
    assert server.connections == 2


def test_a_server_whose_name_cannot_be_said_is_an_outcome_too() -> None:
    with sink(tls=True) as server:
        connection = SmtpConnection(lambda: [talk.Server(".bad", "127.0.0.1", server.port)], Direct().rules)
        outcome = once(connection)
    assert outcome.accepted, outcome.reply


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_is_the_relays_refusal_and_of_no_recipient() -> None:
    with sink(tls=True, logins={"acme": "geheim"}) as server:
        outcome = once(relay(server.port, Security.REQUIRED, username="acme", secrets={"password": "no"}))
    assert (outcome.code, outcome.stage) == ("535", "auth")


def test_a_password_never_travels_unprotected_unless_somebody_said_so() -> None:
    with sink(logins={"acme": "geheim"}) as server:
        refused = once(relay(server.port, username="acme", secrets={"password": "geheim"}))
        plain = once(relay(server.port, Security.NONE, username="acme", secrets={"password": "geheim"}))
    assert "unprotected" in refused.reply
    assert plain.accepted


# ---- What servers can and cannot --------------------------------------------------------------------------


def test_delivery_reports_are_asked_for_where_a_relay_offers_them() -> None:
    with sink(dsn=True) as server:
        once(relay(server.port), mail("a+b@example.com"))
        with names({("example.com", "MX"): ["10 mx.example.com."]}):
            once(SmtpConnection(lambda: [talk.Server("localhost", "127.0.0.1", server.port)], Direct().rules))
    asked = server.messages[0].dsn
    assert asked["RET"] == "HDRS"
    assert tokens.read(asked["ENVID"]) == 42
    assert asked["NOTIFY"] == "SUCCESS,FAILURE,DELAY"
    assert asked["ORCPT"] == "rfc822;a+2Bb@example.com"
    assert server.messages[1].dsn == {}


def test_addresses_beyond_ascii_go_only_where_they_are_understood() -> None:
    for utf8, code in ((True, "250"), (False, "550")):
        with sink(utf8=utf8) as server:
            outcome = once(relay(server.port), mail("bób@exämple.com"))
        assert outcome.code == code
        assert len(server.messages) == int(utf8)
    assert outcome.enhanced == "5.6.7"


def test_a_mail_that_is_too_large_is_not_even_begun() -> None:
    with sink(size=1000) as server:
        outcome = once(relay(server.port), mail(parts={"text": "x" * 2000}))
    assert (outcome.code, outcome.enhanced) == ("552", "5.3.4")
    assert not any(command.startswith("MAIL") for command in server.commands)


# ---- Where nobody may go -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("127.0.0.1", True),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("::10.0.0.1", False),
        ("::ffff:0:10.0.0.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("nonsense", False),
    ],
)
def test_only_public_addresses_are_reached_and_those_the_installation_allows(address: str, allowed: bool) -> None:
    assert guard.is_allowed(address) is allowed


def test_a_relay_inside_the_network_needs_the_installations_word(settings: Any) -> None:
    settings.ALLOWED_NETWORKS = []
    with sink() as server:
        outcome = once(relay(server.port))
    assert "not a public address" in outcome.reply
    assert outcome.enhanced.startswith("4.")
    assert server.connections == 0


def test_a_slow_server_is_waited_for() -> None:
    with sink(replies={"*": Slow(0.2)}) as server:
        outcome = once(relay(server.port))
    assert outcome.accepted
    assert outcome.lines[-1].at_ms >= 200
