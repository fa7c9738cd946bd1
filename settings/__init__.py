"""The Django project: settings, addresses, background work, and the runner behind `manage.py up`."""

from __future__ import annotations

# Celery's shared_task finds the application only when it was imported together with Django.
from settings.celery import app as celery_app

__all__ = ["celery_app"]
