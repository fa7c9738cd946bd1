"""Putting on the list, undoing as the page has it, and what is on the list then."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from suppression import causes, targets
from suppression.models import Origin, Reason, Suppression
from tests import make

OUTAGE = "550 5.1.1 Unknown user (mx outage)"


def put(account: Account | None, *addresses: str, **fields: Any) -> None:
    """On the list because of an event each, at noon unless the fields say otherwise."""
    told: dict[str, Any] = {"reason": Reason.HARD_BOUNCE, "origin": Origin.EVENT, "at": make.NOON, "comment": OUTAGE}
    told |= {"added_at": make.NOON, "ident": "e1.1"} | fields
    account_id = account.id if account else None
    causes.add(causes.Cause(account_id=account_id, target=targets.read(one), **told) for one in addresses)


def listed(account: Account | None) -> list[str]:
    return sorted(Suppression.objects.filter(account=account).values_list("target", flat=True))


def preview(client: Client, account: Account, **asked: Any) -> str:
    page = client.get(reverse("suppression-undo", args=[account.slug]), {"preview": "1"} | asked)
    return " ".join(page.content.decode().split())


def confirmed(page: str) -> dict[str, list[str]]:
    """The hidden fields of the preview's form."""
    form = page.partition('id="preview"')[2].partition("</form>")[0]
    found: dict[str, list[str]] = {}
    for piece in form.split('<input type="hidden" name="')[1:]:
        name, _quote, rest = piece.partition('" value="')
        found.setdefault(name, []).append(rest.partition('"')[0])
    return found


def undo(client: Client, account: Account, **asked: Any) -> HttpResponse:
    """Preview and confirm it, as the page has it."""
    fields = confirmed(preview(client, account, **asked))
    fields.pop("csrfmiddlewaretoken", None)
    answer = client.post(reverse("suppression-undo", args=[account.slug]), fields | {"note": "outage"})
    assert answer.status_code in (302, 422)
    return answer  # type: ignore[return-value]


def rows(account: Account) -> list[Any]:
    """All that is on the list, but for the numbers of its rows."""
    entries = Suppression.objects.filter(account=account).order_by("target", "reason")
    kept = ("target", "covers", "domain", "reason", "origin", "since", "until", "added_at")
    cause = (
        "ident", "origin", "at", "until", "added_at", "source_id", "email_id", "event_key", "import_id", "user_id",
        "key_id", "actor_name", "comment", "note",
    )  # fmt: skip
    return [
        ([getattr(entry, name) for name in kept], list(entry.causes.order_by("ident").values_list(*cause)))
        for entry in entries
    ]
