from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Account
from tracking import again


class Command(BaseCommand):
    help = "Judge opens and clicks again: made by a person or by a machine. Counts and statuses follow."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=30, help="emails of how many days (default 30)")
        parser.add_argument("--account", default="", help="the address (slug) of one account; else of all")

    def handle(self, *args: Any, days: int, account: str, **options: Any) -> None:
        account_id = None
        if account:
            account_id = Account.objects.filter(slug=account).values_list("id", flat=True).first()
            if account_id is None:
                raise CommandError(f"There is no account {account!r}.")
        judged = again.run(timezone.now() - timedelta(days=days), account_id)
        self.stdout.write(f"Looked at {judged.emails} emails with visits; {judged.changed} visits changed.")
