from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, AuditEntry, Role
from delivery import dns, signing, spf, tasks
from delivery.accept import accept
from delivery.models import Outgoing, SenderDomain, Transport
from delivery.views import domains
from tests import make
from tests.names import MISSING, SILENT, names

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def our_name(settings: Any) -> None:
    settings.SMTP_HOSTNAME = "out.host.test"
    settings.LIVEFEEDS_URL = "https://feeds.host.test"


@pytest.fixture
def acme() -> Account:
    return make.account()


@pytest.fixture
def admin(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, role=Role.ADMIN))
    return client


def domain(acme: Account, **fields: Any) -> SenderDomain:
    given = {"selector": "lf1", "public_key": base64.b64encode(b"the key").decode(), "return_path": "b.acme.test",
             "tracking_host": "links.acme.test"} | fields  # fmt: skip
    return make.sender_domain(acme, **given)


def right() -> dict[tuple[str, str], Any]:
    """DNS as the page asks for it."""
    return {
        ("lf1._domainkey.acme.test", "TXT"): [f"v=DKIM1; k=rsa; p={base64.b64encode(b'the key').decode()}"],
        ("b.acme.test", "TXT"): ["v=spf1 a:out.host.test ~all"],
        ("_dmarc.acme.test", "TXT"): ["v=DMARC1; p=none; rua=mailto:x@acme.test"],
        ("b.acme.test", "MX"): ["10 out.host.test."],
        ("links.acme.test", "CNAME"): ["feeds.host.test."],
        ("out.host.test", "A"): ["192.0.2.1"],
        ("feeds.host.test", "A"): ["192.0.2.1"],
    }


def url(name: str, acme: Account, *keys: Any) -> str:
    return reverse(name, args=[acme.slug, *keys])


# ---- Pages ------------------------------------------------------------------------------------------------


def test_a_domain_is_added_with_a_key_of_its_own_and_looked_up_at_once(acme: Account, admin: Client) -> None:
    with names({}):
        response = admin.post(url("domain-add", acme), {"name": "News@Acmé.test "}, follow=True)
    made = SenderDomain.objects.get()
    assert made.name == "xn--acm-dma.test"
    assert made.return_path == "bounces.xn--acm-dma.test"
    assert made.checks["dkim"]["why"] == "missing"
    assert made.checks["return_path"]["ok"] is False
    page = response.content.decode()
    assert f"{made.selector}._domainkey.{made.name}" in page
    assert f"p={made.public_key}" in page
    assert "PRIVATE KEY" not in page
    assert signing.sign(b"From: a@b.test\r\n\r\nHi\r\n", made).startswith(b"DKIM-Signature:")
    assert AuditEntry.objects.get().action == "domain.added"


@pytest.mark.parametrize("name", ["", "acme", "a b.test", "-a.test", "1.2.3.4", "x" * 64 + ".test", "acme.test"])
def test_what_is_no_domain_or_is_there_already_is_refused(acme: Account, admin: Client, name: str) -> None:
    domain(acme)
    with names({}):
        assert admin.post(url("domain-add", acme), {"name": name}).status_code == 422
    assert SenderDomain.objects.count() == 1


def test_check_now_tells_what_was_found_and_what_to_do(acme: Account, admin: Client) -> None:
    ours = domain(acme)
    records = right() | {("_dmarc.acme.test", "TXT"): MISSING, ("b.acme.test", "MX"): ["10 mx.other.test."],
                         ("mx.other.test", "A"): ["198.51.100.7"]}  # fmt: skip
    with names(records):
        page = admin.post(url("domain-check", acme, ours.pk), follow=True).content.decode()
    assert "2 records are not right yet" in page
    assert "It leads to another place than this server." in page
    assert "mx.other.test" in page
    with names(right()):
        page = admin.post(url("domain-check", acme, ours.pk), follow=True).content.decode()
    assert "All records are as they should be" in page


@pytest.mark.parametrize(("enabled", "why"), [(True, "theirs"), (False, "good")])
def test_a_way_that_is_switched_off_counts_as_if_it_were_not_there(
    acme: Account, admin: Client, enabled: bool, why: str
) -> None:
    relay = Transport.objects.create(account=acme, name="R", kind="relay", host="relay.test", enabled=enabled)
    ours = domain(acme, transport=relay)
    with names(right()):
        admin.post(url("domain-check", acme, ours.pk))
    ours.refresh_from_db()
    assert ours.checks["spf"]["why"] == why


