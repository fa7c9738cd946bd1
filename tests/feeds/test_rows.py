"""The rows of the feed, drawn without Django's templates: they must say what those would."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.template import engines
from django.utils import timezone, translation

from accounts.models import Account
from feeds import rows
from feeds.events import Held, Status
from feeds.models import Email, id_at
from tests.make import NOON

# Drawing asks when emails that wait go on.
pytestmark = pytest.mark.django_db
LANGUAGES = pytest.mark.parametrize("language", ["en", "pt-br"])
LOAD = "{% load look humanize %}"
PIECES = ("{% status email.status %}", '{% moment email.time "short" %}', ">{{ email.opens|intcomma }}<")


@pytest.fixture
def acme() -> Account:
    return Account(slug="acme", time_zone="America/Sao_Paulo")


def email(**fields: Any) -> Email:
    n = fields.pop("n", 1)
    told = {
        "id": id_at(NOON - timedelta(minutes=n)) + n, "source_id": 1, "status": Status.DELIVERED, "is_test": False,
        "opens": 0, "clicks": 0, "machine_opens": 0, "machine_clicks": 0, "deferrals": 0, "sender": "a@acme.test",
        "recipient": "bob@example.com", "message_id": "m", "subject": "Hi", "comment": "250 OK", "updated_at": NOON,
    }  # fmt: skip
    return Email(**(told | fields))


def words(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", html).split())


@LANGUAGES
@pytest.mark.parametrize("status", list(Status))
def test_status_time_and_numbers_are_drawn_as_on_every_other_page(acme: Account, language: str, status: Status) -> None:
    now = timezone.now()
    for ago in (timedelta(seconds=1), timedelta(hours=10), timedelta(hours=30), timedelta(days=40)):
        one = email(id=id_at(now - ago), status=status, opens=1234567)
        with translation.override(language), timezone.override(acme.zone):
            (row,) = rows.draw([one], acme, now)
            pieces = [engines["django"].from_string(LOAD + piece).render({"email": one}).strip() for piece in PIECES]
        for piece in pieces:
            assert piece in row


def test_nothing_of_an_email_is_taken_for_html(acme: Account) -> None:
    bad = "<script>\"'&"
    (row,) = rows.draw([email(sender=bad, recipient=bad, subject=bad, comment=bad)], acme, NOON)
    assert row.count("&lt;script&gt;&quot;&#x27;&amp;") == 5
    assert "<script" not in row


def test_what_is_special_about_an_email_is_said_in_words(acme: Account) -> None:
    (plain,) = rows.draw([email()], acme, NOON)
    assert words(plain) == "Delivered bob@example.com a@acme.test Hi 250 OK 0 0 11:59:00".replace("11", "08")
    odd = email(status=Status.SENT, deferrals=1, is_test=True, message_id="", recipient="", machine_opens=1, clicks=2)
    (row,) = rows.draw([odd], acme, NOON)
    for word in ("Sent", "retrying", "test", "orphan", "unknown", "1 by a machine", "+1 machine"):
        assert word in row
    assert f'href="/a/acme/emails/{odd.id}/"' in row


def test_a_row_has_another_version_when_its_email_was_written_again(acme: Account) -> None:
    one = email()
    before = rows.version(one)
    one.updated_at += timedelta(microseconds=1)
    assert rows.version(one) != before
    assert f'data-row="{rows.version(one)}"' in rows.draw([one], acme, NOON)[0]


@pytest.mark.parametrize(
    ("held", "word"),
    [
        (Held.CREDITS, "no credits"),
        (Held.DISABLED, "disabled"),
        (Held.SCHEDULED, "scheduled"),
        (Held.THROTTLED, "throttled"),
    ],
)
def test_a_held_email_says_what_holds_it_until_it_goes_on(acme: Account, held: Held, word: str) -> None:
    (row,) = rows.draw([email(status=Status.PROCESSED, held=held)], acme, NOON)
    assert f"{word}</span>" in row
    assert f"Held back: {held.label}" in unescape(row)
    for over in (email(status=Status.PROCESSED), email(status=Status.DROPPED, held=held)):
        assert "Held back" not in rows.draw([over], acme, NOON)[0]
