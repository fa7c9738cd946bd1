from __future__ import annotations

from django.apps import AppConfig


class SuppressionConfig(AppConfig):
    name = "suppression"

    def ready(self) -> None:
        from accounts import audit, banners
        from suppression import spikes, telling
        from suppression.imports import telling as imports

        audit.describe(telling.SENTENCES, telling.LABELS)
        audit.describe(imports.SENTENCES, imports.LABELS)
        banners.register(spikes.banners)
