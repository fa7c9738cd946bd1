from __future__ import annotations

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "delivery"

    def ready(self) -> None:
        from accounts import audit
        from delivery import naming, outcomes, resolver, returned, telling
        from feeds import aliases, inbox, origins, partitions
        from tracking import domains

        audit.describe(telling.SENTENCES, telling.LABELS)
        aliases.register(outcomes.linked)
        inbox.register(returned.KIND, returned.read, returned.hand_on)
        origins.register(naming.sources)
        partitions.register("delivery_attempt", "email_id")
        domains.register(naming.domains, resolver.look_up)
