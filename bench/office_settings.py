"""The product's settings with django-post_office beside it, whose mail is made as ours is (bench/office_mail.py)."""

from __future__ import annotations

import os

from bench.office import OFFICE, TEMPLATE
from settings.base import *  # noqa: F403
from settings.base import INSTALLED_APPS, TEMPLATES

INSTALLED_APPS = [*INSTALLED_APPS, "post_office"]
TEMPLATES = [*TEMPLATES, TEMPLATE]
POST_OFFICE = OFFICE
MAILERS = {
    "default": {
        "BACKEND": "bench.office_mail.Backend",
        "OPTIONS": {"host": "127.0.0.1", "port": int(os.environ["OFFICE_PORT"])},  # type: ignore[dict-item]
    }
}
