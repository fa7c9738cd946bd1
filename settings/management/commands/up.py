from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from settings.runner.refusal import Refusal
from settings.runner.start import up


class Command(BaseCommand):
    help = "Start everything: database, broker, web, workers, scheduler. Ctrl-C ends all of it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--simulate", metavar="RATE", default="", help="also run the simulated world, at so many events a second"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            up(simulate=options["simulate"])
        except Refusal as refusal:
            print(f"error: {refusal}", file=sys.stderr, flush=True)
            sys.exit(1)
