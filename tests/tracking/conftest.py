from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feeds import inbox, outage


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    """No waiting, a spool of our own, and nothing remembered of the database."""
    monkeypatch.setattr(inbox, "LINGER_SECONDS", 0)
    settings.LIVEFEEDS_HOME = tmp_path
    outage.database.answered()
