from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, Role, User
from feeds import inbox
from feeds.models import Email, InboxDue, InboxRow, SourceHour
from tests import make
from webhooks import intake
from webhooks.models import Source
from webhooks.silence import hour_of

pytestmark = pytest.mark.django_db
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def acme() -> Account:
    return make.account()


@pytest.fixture
def admin(acme: Account) -> Client:
    return signed_in(make.member(acme, "adam", Role.ADMIN))


@pytest.fixture
def viewer(acme: Account) -> Client:
    return signed_in(make.member(acme, "vera", Role.VIEWER))


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def url(name: str, source: Source, *more: Any) -> str:
    return reverse(name, args=[source.account.slug, source.pk, *more])


def text(response: Any) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def failed(source: Source, body: bytes = b"{broken", headers: dict[str, str] | None = None, form: bool = False) -> int:
    """A stored request that could not be read."""
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    now = timezone.now()
    incoming = inbox.Incoming(source.account_id, source.pk, intake.KIND, now, kind, headers or {}, body)
    inbox_id = inbox.store(incoming)
    inbox.work()
    assert InboxDue.objects.filter(inbox_id=inbox_id, failed_at__isnull=False).exists()
    return inbox_id


def hour(source: Source, ago: int, requests: int = 30, **sums: int) -> None:
    starts_at = hour_of(timezone.now()) - timedelta(hours=ago)
    numbers = {"events": requests, "duplicates": 0, "waited_ms": 0, "late_ms": 0} | sums
    SourceHour.objects.create(source_id=source.pk, starts_at=starts_at, requests=requests, **numbers)


class TestAdding:
    def test_every_provider_can_be_chosen(self, acme: Account, admin: Client) -> None:
        page = text(admin.get(reverse("source-add", args=[acme.slug])))
        for name in ("Amazon SES", "Mailgun", "Postmark", "SendGrid", "Netcore"):
            assert name in page

    def test_a_source_is_added_with_its_secret(self, acme: Account, admin: Client) -> None:
        form = reverse("source-add-provider", args=[acme.slug, "plain"])
        assert admin.get(form).status_code == 200
        response = admin.post(form, {"name": "Our shop", "secret_signing_secret": SECRET})
        source = Source.objects.get(account=acme)
        assert response["Location"] == url("source", source)
        assert (source.name, source.provider, source.secrets) == ("Our shop", "plain", {"signing_secret": SECRET})

    def test_without_its_secret_it_says_that_requests_are_refused(self, acme: Account, admin: Client) -> None:
        admin.post(reverse("source-add-provider", args=[acme.slug, "plain"]), {"name": "Our shop"})
        source = Source.objects.get(account=acme)
        page = text(admin.get(url("source", source)))
        assert "Requests are refused until" in page
        assert "Signing secret not set" in page
        response = admin.post(f"/in/{source.token}", b"[]", content_type="application/json")
        assert response.status_code == 401

    def test_a_source_needs_a_name(self, acme: Account, admin: Client) -> None:
        response = admin.post(reverse("source-add-provider", args=[acme.slug, "plain"]), {"name": " "})
        assert response.status_code == 422
        assert "This field is required" in text(response)
        assert not Source.objects.exists()

    def test_a_name_and_password_without_a_colon_is_refused(self, acme: Account, admin: Client) -> None:
        form = reverse("source-add-provider", args=[acme.slug, "postmark"])
        assert "Write it as name:password" in text(admin.post(form, {"name": "P", "secret_basic_auth": "secret"}))

    def test_a_public_key_that_is_none_is_refused(self, acme: Account, admin: Client) -> None:
        form = reverse("source-add-provider", args=[acme.slug, "sendgrid"])
        assert "cannot be read" in text(admin.post(form, {"name": "S", "secret_public_key": "hello"}))

    def test_a_provider_nobody_knows_is_not_found(self, acme: Account, admin: Client) -> None:
        assert admin.get(reverse("source-add-provider", args=[acme.slug, "nobody"])).status_code == 404


