"""The door for the web server: static files are answered here, everything else by Django."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.base")
os.environ.setdefault("LIVEFEEDS_PROCESS", "web")

from django.conf import settings  # noqa: E402  (the environment above decides what the settings are)
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402

from settings.static import StaticFiles  # noqa: E402

_django = get_asgi_application()
application = (
    ASGIStaticFilesHandler(_django)
    if settings.DEBUG
    else StaticFiles(_django, folder=settings.STATIC_ROOT, prefix=settings.STATIC_URL)
)
