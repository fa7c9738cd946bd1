from __future__ import annotations

from django.apps import AppConfig


class TrackingConfig(AppConfig):
    name = "tracking"

    def ready(self) -> None:
        from feeds import inbox
        from tracking import hits, reading

        inbox.register(hits.KIND, reading.read, reading.follow)
