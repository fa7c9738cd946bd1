"""The door for the web server: static files, what programs post, and the pixels and links of mail are answered here,
everything else by Django."""

from __future__ import annotations

import os

# Before the imports below: the environment decides what the settings are.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.base")
os.environ.setdefault("LIVEFEEDS_PROCESS", "web")

import django
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

from settings.bodies import Handler
from settings.road import RoadIn
from settings.static import StaticFiles

django.setup(set_prefix=False)
_pages = Handler()
from tracking.door import Door  # noqa: E402  # the tables it writes are known only now

_django = Door(RoadIn(_pages, prefix=("/in/", "/v5")))
application = (
    ASGIStaticFilesHandler(_django)  # type: ignore[arg-type]  # any ASGI application will do
    if settings.DEBUG
    else StaticFiles(_django, folder=settings.STATIC_ROOT, prefix=settings.STATIC_URL)
)
