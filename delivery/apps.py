from __future__ import annotations

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "delivery"

    def ready(self) -> None:
        from accounts import audit, banners, origins
        from delivery import (
            attempts,
            digest,
            naming,
            notices,
            obstacles,
            outcomes,
            resolver,
            returned,
            telling,
            waits,
            warning,
        )
        from delivery.views import actions, digests
        from feeds import additions, aliases, bounced, inbox, partitions, waiting
        from suppression import judging, spikes
        from tracking import domains, sections

        additions.register_section(attempts.section)
        additions.register_tool(actions.tool)
        aliases.register(outcomes.linked)
        audit.describe(telling.SENTENCES, telling.LABELS)
        banners.register(notices.banners)
        bounced.register(digest.note)
        inbox.register(returned.KIND, returned.read, returned.hand_on)
        judging.register(obstacles.of, obstacles.senders)
        origins.register(naming.sources)
        partitions.register("delivery_attempt", "email_id")
        domains.register(naming.domains, resolver.look_up)
        sections.register(digests.section)
        spikes.register(warning.tell)
        waiting.register(waits.of)
