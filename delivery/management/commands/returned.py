from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from accounts.models import Account
from delivery import handed, maildir, reception


class Command(BaseCommand):
    help = "Take returned mail from another mail server: one message on standard input, or all new ones of a maildir."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--maildir", type=Path, metavar="DIR", help="take what is in new/ and move it to cur/")
        parser.add_argument("--recipient", default="", help="whom it was delivered to, where the message does not say")
        parser.add_argument("--account", metavar="SLUG", help="whose it is, where neither address nor domain tells")

    def handle(self, *args: Any, recipient: str, **options: Any) -> None:
        try:
            otherwise = _account(options["account"])
            if options["maildir"] is None:
                _take_one(sys.stdin.buffer.read(settings.SMTP_MAX_BYTES + 1), recipient, otherwise)
            else:
                self.stdout.write(f"{_take_all(options['maildir'], recipient, otherwise)} messages were taken.")
        except Error as error:
            # Mail servers try again by this code (sysexits.h), and return a message to its sender by most others.
            raise CommandError(
                "The database does not answer, and the mail stays where it is: try again later.",
                returncode=os.EX_TEMPFAIL,
            ) from error


def _account(slug: str | None) -> int:
    if slug is None:
        return reception.NOBODY
    found = Account.objects.filter(slug=slug).values_list("id", flat=True).first()
    if found is None:
        raise CommandError(
            f"There is no account {slug}: use the name in the address of its pages.", returncode=os.EX_USAGE
        )
    return found


def _take_one(content: bytes, recipient: str, otherwise: int) -> None:
    if not content.strip():
        raise CommandError("Nothing came on standard input: pipe a message into it.", returncode=os.EX_DATAERR)
    if len(content) > settings.SMTP_MAX_BYTES:
        raise CommandError(f"The message has over {settings.SMTP_MAX_BYTES} bytes.", returncode=os.EX_DATAERR)
    reception.keep(maildir.sender_of(handed.read(content)), recipient, content, otherwise=otherwise)


def _take_all(folder: Path, recipient: str, otherwise: int) -> int:
    if not all((folder / name).is_dir() for name in ("new", "cur")):
        raise CommandError(f"{folder} is no maildir: it has no folders new and cur.", returncode=os.EX_NOINPUT)
    try:
        return maildir.take(folder, recipient, otherwise)
    except maildir.Busy:
        raise CommandError(f"Another process is reading {folder}.", returncode=os.EX_TEMPFAIL) from None
    except OSError as error:
        raise CommandError(
            f"{error.filename or folder} cannot be read or moved ({error.strerror}).", returncode=os.EX_TEMPFAIL
        ) from error
