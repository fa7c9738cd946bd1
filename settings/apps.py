from __future__ import annotations

from django.apps import AppConfig


class SettingsConfig(AppConfig):
    """The project itself as an application: it brings commands, no tables."""

    name = "settings"
