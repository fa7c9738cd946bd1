"""`manage.py recount`: count the emails again, and tell what the counts said wrongly."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Account
from feeds import rollups


class Command(BaseCommand):
    help = (
        "Count emails and events again, tell what the counts of the overview said wrongly, and put it right. "
        "For after a restore, or in doubt. An account takes no new events in while it is counted: they wait."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", nargs="?", help="the address part of one account; all of them without it")
        parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 where something is wrong")

    def handle(self, *_args: object, account: str | None, check: bool, **_options: Any) -> None:
        accounts = Account.objects.order_by("id")
        if account is not None:
            accounts = accounts.filter(slug=account)
            if not accounts:
                known = ", ".join(Account.objects.order_by("slug").values_list("slug", flat=True)[:20])
                raise CommandError(f"There is no account “{account}”. There are: {known}.")
        wrong = rollups.recount([found.id for found in accounts], timezone.now(), write=not check)
        for found in wrong:
            measures = ", ".join(f"{name} {n:+,}" for name, n in found.sums.items())
            rows = "1 row was wrong" if found.rows == 1 else f"{found.rows:,} rows were wrong"
            self.stdout.write(f"{found.table}: {rows}; to be added: {measures or 'nothing as a whole'}.")
        if not wrong:
            self.stdout.write(self.style.SUCCESS("All counts are right."))
        elif check:
            raise CommandError("The counts are wrong. Run it without --check to put them right.")
        else:
            self.stdout.write(self.style.SUCCESS("All of it was put right."))