class TestTheList:
    def test_an_empty_account_is_told_how_to_begin(self, acme: Account, admin: Client, viewer: Client) -> None:
        listed = reverse("sources", args=[acme.slug])
        assert reverse("source-add", args=[acme.slug]) in admin.get(listed).content.decode()
        assert reverse("source-add", args=[acme.slug]) not in viewer.get(listed).content.decode()

    def test_each_source_says_how_it_does(self, acme: Account, viewer: Client) -> None:
        secrets = {"signing_secret": SECRET}
        make.source(acme, secrets=secrets)
        make.source(acme, secrets=secrets, enabled=False)
        failed(make.source(acme, secrets=secrets))
        make.source(acme)
        page = text(viewer.get(reverse("sources", args=[acme.slug])))
        assert "Waiting for the first request." in page
        assert "Switched off: requests are refused." in page
        assert "1 request could not be read." in page
        assert "Requests are refused until you add" in page

    def test_a_source_that_fell_silent_says_so(self, acme: Account, viewer: Client) -> None:
        source = make.source(acme, secrets={"signing_secret": SECRET})
        for ago in range(4, 80):
            hour(source, ago)
        last_at = hour_of(timezone.now()) - timedelta(hours=4)
        inbox.store(inbox.Incoming(acme.pk, source.pk, intake.KIND, last_at, "", {}, b"[]"))
        page = text(viewer.get(reverse("sources", args=[acme.slug])))
        assert re.search(r"Silent for [45] hours: usually a request every 2 minutes\.", page)

    def test_it_asks_the_same_questions_for_one_source_and_for_many(
        self, acme: Account, viewer: Client, django_assert_max_num_queries: Any
    ) -> None:
        for _n in range(8):
            failed(make.source(acme))
        with django_assert_max_num_queries(12):
            viewer.get(reverse("sources", args=[acme.slug]))

    def test_a_provider_that_is_gone_from_this_version_is_no_crash(self, acme: Account, admin: Client) -> None:
        source = make.source(acme, provider="vanished")
        assert "does not know the provider" in text(admin.get(reverse("sources", args=[acme.slug])))
        assert admin.get(url("source", source)).status_code == 200
        assert admin.get(url("source-edit", source)).status_code == 200


class TestTheSource:
    def test_its_address_is_shown_whole_to_administrators_alone(
        self, acme: Account, admin: Client, viewer: Client, settings: Any
    ) -> None:
        settings.LIVEFEEDS_URL = "https://feeds.example.com"
        source = make.source(acme)
        assert f"https://feeds.example.com/in/{source.token}" in admin.get(url("source", source)).content.decode()
        assert source.token not in viewer.get(url("source", source)).content.decode()

    def test_it_shows_hours_lag_and_duplicates(self, acme: Account, viewer: Client) -> None:
        source = make.source(acme)
        hour(source, 0, requests=2, events=10, duplicates=3, waited_ms=600, late_ms=40_000)
        hour(source, 1, requests=2, events=10, waited_ms=600, late_ms=40_000)
        page = text(viewer.get(url("source", source)))
        assert "3 duplicates, counted once" in page
        assert "From the event to here 4 seconds on average" in page
        assert "From here to the feed 300 milliseconds on average" in page
        assert ": 10 events" in page

    def test_it_says_what_waits_to_be_read(self, acme: Account, viewer: Client) -> None:
        source = make.source(acme)
        came = timezone.now() - timedelta(minutes=5)
        inbox.store(inbox.Incoming(acme.pk, source.pk, intake.KIND, came, "", {}, b"[]"))
        assert "1 request, for 5 minutes" in text(viewer.get(url("source", source)))

    @pytest.mark.parametrize("before", ["x", "-1", "9" * 30, ""])
    def test_a_page_number_that_is_none_shows_the_newest(self, acme: Account, viewer: Client, before: str) -> None:
        source = make.source(acme)
        inbox_id = failed(source)
        page = viewer.get(url("source", source), {"before": before}).content.decode()
        assert url("source-request", source, inbox_id) in page

    def test_failures_are_paged(self, acme: Account, viewer: Client) -> None:
        source = make.source(acme)
        for n in range(21):
            given = inbox.Incoming(acme.pk, source.pk, intake.KIND, timezone.now(), "", {}, b"{broken %d" % n)
            inbox.store(given)
        inbox.work()
        first = viewer.get(url("source", source))
        older = re.search(r'href="([^"]+before=[^"#]+)', first.content.decode())
        assert older
        second = viewer.get(html.unescape(older[1])).content.decode()
        oldest = InboxDue.objects.order_by("inbox_id").values_list("inbox_id", flat=True)[0]
        assert url("source-request", source, oldest) in second
        assert url("source-request", source, oldest) not in first.content.decode()

    def test_a_source_with_a_huge_number_is_not_found(self, acme: Account, viewer: Client) -> None:
        assert viewer.get(reverse("source", args=[acme.slug, 2**70])).status_code == 404


