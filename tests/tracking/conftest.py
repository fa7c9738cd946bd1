from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feeds import inbox, outage
from tracking import recorder


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    """A spool of our own, nothing remembered of the database, and what is answered is kept."""
    monkeypatch.setattr(inbox, "LINGER_SECONDS", 0)
    monkeypatch.setattr(recorder, "LONGEST_WAIT", 30)
    settings.LIVEFEEDS_HOME = tmp_path
    outage.database.answered()
