from __future__ import annotations

from django.apps import AppConfig


class SuppressionConfig(AppConfig):
    name = "suppression"
