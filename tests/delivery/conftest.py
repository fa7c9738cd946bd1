from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest


@pytest.fixture
def reachable(settings: Any) -> None:
    """Tests send to this machine, and nobody waits long."""
    settings.ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    settings.SMTP_TIMEOUTS = {"connect": 2, "banner": 2, "command": 2, "data": 2, "end": 2}
    settings.SMTP_HOSTNAME = "out.host.test"
