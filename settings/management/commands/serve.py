from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from settings.runner.commands import ALONE


class Command(BaseCommand):
    help = "Become one part of the site, where something else starts and watches the parts."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("part", choices=ALONE)

    def handle(self, *args: Any, **options: Any) -> None:
        command = ALONE[options["part"]]()
        argv = [str(word) for word in command.argv]
        # Signals must reach the part itself, so it takes our place.
        os.execve(argv[0], argv, {**os.environ, **command.environ})  # noqa: S606
