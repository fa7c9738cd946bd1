from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from accounts.models import Account
from delivery.transports import talk
from tests import make
from tests.sinks import Sink, certificate, sink


@pytest.fixture
def reachable(settings: Any) -> None:
    """Tests send to this machine, and nobody waits long."""
    settings.ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    settings.SMTP_TIMEOUTS = {"connect": 2, "banner": 2, "command": 2, "data": 2, "end": 2}
    settings.SMTP_HOSTNAME = "out.host.test"


@pytest.fixture
def impatient(settings: Any) -> None:
    settings.SMTP_TIMEOUTS = dict.fromkeys(("connect", "banner", "command", "data", "end"), 0.2)


@pytest.fixture
def trusted(monkeypatch: Any) -> None:
    """The certificate of sinks is one this machine believes."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate()))
    monkeypatch.setattr(talk, "_contexts", {})


@pytest.fixture
def account() -> Account:
    """One that may send."""
    account = make.account()
    make.sender_domain(account)
    return account


@pytest.fixture
def mx(settings: Any) -> Iterator[Sink]:
    """The server of every domain."""
    with sink(replies={}) as made:
        settings.MX_ROUTES = {"*": ("127.0.0.1", made.port)}
        yield made
