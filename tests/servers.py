"""PostgreSQL and Valkey for the tests, loaded by pytest before anything of Django (see pyproject.toml).

One PostgreSQL for all of pytest's processes, each of which has its own database in it, and a Valkey for each:
messages on channels reach every database of a server. Set DATABASE_URL and REDIS_URL to use others.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
_exit = ExitStack()

if not WORKER:
    os.environ["LIVEFEEDS_HOME"] = tempfile.mkdtemp(prefix="livefeeds-tests-")
os.environ["LIVEFEEDS_PROCESS"] = "tests"
HOME = Path(os.environ["LIVEFEEDS_HOME"])
BROKER = f"valkey-{WORKER or 'one'}"
OWN_BROKER = not os.environ.get("REDIS_URL") or "LIVEFEEDS_TESTS_BROKER" in os.environ
OWN_DATABASE = not os.environ.get("DATABASE_URL")

if OWN_BROKER:
    from settings import embedded

    os.environ["LIVEFEEDS_TESTS_BROKER"] = "ours"
    os.environ["REDIS_URL"] = f"unix://{embedded.socket_folder(HOME)}/{BROKER}.sock"


def _wanted(config: pytest.Config) -> bool:
    return not (config.option.collectonly or config.option.help or getattr(config.option, "version", 0))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start what is not set from outside. The processes of xdist find PostgreSQL running."""
    from settings import catalogues, embedded

    if _wanted(config):
        if not WORKER:
            catalogues.compile_all(Path(__file__).parent.parent / "locale")
        database = OWN_DATABASE and not WORKER
        broker = BROKER if OWN_BROKER else ""
        _exit.enter_context(embedded.running(HOME, database=database, broker=broker))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    _exit.close()
    if not WORKER:
        shutil.rmtree(HOME, ignore_errors=True)