class TestChanging:
    def test_a_secret_is_never_sent_back_and_stays_when_left_empty(self, acme: Account, admin: Client) -> None:
        source = make.source(acme, secrets={"signing_secret": SECRET})
        page = admin.get(url("source-edit", source)).content.decode()
        assert SECRET not in page
        assert "It is set." in page
        admin.post(url("source-edit", source), {"name": "New name", "enabled": "on"})
        source.refresh_from_db()
        assert (source.name, source.secrets) == ("New name", {"signing_secret": SECRET})

    def test_a_wrong_form_sends_no_secret_back_either(self, acme: Account, admin: Client) -> None:
        source = make.source(acme, secrets={"signing_secret": SECRET})
        response = admin.post(url("source-edit", source), {"name": ""})
        assert response.status_code == 422
        assert SECRET not in response.content.decode()

    def test_a_secret_is_replaced_or_removed(self, acme: Account, admin: Client) -> None:
        source = make.source(acme, secrets={"signing_secret": SECRET})
        admin.post(url("source-edit", source), {"name": "N", "secret_signing_secret": "whsec_bmV3"})
        source.refresh_from_db()
        assert source.secrets == {"signing_secret": "whsec_bmV3"}
        admin.post(url("source-edit", source), {"name": "N", "remove_signing_secret": "on"})
        source.refresh_from_db()
        assert source.secrets == {}

    def test_a_source_that_is_switched_off_refuses_at_once(self, acme: Account, admin: Client) -> None:
        source = make.source(acme)
        assert admin.post(f"/in/{source.token}", b"[]", content_type="application/json").status_code != 403
        admin.post(url("source-edit", source), {"name": "N"})
        assert admin.post(f"/in/{source.token}", b"[]", content_type="application/json").status_code == 403

    def test_a_new_address_ends_the_old_one_at_once(self, acme: Account, admin: Client) -> None:
        source = make.source(acme)
        assert admin.head(f"/in/{source.token}").status_code == 200
        assert admin.get(url("source-address", source)).status_code == 200
        assert admin.head(f"/in/{source.token}").status_code == 200
        admin.post(url("source-address", source))
        assert admin.head(f"/in/{source.token}").status_code == 404
        assert admin.head(f"/in/{Source.objects.get(pk=source.pk).token}").status_code == 200

    def test_a_source_is_deleted_only_by_its_name(self, acme: Account, admin: Client) -> None:
        source = make.source(acme)
        response = admin.post(url("source-delete", source), {"name": "another"})
        assert "This is not its name" in text(response)
        assert Source.objects.exists()
        admin.head(f"/in/{source.token}")
        assert admin.post(url("source-delete", source), {"name": "plain source"}).status_code == 302
        assert not Source.objects.exists()
        assert admin.head(f"/in/{source.token}").status_code == 404

    def test_a_source_is_kept_while_its_requests_wait_to_be_read(self, acme: Account, admin: Client) -> None:
        source = make.source(acme)
        inbox.store(inbox.Incoming(acme.pk, source.pk, intake.KIND, timezone.now(), "", {}, b"[]"))
        assert "waiting to be read" in text(admin.post(url("source-delete", source), {"name": "plain source"}))
        inbox.work()
        assert admin.post(url("source-delete", source), {"name": "plain source"}).status_code == 302