def test_a_change_of_what_is_wanted_forgets_what_was_found(acme: Account, admin: Client) -> None:
    ours = domain(acme)
    relay = Transport.objects.create(account=acme, name="R", kind="relay", host="relay.test")
    with names(right()):
        admin.post(url("domain-check", acme, ours.pk))
        fields = {"return_path": "b2.acme.test", "tracking_host": "", "transport": relay.pk}
        page = admin.post(url("domain-edit", acme, ours.pk), fields, follow=True).content.decode()
    ours.refresh_from_db()
    assert (ours.return_path, ours.tracking_host, ours.transport) == ("b2.acme.test", "", relay)
    assert ours.checks["return_path"]["ok"] is False
    assert "leaves through another server" in page
    details = AuditEntry.objects.get(action="domain.changed").details
    assert details["return_path"] == {"before": "b.acme.test", "after": "b2.acme.test"}


def test_the_way_of_another_account_cannot_be_chosen(acme: Account, admin: Client) -> None:
    ours = domain(acme)
    theirs = Transport.objects.create(account=make.account("Other"), name="R", kind="relay", host="relay.test")
    fields = {"return_path": "", "tracking_host": "", "transport": theirs.pk}
    assert admin.post(url("domain-edit", acme, ours.pk), fields).status_code == 422


@pytest.mark.parametrize("name", ["bounces.other.test", "acme.test", "bouncesacme.test"])
def test_bounces_come_back_below_the_domain_itself(acme: Account, admin: Client, name: str) -> None:
    ours = domain(acme)
    answer = admin.post(url("domain-edit", acme, ours.pk), {"return_path": name, "tracking_host": "", "transport": ""})
    assert answer.status_code == 422
    assert "It must be a name below acme.test, such as bounces.acme.test." in answer.content.decode()
    ours.refresh_from_db()
    assert ours.return_path == "b.acme.test"


def test_a_domain_is_deleted_when_its_name_is_typed_and_says_what_waits(acme: Account, admin: Client) -> None:
    ours = domain(acme)
    accept(make.order("bob@example.com"), acme, timezone.now())
    assert Outgoing.objects.count() == 1
    page = admin.get(url("domain-delete", acme, ours.pk)).content.decode()
    assert "1 email of it is still to be sent." in page
    assert admin.post(url("domain-delete", acme, ours.pk), {"name": "else"}).status_code == 422
    assert admin.post(url("domain-delete", acme, ours.pk), {"name": "acme.test"}).status_code == 302
    assert not SenderDomain.objects.exists()


def test_of_an_account_with_much_to_send_not_all_is_counted(
    acme: Account, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, other = domain(acme), make.sender_domain(acme, "other.test")
    accept(make.order(*(f"p{n}@example.com" for n in range(3))), acme, timezone.now())
    monkeypatch.setattr(domains, "MOST_LOOKED", 3)
    page = admin.get(url("domain-delete", acme, ours.pk)).content.decode()
    assert "At least 3 emails of it are still to be sent." in page
    page = admin.get(url("domain-delete", acme, other.pk)).content.decode()
    assert "emails of this domain may be among it" in page


@pytest.mark.parametrize("name", ["domain", "domain-edit", "domain-delete", "domain-check"])
def test_domains_of_others_are_not_there(acme: Account, admin: Client, name: str) -> None:
    theirs = domain(make.account("Other"))
    answer = admin.post(url(name, acme, theirs.pk)) if name == "domain-check" else admin.get(url(name, acme, theirs.pk))
    assert answer.status_code == 404


def test_members_below_administrators_see_none_of_it(acme: Account) -> None:
    ours = domain(acme)
    client = Client()
    client.force_login(make.member(acme, role=Role.MEMBER))
    for name, keys in (("domains", ()), ("domain-add", ()), ("domain", (ours.pk,)), ("domain-delete", (ours.pk,))):
        assert client.get(url(name, acme, *keys)).status_code == 403


# ---- What DNS says ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "changed", "ok", "why"),
    [
        ("dkim", {}, True, "good"),
        ("dkim", {("lf1._domainkey.acme.test", "TXT"): MISSING}, False, "missing"),
        ("dkim", {("lf1._domainkey.acme.test", "TXT"): ["v=DKIM1; p=YWJj"]}, False, "other_key"),
        ("dkim", {("lf1._domainkey.acme.test", "TXT"): SILENT}, False, "silent"),
        ("dkim", {("lf1._domainkey.acme.test", "TXT"): ["k=rsa;p=dGhlI GtleQ=="]}, True, "good"),
        ("spf", {}, True, "good"),
        ("spf", {("b.acme.test", "TXT"): ["google-verify=1"]}, False, "missing"),
        ("spf", {("b.acme.test", "TXT"): ["v=spf1 -all"]}, False, "not_allowed"),
        ("spf", {("b.acme.test", "TXT"): ["v=spf1 nonsense:x -all"]}, False, "broken"),
        ("spf", {("b.acme.test", "TXT"): ["v=spf1 -all", "v=spf1 +all"]}, False, "several"),
        ("dmarc", {}, True, "good"),
        ("dmarc", {("_dmarc.acme.test", "TXT"): ["v=DMARC1; p=loud"]}, False, "broken"),
        ("dmarc", {("_dmarc.acme.test", "TXT"): MISSING}, False, "missing"),
        ("return_path", {}, True, "good"),
        ("return_path", {("b.acme.test", "MX"): ["5 alias.test."], ("alias.test", "A"): ["192.0.2.1"]}, True, "good"),
        ("return_path", {("b.acme.test", "MX"): ["5 alias.test."]}, False, "elsewhere"),
        ("tracking", {}, True, "good"),
        ("tracking", {("links.acme.test", "CNAME"): (), ("links.acme.test", "A"): ["192.0.2.1"]}, True, "good"),
        ("tracking", {("links.acme.test", "CNAME"): (), ("links.acme.test", "A"): ["192.0.2.9"]}, False, "elsewhere"),
        ("tracking", {("links.acme.test", "CNAME"): MISSING}, False, "missing"),
    ],
)
def test_each_record_is_judged(acme: Account, key: str, changed: Any, ok: bool, why: str) -> None:
    with names(right() | changed):
        found = dns.check(domain(acme))
    assert (found[key]["ok"], found[key]["why"]) == (ok, why)


