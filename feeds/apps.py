from __future__ import annotations

from django.apps import AppConfig


class FeedsConfig(AppConfig):
    name = "feeds"

    def ready(self) -> None:
        from feeds import recipients
        from suppression import evidence

        evidence.register(recipients.kept, recipients.covered)