class TestTestEvents:
    def test_one_reaches_the_feed_marked_as_a_test(self, acme: Account, admin: Client) -> None:
        source = make.source(acme, secrets={"signing_secret": SECRET})
        response = admin.post(url("source-test", source), {"recipient": "Me@Example.com"})
        assert response["Location"] == reverse("feed", args=[acme.slug]) + "?q=me%40example.com"
        assert InboxRow.objects.get().is_test
        inbox.work()
        email = Email.objects.get(account=acme)
        assert (email.recipient, email.is_test) == ("me@example.com", True)

    def test_every_provider_has_one_that_can_be_read(self, acme: Account, admin: Client) -> None:
        from webhooks.providers import PROVIDERS

        for slug in PROVIDERS:
            admin.post(url("source-test", make.source(acme, slug)), {"recipient": f"{slug}@example.com"})
        inbox.work()
        assert not InboxDue.objects.exists()
        assert set(Email.objects.values_list("recipient", flat=True)) == {f"{slug}@example.com" for slug in PROVIDERS}

    def test_what_is_no_address_is_refused_on_the_page(self, acme: Account, admin: Client) -> None:
        response = admin.post(url("source-test", make.source(acme)), {"recipient": "nobody"})
        assert response.status_code == 422
        assert "Enter a valid email address" in text(response)
        assert not InboxRow.objects.exists()

    def test_a_source_that_is_switched_off_sends_none(self, acme: Account, admin: Client) -> None:
        source = make.source(acme, enabled=False)
        response = admin.post(url("source-test", source), {"recipient": "me@example.com"}, follow=True)
        assert "This source is switched off" in text(response)
        assert not InboxRow.objects.exists()


class TestStoredRequests:
    def test_the_body_is_readable_and_cannot_run(self, acme: Account, viewer: Client) -> None:
        source = make.source(acme)
        inbox_id = failed(source, b'{"a":"<script>alert(1)</script>"}')
        page = viewer.get(url("source-request", source, inbox_id)).content.decode()
        assert "<script>alert" not in page
        assert '{\n  "a": "<script>' in html.unescape(page)

    def test_headers_are_shown_and_secrets_among_them_are_not(self, acme: Account, viewer: Client) -> None:
        source = make.source(acme)
        headers = {"webhook-id": "msg_1", "authorization": "Basic aHVzaA==", "x-api-key": "hush"}
        page = viewer.get(url("source-request", source, failed(source, headers=headers))).content.decode()
        assert "msg_1" in page
        assert "aHVzaA==" not in page
        assert "hush" not in page

    @pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"a=1&b=%3Cb%3E", b"[" * 3000, b"x" * 300_000])
    def test_any_body_can_be_looked_at(self, acme: Account, viewer: Client, body: bytes) -> None:
        source = make.source(acme)
        inbox_id = failed(source, body, form=True)
        assert viewer.get(url("source-request", source, inbox_id)).status_code == 200

    def test_it_is_not_reached_through_another_source(self, acme: Account, viewer: Client) -> None:
        inbox_id = failed(make.source(make.account("Other")))
        assert viewer.get(url("source-request", make.source(acme), inbox_id)).status_code == 404
        assert viewer.get(url("source-request", make.source(acme), 2**70)).status_code == 404

    def test_one_or_all_are_read_again(self, acme: Account, admin: Client) -> None:
        source, other = make.source(acme), make.source(acme)
        first, _second, theirs = failed(source), failed(source), failed(other)
        page = admin.post(url("source-request-read-again", source, first), follow=True)
        assert "1 request is being read again." in text(page)
        assert InboxDue.objects.filter(failed_at=None).count() == 1
        inbox.work()
        assert "2 requests are being read again." in text(admin.post(url("source-read-again", source), follow=True))
        assert InboxDue.objects.get(failed_at__isnull=False).inbox_id == theirs

    def test_nothing_to_read_again_is_said(self, acme: Account, admin: Client) -> None:
        page = admin.post(url("source-read-again", make.source(acme)), follow=True)
        assert "There was nothing to read again." in text(page)
