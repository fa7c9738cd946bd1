from __future__ import annotations

from django.apps import AppConfig


class FeedsConfig(AppConfig):
    name = "feeds"

    def ready(self) -> None:
        from feeds import recipients
        from feeds import volumes as ours
        from suppression import evidence, volumes

        evidence.register(recipients.kept, recipients.covered)
        volumes.register(ours.of)
