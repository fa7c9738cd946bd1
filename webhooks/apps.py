from __future__ import annotations

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        from accounts import origins
        from feeds import inbox
        from webhooks import intake, overview
        from webhooks.models import Source

        inbox.register(intake.KIND, intake.read)
        origins.register(Source.objects.names)
        origins.register_teller(overview.standings)
