from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from settings.runner import preflight, prepare
from settings.runner.refusal import Refusal
from settings.runner.start import sign_in
from settings.runner.supervisor import say


class Command(BaseCommand):
    help = "Migrate the database, and at the very first start make the administrator. For a site started by parts."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            preflight.database(settings.DATABASE_URL)
            preflight.broker(settings.REDIS_URL)
        except Refusal as refusal:
            raise CommandError(str(refusal)) from refusal
        newcomer = prepare.database()
        if newcomer:
            say(sign_in(*newcomer))
