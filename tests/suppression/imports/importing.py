"""An administrator who imports, as a browser would."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Account, User
from suppression.imports import work
from suppression.imports.models import Import
from suppression.models import Reason, Suppression

BOB, ANNA = ("bob@example.com", Reason.MANUAL), ("anna@example.com", Reason.MANUAL)
# Of these lines three are good.
BAD = (
    "email,reason,until\n"
    "bob@example.com,bounce,\n"
    "nobody,bounce,\n"
    ",,\n"
    "=cmd()@@x,bounce,\n"
    "carl@example.com,soft-bounce,\n"
    "dora@example.com,spam,2001-01-01\n"
    "emil@example.com,spam,soon\n"
    "example.net,spam,\n"
    '"frank@example.com,spam,\n'
    "gina@example.com,spam,\n"
    "hugo@example.com,bounce,2001-01-01\n"
    "ida@example.com,complaint\n"
)


class Importer:
    """An administrator at a list."""

    def __init__(self, account: Account | None, person: User) -> None:
        self.account = account
        self.client = Client()
        self.client.force_login(person)

    def url(self, name: str, *args: object) -> str:
        if self.account:
            return reverse(name, args=[self.account.slug, *args])
        return reverse(f"installation-{name}", args=args)

    def upload(self, content: bytes | str, name: str = "list.csv") -> Any:
        data = content.encode() if isinstance(content, str) else content
        return self.client.post(self.url("suppression-imports"), {"file": SimpleUploadedFile(name, data)})

    def uploaded(self, content: bytes | str, name: str = "list.csv") -> Import:
        answer = self.upload(content, name)
        assert answer.status_code == 302, answer.content.decode()
        return Import.objects.latest("id")

    def page(self, job: Import) -> str:
        answer = self.client.get(self.url("suppression-import", job.pk))
        assert answer.status_code == 200
        return str(answer.content.decode())

    def settings_of(self, job: Import) -> dict[str, Any]:
        """What the form on the page holds."""
        form = self.client.get(self.url("suppression-import", job.pk)).context["form"]
        held = {bound.name: bound.value() for bound in form}
        ticked = {name: held.pop(name) for name in ("has_header", "takes_domains")}
        return {name: value for name, value in held.items() if value is not None} | {
            name: "on" for name, value in ticked.items() if value
        }

    def change(self, job: Import, **fields: Any) -> Any:
        sent = {name: value for name, value in (self.settings_of(job) | fields).items() if value is not None}
        return self.client.post(self.url("suppression-import", job.pk), sent)

    def run(self, content: bytes | str, name: str = "list.csv", **fields: Any) -> Import:
        job = self.uploaded(content, name)
        assert self.change(job, begin="1", **fields).status_code == 302
        work.work(60)
        job.refresh_from_db()
        return job

    def report(self, job: Import) -> list[list[str]]:
        answer = self.client.get(self.url("suppression-import-report", job.pk))
        assert answer.status_code == 200
        return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def left(folder: Path) -> list[Path]:
    """The files of imports that are there."""
    return list(folder.iterdir()) if folder.exists() else []


def entries(account: Account | None) -> set[tuple[str, Reason]]:
    return {(one.target, Reason(one.reason)) for one in Suppression.objects.filter(account=account)}


def counts(job: Import) -> tuple[int, int, int, int]:
    return job.added, job.known, job.repeated, job.bad
