from __future__ import annotations

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        from feeds import inbox, origins
        from webhooks import intake, overview
        from webhooks.models import Source

        inbox.register(intake.KIND, intake.read)
        origins.register(Source.objects.names)
        origins.register_teller(overview.standings)
