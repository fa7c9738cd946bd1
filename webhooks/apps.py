from __future__ import annotations

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        from feeds import inbox
        from webhooks import intake

        inbox.register(intake.KIND, intake.read)