def test_a_policy_above_the_domain_counts(acme: Account) -> None:
    ours = domain(acme, name="mail.acme.test")
    with names({("_dmarc.acme.test", "TXT"): ["v=DMARC1; p=reject"]}):
        assert dns.check(ours)["dmarc"] == {"ok": True, "why": "above", "found": "v=DMARC1; p=reject",
                                            "wanted": "v=DMARC1; p=none"}  # fmt: skip


def test_what_was_right_stays_right_while_nobody_answers(acme: Account) -> None:
    ours = domain(acme, checks={"return_path": {"ok": True}})
    with names(right() | {("b.acme.test", "MX"): SILENT}):
        assert dns.check(ours)["return_path"] | {"found": ""} == {
            "ok": True, "why": "silent", "found": "", "wanted": "10 out.host.test"}  # fmt: skip


def test_domains_are_looked_after_by_themselves(acme: Account) -> None:
    now = timezone.now()
    ours = domain(acme)
    with names(right()):
        tasks.check_domains()
    ours.refresh_from_db()
    assert ours.checks["dkim"]["ok"]
    with names({}):
        assert dns.look_again(now + timedelta(hours=23)) == 0
        assert dns.look_again(now + timedelta(hours=25)) == 1
        assert dns.look_again(now + timedelta(hours=25, minutes=30)) == 0
        assert dns.look_again(now + timedelta(hours=27)) == 1
    ours.refresh_from_db()
    assert not ours.checks["dkim"]["ok"]


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", "pass"),
        ("v=spf1 ip4:192.0.2.1 -all", "pass"),
        ("v=spf1 ip6:2001:db8::/32 -all", "fail"),
        ("v=spf1 a -all", "pass"),
        ("v=spf1 a/24 ~all", "pass"),
        ("v=spf1 mx ~all", "pass"),
        ("v=spf1 include:other.test ?all", "pass"),
        ("v=spf1 include:none.test -all", "error"),
        ("v=spf1 redirect=other.test", "pass"),
        ("v=spf1 -ip4:192.0.2.1 +all", "fail"),
        ("v=spf1 exp=why.test ~all", "softfail"),
        ("v=spf1", "neutral"),
        ("v=spf1 include:loop.test -all", "error"),
        ("v=spf1 ip4:nonsense", "error"),
    ],
)
def test_a_sender_policy_is_read_as_far_as_it_matters_here(policy: str, verdict: str) -> None:
    records = {
        ("x.test", "TXT"): [policy],
        ("x.test", "A"): ["192.0.2.1"],
        ("x.test", "MX"): ["10 mx.x.test."],
        ("mx.x.test", "A"): ["192.0.2.1"],
        ("other.test", "TXT"): ["v=spf1 ip4:192.0.2.1 -all"],
        ("loop.test", "TXT"): ["v=spf1 include:loop.test -all"],
        ("none.test", "A"): ["192.0.2.5"],
    }
    with names(records):
        assert spf.allows("x.test", ["192.0.2.1"]) == verdict
