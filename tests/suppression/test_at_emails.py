"""Suppressing somebody, and taking them off, from where people see that mail to them was dropped."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Role, User
from feeds.events import Kind
from feeds.lifecycle import record
from feeds.models import Email
from suppression.models import Reason, Suppression
from tests import make
from tests.suppression.pages import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def email(acme: Account) -> Email:
    now = timezone.now()
    event = make.event(Kind.DELIVERED, occurred_at=now)
    record([make.arrival(make.source(acme), event, received_at=now)])
    return Email.objects.get()


def pages(acme: Account, email: Email) -> list[str]:
    return [f"/a/{acme.slug}/emails/{email.id}/", f"/a/{acme.slug}/recipients/{email.recipient}/"]


def test_somebody_is_suppressed_from_their_pages_and_one_comes_back(acme: Account, agent: Client, email: Email) -> None:
    for page in pages(acme, email):
        there = f"/a/{acme.slug}/suppressions/add/?target=bob%40example.com&amp;next={quote(page)}"
        assert there in text(agent.get(page))
    form = agent.get(f"/a/{acme.slug}/suppressions/add/", {"target": "bob@example.com", "next": page})
    assert form.context["form"]["targets"].value() == "bob@example.com"
    assert f'name="next" value="{page}"' in text(form)
    answer = agent.post(f"/a/{acme.slug}/suppressions/add/", {"targets": "bob@example.com", "next": page})
    assert answer["Location"] == page


def test_whoever_is_suppressed_is_linked_and_taken_off_from_there(acme: Account, agent: Client, email: Email) -> None:
    entry = make.suppression(acme, reason=Reason.SPAM)
    for page in pages(acme, email):
        shown = text(agent.get(page))
        assert f'href="/a/{acme.slug}/suppressions/{entry.id}/"' in shown
        assert f'name="entry" value="{entry.id}"' in shown
        assert "Suppress…" not in shown
    answer = agent.post(f"/a/{acme.slug}/suppressions/remove/", {"entry": entry.id, "sure": "1", "next": page})
    assert answer["Location"] == page
    assert not Suppression.objects.exists()


def test_who_may_not_is_offered_nothing(acme: Account, agent: Client, email: Email) -> None:
    client = Client()
    client.force_login(make.member(acme, role=Role.VIEWER))
    for page in pages(acme, email):
        assert "Suppress…" not in text(client.get(page))
    make.suppression(acme, "example.com")
    everywhere = make.suppression(None)
    for page in pages(acme, email):
        for person in (client, agent):
            shown = text(person.get(page))
            assert "Take off the list…" not in shown
            assert "for the whole installation" in shown
            assert f"/installation/suppressions/{everywhere.id}/" not in shown
    User.objects.filter(username="ana").update(is_superuser=True)
    assert f"/installation/suppressions/{everywhere.id}/" in text(agent.get(pages(acme, email)[0]))
