"""Settings > Customize: what is set there holds for the next email, and people see what was written for them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, AuditEntry, Role
from tests import make
from tests.tracking.mail import ask, read, sent
from tests.tracking.pictures import png
from tracking import again, customizing, domains, logos, persons, switches, tasks
from tracking.domains import Found
from tracking.models import Farewell, LeaveVisit, TrackingSettings

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Account:
    return make.account()


@pytest.fixture
def admin(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, role=Role.ADMIN))
    return client


def url(account: Account, name: str = "customize", *rest: str) -> str:
    return reverse(name, args=[account.slug, *rest])


def page(client: Client, account: Account) -> str:
    answer = client.get(url(account))
    assert answer.status_code == 200
    return answer.content.decode()


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


@pytest.mark.parametrize(("opens", "clicks", "leaving"), list(product([True, False], repeat=3)))
def test_the_switches_of_the_account_hold_for_the_next_email(
    acme: Account, admin: Client, opens: bool, clicks: bool, leaving: bool
) -> None:
    wanted = {"all-open": opens, "all-click": clicks, "all-unsubscribe": leaving}
    given = {name: "on" for name, value in wanted.items() if value}
    assert admin.post(url(acme, "customize-switches"), given).status_code == 302
    found = switches.of(acme.id, "acme.test")
    assert (found.open, found.click, found.unsubscribe, found.text_links) == (opens, clicks, leaving, False)
    assert actions() == ["tracking.changed"]
    assert admin.post(url(acme, "customize-switches"), given).status_code == 302
    assert actions() == ["tracking.changed"]


def test_a_domain_says_otherwise_and_the_page_says_who_said_so(acme: Account, admin: Client) -> None:
    admin.post(url(acme, "customize-switches"), {"all-open": "on"})
    added = {"domain-domain": "News.Acme.test", "domain-open": "off", "domain-click": "", "domain-unsubscribe": "on"}
    assert admin.post(url(acme, "customize-domain-add"), added).status_code == 302
    found = switches.of(acme.id, "news.acme.test")
    assert (found.open, found.click, found.unsubscribe) == (False, False, True)
    shown = page(admin, acme)
    assert "news.acme.test" in shown
    for said in ("off, set for this domain", "off, set for the account", "on, set for this domain"):
        assert said in shown
    given = {"domain-news.acme.test-domain": "news.acme.test", "domain-news.acme.test-open": ""}
    assert admin.post(url(acme, "customize-domain", "news.acme.test"), given).status_code == 302
    assert not TrackingSettings.objects.filter(domain="news.acme.test").exists()
    assert switches.of(acme.id, "news.acme.test").open
    assert actions() == ["tracking.changed", "tracking.domain", "tracking.domain"]


@pytest.mark.parametrize("host", ["https://links.acme.test", "links", "a b.test", "-x.test", "links.acme.test/x"])
def test_a_host_is_a_name_alone(acme: Account, admin: Client, host: str) -> None:
    answer = admin.post(url(acme, "customize-switches"), {"all-host": host})
    assert (answer.status_code, "Write a host name alone" in answer.content.decode()) == (422, True)
    added = admin.post(url(acme, "customize-domain-add"), {"domain-domain": host})
    assert added.status_code == 422


def test_a_tracking_host_is_shown_with_its_record_and_looked_up(
    acme: Account, admin: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LIVEFEEDS_URL = "https://feeds.example.com"
    admin.post(url(acme, "customize-switches"), {"all-host": "Links.Acme.Test."})
    assert "links.acme.test. CNAME feeds.example.com." in page(admin, acme)
    assert switches.of(acme.id, "acme.test").host == "links.acme.test"
    known: dict[tuple[str, str], list[str]] = {}

    def look_up(name: str, kind: str) -> Sequence[str]:
        if name == "links.acme.test" and not known:
            raise LookupError(name)
        return known.get((name, kind), [])

    monkeypatch.setattr(domains._Known, "look_up", look_up)
    assert domains.check("links.acme.test") == (Found.NOTHING, [])
    known["links.acme.test", "A"] = ["192.0.2.1"]
    known["feeds.example.com", "A"] = ["192.0.2.2"]
    assert domains.check("links.acme.test")[0] == Found.ELSEWHERE
    known["links.acme.test", "A"] = ["192.0.2.2"]
    assert domains.check("links.acme.test")[0] == Found.RIGHT
    known["links.acme.test", "CNAME"] = ["feeds.example.com."]
    told = admin.post(url(acme, "customize-host"), follow=True).content.decode()
    assert "links.acme.test leads here: feeds.example.com." in told


def test_the_page_is_written_anew_previewed_and_put_back(acme: Account, admin: Client) -> None:
    given = {
        "link_text": "Abbestellen", "redirect_url": "https://acme.test/bye", "en-title": "Bye <b>",
        "pt-br-done": "Pronto.", "logo": SimpleUploadedFile("logo.png", png()),
    }  # fmt: skip
    shown = admin.post(url(acme, "customize-page"), {**given, "preview": "1"}).content.decode()
    assert "This is not saved yet." in shown
    assert "Bye &lt;b&gt;" in shown
    assert "data:image/png;base64," in shown
    assert not Farewell.objects.exists()
    given["logo"] = SimpleUploadedFile("logo.png", png(extra=b"secret"))
    assert admin.post(url(acme, "customize-page"), given).status_code == 302
    row = Farewell.objects.get()
    assert row.logo is not None
    assert (row.link_text, row.redirect_url) == ("Abbestellen", "https://acme.test/bye")
    assert bytes(row.logo) == logos.check(png()).content
    assert row.texts == {"en": {"title": "Bye <b>"}, "pt-br": {"done": "Pronto."}}
    assert "data:image/png" in page(admin, acme)
    again = {name: value for name, value in given.items() if name != "logo"}
    admin.post(url(acme, "customize-page"), again)
    admin.post(url(acme, "customize-page"), again | {"remove_logo": "on"})
    assert Farewell.objects.get().logo_type == ""
    admin.post(url(acme, "customize-reset"))
    admin.post(url(acme, "customize-reset"))
    assert not Farewell.objects.exists()
    assert actions() == ["farewell.changed", "farewell.changed", "farewell.reset"]


@pytest.mark.parametrize(("field", "value", "said"), [
    ("redirect_url", "javascript:alert(1)", "begins with https"), ("redirect_url", "/bye", "begins with https"),
    ("logo", SimpleUploadedFile("a.png", b"<svg/>"), "PNG, JPEG or GIF"), ("en-title", "x" * 101, "at most 100"),
])  # fmt: skip
def test_what_cannot_be_is_refused_beside_its_field(
    acme: Account, admin: Client, field: str, value: object, said: str
) -> None:
    answer = admin.post(url(acme, "customize-page"), {field: value})
    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert not Farewell.objects.exists()


def test_the_logo_stands_on_the_page_and_is_only_a_picture() -> None:
    mail = sent()
    path = mail.signer.leave()
    assert Client().get(f"{path}/logo").status_code == 404
    Farewell.objects.create(account=mail.email.account, logo=png(), logo_type="image/png")
    assert f'src="{path}/logo"' in Client().get(path).content.decode()
    logo = Client().get(f"{path}/logo")
    assert (logo.content, logo["Content-Type"], logo["X-Content-Type-Options"]) == (png(), "image/png", "nosniff")
    assert logo["Content-Security-Policy"] == "default-src 'none'"


def test_robots_are_reported(acme: Account, admin: Client) -> None:
    assert "no robot visited" in page(admin, acme)
    LeaveVisit.objects.create(email_id=1, account=acme, first_at=timezone.now(), machines=3)
    LeaveVisit.objects.create(email_id=2, account=acme, first_at=timezone.now(), people=1)
    LeaveVisit.objects.create(email_id=3, account=make.account("Other"), first_at=timezone.now(), machines=3)
    assert "robots visited the unsubscribe link of 1 email; nobody was removed" in page(admin, acme)


@pytest.mark.django_db(transaction=True)
def test_the_button_has_visits_judged_again(acme: Account, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from ipaddress import ip_network

    mail = sent(acme)
    ask(mail.link(), ip="203.0.113.5")
    read()
    monkeypatch.setattr(persons, "NETWORKS", [ip_network("203.0.113.0/24")])
    admin.post(url(acme, "customize-judge"))
    assert "At work since:" in page(admin, acme)
    tasks.judge_asked()
    assert "1 visit changed." in page(admin, acme)
    assert mail.now().machine_clicks == 1


def test_judging_again_for_many_leaves_the_worker_time_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        TrackingSettings.objects.create(account=make.account(f"Many {n}"), judge_asked_at=timezone.now())
    clock = [0.0]

    def slowly(*_args: Any, seconds: float, **_more: Any) -> again.Judged:
        assert 0 < seconds <= customizing.SECONDS - clock[0] % 60
        clock[0] += 0.75 * customizing.SECONDS
        return again.Judged(is_done=True)

    monkeypatch.setattr(customizing, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(again, "run", slowly)
    left = []
    for minute in range(3):
        clock[0] = 60.0 * minute
        tasks.judge_asked()
        left.append(TrackingSettings.objects.exclude(judge_asked_at=None).count())
    assert left == [3, 1, 0]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
def test_only_administrators_see_and_change_it(acme: Account, role: Role) -> None:
    client = Client()
    client.force_login(make.member(acme, role=role))
    names = ("switches", "domain-add", "page", "reset", "host", "judge")
    assert client.get(url(acme)).status_code == 403
    assert {client.post(url(acme, f"customize-{name}")).status_code for name in names} == {403}


def test_an_account_is_no_business_of_another_ones_administrator(admin: Client) -> None:
    other = make.account("Other")
    assert admin.get(url(other)).status_code == 404
    assert admin.post(url(other, "customize-switches"), {}).status_code == 404
    assert not TrackingSettings.objects.exists()


@pytest.mark.parametrize("name", ["\0", "x" * 300, "no domain"])
def test_what_is_no_domain_has_no_switches(acme: Account, admin: Client, name: str) -> None:
    assert admin.post(url(acme, "customize-domain", name), {f"domain-{name}-domain": "example.com"}).status_code == 404
    assert not TrackingSettings.objects.exists()
