"""The door for the web server: static files and what providers post are answered here, everything else by Django."""

from __future__ import annotations

import os

# Before the imports below: the environment decides what the settings are.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.base")
os.environ.setdefault("LIVEFEEDS_PROCESS", "web")

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

from settings.road import RoadIn
from settings.static import StaticFiles

_django = RoadIn(get_asgi_application(), prefix="/in/")
application = (
    ASGIStaticFilesHandler(_django)  # type: ignore[arg-type]  # any ASGI application will do
    if settings.DEBUG
    else StaticFiles(_django, folder=settings.STATIC_ROOT, prefix=settings.STATIC_URL)
)
