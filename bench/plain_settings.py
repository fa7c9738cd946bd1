"""The product's settings with the baseline's addresses: for the web server that `intake` measures beside ours."""

from __future__ import annotations

from settings.base import *  # noqa: F403

ROOT_URLCONF = "bench.plain"
