from __future__ import annotations

import os
from typing import Any

import pytest
from django.core.cache import cache
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis

from feeds import outage
from tests.asgi import live_server

__all__ = ["live_server"]

# No deadline: a loaded machine is not a defect. CI=true looks deeper, and always at the same examples.
hypothesis.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.register_profile("ci", parent=hypothesis.get_profile("local"), derandomize=True, print_blob=True)
hypothesis.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """A password that takes long to guess takes as long to make, for each person of each test."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Rate limits and the like of one test must not reach the next one."""
    cache.clear()


@pytest.fixture(autouse=True)
def database_is_there() -> None:
    """Where one test had the database away, the next one must not wait until it is asked again."""
    outage.database.answered()
