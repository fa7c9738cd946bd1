from __future__ import annotations

from django.apps import AppConfig


class TrackingConfig(AppConfig):
    name = "tracking"

    def ready(self) -> None:
        from accounts import audit
        from feeds import inbox
        from tracking import customizing, hits, reading

        audit.describe(customizing.ACTIONS, customizing.DETAILS)
        inbox.register(hits.KIND, reading.read, reading.follow)
