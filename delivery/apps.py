from __future__ import annotations

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "delivery"

    def ready(self) -> None:
        from delivery import naming, outcomes
        from feeds import aliases, origins, partitions

        aliases.register(outcomes.linked)
        origins.register(naming.sources)
        partitions.register("delivery_attempt", "email_id")
