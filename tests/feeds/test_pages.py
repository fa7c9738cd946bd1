"""The pages of the feed, at the door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, Membership, Role
from feeds.events import Kind
from feeds.lifecycle import record
from feeds.models import Email
from tests import make
from webhooks.models import Source

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "results"}


@pytest.fixture
def acme() -> Account:
    return make.account(time_zone="America/Sao_Paulo")


@pytest.fixture
def client(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, "vera", Role.VIEWER))
    return client


@pytest.fixture
def src(acme: Account) -> Source:
    return make.source(acme)


def happen(source: Source, kind: Kind, recipient: str = "bob@example.com", ago: float = 60, **fields: Any) -> Email:
    """Let this have happened so many seconds ago; returns the email."""
    at = fields.pop("at", None) or timezone.now() - timedelta(seconds=ago)
    fields = {"message_id": f"m-{recipient}", "occurred_at": at, **fields}
    is_test = fields.pop("is_test", False)
    received = fields.pop("received_at", at)
    record([make.arrival(source, make.event(kind, recipient, **fields), received_at=received, is_test=is_test)])
    return Email.objects.get(recipient=recipient, account_id=source.account_id, message_id=fields["message_id"])


def text(response: Any) -> str:
    return " ".join(str(response.content.decode()).split())


def recipients(response: Any) -> list[str]:
    return [email.recipient for email in response.context["page"].emails]


# ---- The way in -------------------------------------------------------------------------------------------


def test_a_stranger_is_asked_to_sign_in(acme: Account) -> None:
    response = Client().get(f"/a/{acme.slug}/")
    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/login/")


def test_the_sign_in_page_takes_a_name_and_a_password(acme: Account) -> None:
    make.member(acme, "olga")
    client = Client()
    assert "Sign in" in text(client.get("/sign-in/login/"))
    response = client.post("/sign-in/login/", {"login": "olga", "password": "correct-horse"}, follow=True)
    assert response.redirect_chain[-1][0] == f"/a/{acme.slug}/"


def test_the_first_page_is_the_feed_of_the_account_used_last(client: Client, acme: Account) -> None:
    other = make.account("Zebra")
    Membership.objects.create(account=other, user_id=client.session["_auth_user_id"], role=Role.VIEWER)
    assert client.get("/")["Location"] == f"/a/{acme.slug}/"
    client.get(f"/a/{other.slug}/")
    assert client.get("/")["Location"] == f"/a/{other.slug}/"


def test_a_person_without_an_account_is_told_what_to_do() -> None:
    user = make.member(make.account(), "nobody")
    Membership.objects.all().delete()
    client = Client()
    client.force_login(user)
    assert "Ask an administrator to add you" in text(client.get("/"))


def test_the_theme_is_kept_and_drawn_by_the_server(client: Client, acme: Account) -> None:
    response = client.post("/theme/", {"theme": "dark", "next": f"/a/{acme.slug}/"})
    assert response["Location"] == f"/a/{acme.slug}/"
    assert 'data-bs-theme="dark"' in text(client.get(f"/a/{acme.slug}/"))
    client.post("/theme/", {"theme": "auto"})
    assert 'data-bs-theme="dark"' not in text(client.get(f"/a/{acme.slug}/"))


def test_the_icon_is_there_for_whoever_asks() -> None:
    assert Client().get("/favicon.ico")["Location"].endswith("/favicon.svg")


def test_the_theme_switch_does_not_lead_elsewhere(client: Client) -> None:
    assert client.post("/theme/", {"theme": "dark", "next": "https://evil.example/"})["Location"] == "/"


def test_the_language_can_be_switched_before_signing_in() -> None:
    client = Client()
    response = client.post("/language/", {"language": "pt-br", "next": "/sign-in/login/"}, follow=True)
    assert response.redirect_chain == [("/sign-in/login/", 302)]
    assert '<html lang="pt-br"' in text(response)


@pytest.mark.parametrize("page", ["", "feed.csv", "counts/", "statuses/", "emails/{id}/", "emails/{id}/events/{key}/"])
def test_another_account_does_not_exist(client: Client, page: str) -> None:
    email = happen(make.source(make.account("Other")), Kind.DELIVERED)
    key = email.events.get().key
    address = f"/a/{email.account.slug}/" + page.format(id=email.id, key=key)
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("page", ["emails/{id}/", "emails/{id}/events/{key}/"])
def test_an_email_of_another_account_is_not_found_through_ones_own(client: Client, acme: Account, page: str) -> None:
    email = happen(make.source(make.account("Other")), Kind.DELIVERED)
    address = f"/a/{acme.slug}/" + page.format(id=email.id, key=email.events.get().key)
    assert client.get(address).status_code == 404


# ---- The feed ---------------------------------------------------------------------------------------------


def test_the_feed_shows_the_newest_first_with_word_and_counts(client: Client, acme: Account, src: Source) -> None:
    happen(src, Kind.DELIVERED, "old@example.com", ago=900)
    happen(
        src, Kind.BOUNCED, "new@example.com", subject="Invoice 7", sender="shop@acme.test", comment="550 No such user"
    )
    happen(src, Kind.OPENED, "old@example.com", ago=50)
    happen(src, Kind.MACHINE_OPENED, "old@example.com", ago=40)
    response = client.get(f"/a/{acme.slug}/")
    assert recipients(response) == ["new@example.com", "old@example.com"]
    page = text(response)
    for word in ("Bounced", "Invoice 7", "shop@acme.test", "550 No such user", "Opened", "+1 machine"):
        assert word in page


def test_times_are_of_the_accounts_zone(client: Client, acme: Account, src: Source) -> None:
    moment = datetime.combine(timezone.now().date() - timedelta(days=2), datetime.min.time(), UTC) + timedelta(hours=2)
    email = happen(src, Kind.DELIVERED, at=moment)
    assert "T23:00:00-03:00" in text(client.get(f"/a/{acme.slug}/emails/{email.id}/"))


def test_badges_tell_retrying_tests_and_orphans(client: Client, acme: Account, src: Source) -> None:
    happen(src, Kind.DEFERRED, "a@example.com", comment="451 Later")
    happen(src, Kind.DELIVERED, "b@example.com", is_test=True)
    happen(src, Kind.SPAM, "c@example.com", message_id="")
    page = text(client.get(f"/a/{acme.slug}/"))
    for badge in ("retrying</span>", "test</span>", "orphan</span>"):
        assert badge in page


def test_what_emails_say_is_never_markup(client: Client, acme: Account, src: Source) -> None:
    email = happen(src, Kind.BOUNCED, subject="<script>alert(1)</script>", comment='"><img src=x>')
    for address in (f"/a/{acme.slug}/", f"/a/{acme.slug}/emails/{email.id}/"):
        page = text(client.get(address))
        assert "<script>alert" not in page
        assert "<img src=x" not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=example.com", ["ann@example.com"]),
        ("q=ANN@example.com", ["ann@example.com"]),
        ("q=shop", ["ann@example.com"]),
        ("status=bounced", ["ben@example.org"]),
        ("status=bounced&status=delivered", ["ann@example.com", "ben@example.org"]),
        ("q=nobody", []),
        ("since=2001-01-01&until=2001-01-02", []),
        ("", ["ann@example.com", "ben@example.org"]),
    ],
)
def test_the_address_is_the_filter(client: Client, acme: Account, src: Source, query: str, found: list[str]) -> None:
    happen(src, Kind.BOUNCED, "ben@example.org", ago=90)
    happen(src, Kind.DELIVERED, "ann@example.com", sender="shop@acme.test")
    assert recipients(client.get(f"/a/{acme.slug}/?{query}", follow=True)) == found


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("since=yesterday", "“yesterday” is not a day. Write it as 2026-03-31."),
        ("since=2026-03-02&until=2026-03-01", "The last day is before the first one. Swap them."),
        ("status=lost", "“lost” is no status."),
    ],
)
def test_an_unclear_filter_is_answered_with_what_to_do(
    client: Client, acme: Account, query: str, sentence: str
) -> None:
    response = client.get(f"/a/{acme.slug}/?{query}")
    assert response.status_code == 400
    assert sentence in text(response)
    assert "How to search" in text(response)
    swapped = client.get(f"/a/{acme.slug}/?{query}", headers=HTMX)
    assert swapped.status_code == 200
    assert sentence in text(swapped)
    # What was found before stays.
    assert swapped["HX-Reswap"] == "none"
    assert swapped["HX-Push-Url"] == "false"


def test_the_email_that_is_open_is_drawn_with_the_list(client: Client, acme: Account, src: Source) -> None:
    email = happen(src, Kind.BOUNCED, comment="550 No such user")
    page = text(client.get(f"/a/{acme.slug}/?open={email.id}"))
    assert "Why this status?" in page
    for strange in ("7", "x", "9" * 30):
        assert "Why this status?" not in text(client.get(f"/a/{acme.slug}/?open={strange}"))
    other = happen(make.source(make.account("Other")), Kind.DELIVERED)
    assert "Why this status?" not in text(client.get(f"/a/{acme.slug}/?open={other.id}"))


@pytest.mark.parametrize("before", ["x", "-1", "9" * 19, "9" * 40, "²", ""])
def test_a_broken_place_in_the_list_is_no_error(client: Client, acme: Account, src: Source, before: str) -> None:
    happen(src, Kind.DELIVERED)
    assert client.get(f"/a/{acme.slug}/?before={before}").status_code == 200


def test_pages_lead_to_older_emails_and_back(client: Client, acme: Account, src: Source) -> None:
    events = [
        make.event(
            Kind.SENT, f"p{n}@example.com", message_id=f"m{n}", occurred_at=timezone.now() - timedelta(seconds=n)
        )
        for n in range(60)
    ]
    record([make.arrival(src, *events, received_at=timezone.now())])
    first = client.get(f"/a/{acme.slug}/?q=status%3Asent")
    older_url = first.context["older_url"]
    assert older_url.startswith(f"/a/{acme.slug}/?q=status%3Asent&before=")
    second = client.get(older_url)
    assert recipients(first) + recipients(second) == [f"p{n}@example.com" for n in range(60)]
    assert f'href="/a/{acme.slug}/?q=status%3Asent">' in text(second)
    appended = text(client.get(older_url, headers={"HX-Request": "true", "HX-Target": "emails"}))
    assert appended.startswith("<tbody>")
    assert appended.count("<tr") == 10


def test_htmx_gets_the_list_alone_and_the_tidy_address(client: Client, acme: Account, src: Source) -> None:
    happen(src, Kind.DELIVERED)
    response = client.get(f"/a/{acme.slug}/?q=BOB&since=&until=", headers=HTMX)
    assert response["HX-Push-Url"] == f"/a/{acme.slug}/?q=bob"
    assert "<html" not in text(response)
    assert 'id="was" name="was" value="bob"' in text(response)
    here = {"HX-Current-URL": f"http://testserver/a/{acme.slug}/?q=bob&open=7"}
    assert client.get(f"/a/{acme.slug}/?q=BOB", headers=HTMX | here)["HX-Push-Url"] == "false"


def test_an_empty_account_shows_how_to_begin(client: Client, acme: Account) -> None:
    viewer = text(client.get(f"/a/{acme.slug}/"))
    assert "make demo" in viewer
    assert "An administrator of this account can connect" in viewer
    owner = Client()
    owner.force_login(make.member(acme, "olga"))
    assert f'href="/a/{acme.slug}/sources/add/"' in text(owner.get(f"/a/{acme.slug}/"))


def test_an_empty_account_leads_to_the_demo_where_there_is_one(client: Client, acme: Account) -> None:
    demo = Account.objects.create(name="Demo", slug="demo")
    assert "Open the demo account" not in text(client.get(f"/a/{acme.slug}/"))
    Membership.objects.create(account=demo, user_id=client.session["_auth_user_id"], role=Role.VIEWER)
    assert "Open the demo account" in text(client.get(f"/a/{acme.slug}/"))


def test_a_search_without_hits_offers_to_clear_it(client: Client, acme: Account, src: Source) -> None:
    happen(src, Kind.DELIVERED)
    page = text(client.get(f"/a/{acme.slug}/?q=nobody"))
    assert "No email matches this search" in page
    assert "Clear the search" in page


def test_the_number_of_queries_does_not_grow_with_the_rows(client: Client, acme: Account, src: Source) -> None:
    happen(src, Kind.DELIVERED)

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            client.get(f"/a/{acme.slug}/")
        return len(seen)

    queries()
    one = queries()
    for n in range(20):
        happen(src, Kind.DELIVERED, f"p{n}@example.com")
    assert queries() == one
    assert one <= 20


# ---- The file ---------------------------------------------------------------------------------------------


def test_the_download_is_the_filter(client: Client, acme: Account, src: Source) -> None:
    happen(src, Kind.DELIVERED, "ann@example.com")
    happen(src, Kind.BOUNCED, "ben@example.com")
    response = client.get(f"/a/{acme.slug}/feed.csv?status=bounced")
    assert response["Content-Disposition"].startswith(f'attachment; filename="livefeeds-{acme.slug}-20')
    lines = b"".join(response.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 2
    assert "ben@example.com" in lines[1]


def test_the_download_of_an_unclear_filter_leads_to_the_page_that_explains(client: Client, acme: Account) -> None:
    response = client.get(f"/a/{acme.slug}/feed.csv?status=lost")
    assert response["Location"] == f"/a/{acme.slug}/?status=lost"


# ---- What the statuses mean -------------------------------------------------------------------------------


def test_every_status_is_explained(client: Client, acme: Account) -> None:
    page = text(client.get(f"/a/{acme.slug}/statuses/"))
    for anchor in ("processed", "sent", "delivered", "bounced", "opened", "clicked", "unsubscribed", "spam", "dropped"):
        assert f'id="{anchor}"' in page
