from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import dns.resolver
import pytest

from delivery import resolver
from delivery.transports import mx
from delivery.transports.base import Outcome
from delivery.transports.mx import Direct
from tests.delivery.test_transports import mail, once, said
from tests.names import MISSING, SILENT, names
from tests.sinks import sink

pytestmark = pytest.mark.usefixtures("reachable")


def direct(domain: str = "example.com") -> Outcome:
    return once(Direct().connect(domain), mail(f"bob@{domain}"))


def test_the_servers_of_a_domain_are_tried_in_their_order(monkeypatch: Any) -> None:
    records = {
        ("example.com", "MX"): ["20 b.example.com.", "10 a.example.com.", "30 gone.example.com."],
        ("a.example.com", "A"): ["127.0.0.1"],
        ("b.example.com", "A"): ["127.0.0.2"],
        ("b.example.com", "AAAA"): ["::1"],
    }
    with names(records) as dns:
        found = mx.servers_of("example.com")
        assert [(server.host, server.ip) for server in found] == [
            ("a.example.com", "127.0.0.1"),
            ("b.example.com", "127.0.0.2"),
        ]
        count = len(dns.asked)
        mx.servers_of("example.com")
        assert len([name for name, _kind in dns.asked[count:] if name == "example.com"]) == 0
    with names({("example.com", "MX"): [f"10 mx{n}.example.com." for n in range(5)]} | {
        (f"mx{n}.example.com", "A"): ["127.0.0.1"] for n in range(5)
    }):  # fmt: skip
        assert len({mx.servers_of("example.com")[0].host for _time in range(40)}) > 1


def test_the_next_server_takes_what_the_first_one_does_not(monkeypatch: Any) -> None:
    records = {
        ("example.com", "MX"): ["10 a.example.com."],
        ("a.example.com", "A"): ["127.0.0.9", "127.0.0.1"],
    }
    with sink() as server, names(records):
        monkeypatch.setattr(mx, "PORT", server.port)
        monkeypatch.setattr(socket, "create_connection", _refusing(socket.create_connection, "127.0.0.9"))
        outcome = direct()
    assert outcome.accepted
    assert "connection refused" in " ".join(said(outcome))
    assert server.messages[0].recipients == ["bob@example.com"]


def _refusing(connect: Any, ip: str) -> Any:
    """As if nobody listened at one address; the tests may only connect to 127.0.0.1."""

    def wrapped(address: tuple[str, int], *rest: Any, **named: Any) -> Any:
        if address[0] == ip:
            raise ConnectionRefusedError(111, "Connection refused")
        return connect(address, *rest, **named)

    return wrapped


@pytest.mark.parametrize(
    ("records", "code", "enhanced"),
    [
        ({("example.com", "MX"): ["0 ."]}, "556", "5.1.10"),
        ({}, "550", "5.1.2"),
        ({("example.com", "TXT"): ["v=spf1"]}, "550", "5.1.2"),
        ({("example.com", "MX"): SILENT}, "451", "4.4.3"),
        ({("example.com", "TXT"): ["x"], ("example.com", "A"): SILENT}, "451", "4.4.3"),
        ({("example.com", "MX"): ["10 gone.example.com."]}, "451", "4.4.4"),
        ({("example.com", "MX"): ["10 in.example.com."], ("in.example.com", "A"): ["10.0.0.1"]}, "451", "4.4.4"),
        ({("example.com", "MX"): MISSING}, "550", "5.1.2"),
    ],
)
def test_a_domain_that_cannot_be_mailed_is_told_with_the_reason(records: Any, code: str, enhanced: str) -> None:
    with names(records):
        outcome = direct()
    assert (outcome.code, outcome.enhanced, outcome.stage, outcome.connected) == (code, enhanced, "dns", False)
    assert outcome.reply.startswith(f"{code} {enhanced} ")
    assert outcome.lines


def test_without_mx_the_domain_itself_is_asked(monkeypatch: Any) -> None:
    with sink() as server, names({("example.com", "A"): ["127.0.0.1"]}):
        monkeypatch.setattr(mx, "PORT", server.port)
        assert direct().accepted


def test_settings_may_send_domains_elsewhere(settings: Any) -> None:
    with sink() as server, names({}):
        settings.MX_ROUTES = {".test": ("127.0.0.1", server.port), "*": ("127.0.0.1", 1)}
        assert direct("deep.example.test").accepted
        assert not direct("example.com").connected


def test_what_dns_says_is_kept_as_long_as_it_says_within_bounds(time_machine: Any) -> None:
    time_machine.move_to(0, tick=False)
    with names({("example.com", "MX"): ["10 a.example.com."], ("a.example.com", "A"): ["127.0.0.1"]}, seconds=0) as dns:
        for _time in range(3):
            mx.servers_of("example.com")
        assert dns.asked.count(("example.com", "MX")) == 1


class Denying:
    """A resolver that says of every name but these that it does not exist."""

    def __init__(self, *known: str) -> None:
        self.known = known

    def resolve(self, name: str, kind: str, **options: Any) -> Any:
        if name not in self.known:
            raise dns.resolver.NXDOMAIN
        return SimpleNamespace(rrset=object())


@pytest.mark.parametrize(("known", "error"), [((".",), resolver.NoSuchName), ((), resolver.NoAnswer)])
def test_who_knows_no_name_at_all_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, known: tuple[str, ...], error: type[Exception]
) -> None:
    monkeypatch.setattr(resolver, "_resolver", SimpleNamespace(it=Denying(*known)))
    with pytest.raises(error):
        resolver.ask("nowhere.example", "MX")
