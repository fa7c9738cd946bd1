"""From the switches over a send request to the mail somebody gets, and back: what they do with it is in the feed."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import dkim
import pytest
from django.test import Client

from accounts.models import Account
from delivery.models import SenderDomain
from feeds.events import Kind, Status
from feeds.models import Email, StoredEvent
from suppression.models import Suppression
from tests import make
from tests.delivery.engine import mailer, send_all
from tests.delivery.v5.asking import key, post, request
from tests.sinks import Sink
from tests.tracking.mail import ask, read
from tracking import recorder
from tracking.models import TrackingSettings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reachable")]
TARGET = "https://shop.example/orders/1?a=b&c=%C3%A4#top"
HTML = f'<html><body><p>Hello</p><a href="{TARGET.replace("&", "&amp;")}">See it</a></body></html>'
# What the request says, then the domain, then the account (None: nothing), and what must hold.
SAYS: dict[bool, list[tuple[bool | None, bool | None, bool | None]]] = {
    True: [(True, False, False), (None, True, False), (None, None, True), (None, None, None)],
    False: [(False, True, True), (None, False, True), (None, None, False), (False, False, None)],
}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is answered is kept, however busy the machine is."""
    monkeypatch.setattr(recorder, "LONGEST_WAIT", 30)


@pytest.fixture
def account() -> Account:
    account = make.account()
    make.signing_domain(account)
    return account


def mailed(account: Account, mx: Sink, headers: dict[str, str] | None = None, **settings: bool) -> Any:
    """The mail that arrives when this is asked for over HTTP."""
    person: dict[str, Any] = {"to": [{"email": "bob@example.com"}]} | ({"headers": headers} if headers else {})
    content = [{"type": "html", "value": HTML}]
    answer = post(key(account), request(content=content, settings=settings, personalizations=[person]))
    assert answer.status_code == 202, answer.content
    with mailer() as ours:
        send_all(ours)
    return mx.messages[-1].parsed


def html_of(mail: Any) -> str:
    part = mail.get_body(("html",))
    return str(part.get_content()).rstrip("\r\n")


def paths(html: str, purpose: str) -> list[str]:
    return re.findall(rf'"https?://[^"/]+(/t/{purpose}/[^"]+)"', html)


def test_the_form_in_amp_is_tracked_as_well(account: Account, mx: Sink) -> None:
    amp = '<!doctype html><html amp4email><body><a href="https://shop.example/amp">See it</a></body></html>'
    content = [{"type": "html", "value": HTML}, {"type": "amp", "value": amp}]
    assert post(key(account), request(content=content)).status_code == 202
    with mailer() as ours:
        send_all(ours)
    (part,) = (part for part in mx.messages[-1].parsed.walk() if part.get_content_type() == "text/x-amp-html")
    said = part.get_payload(decode=True)
    assert isinstance(said, bytes)
    (path,) = paths(said.decode(), "c")
    assert ask(path)[0].headers["location"] == "https://shop.example/amp"
    assert "/t/u/" in said.decode()


@pytest.mark.parametrize("round_", range(4))
@pytest.mark.parametrize(("opens", "clicks", "leaving"), list(product([True, False], repeat=3)))
def test_the_mail_has_what_the_switches_say_and_no_more(
    account: Account, mx: Sink, opens: bool, clicks: bool, leaving: bool, round_: int
) -> None:
    wanted = {"open": opens, "click": clicks, "unsubscribe": leaving}
    said = {name: SAYS[holds][round_] for name, holds in wanted.items()}
    TrackingSettings.objects.create(account=account, domain="acme.test", **{n: s[1] for n, s in said.items()})
    TrackingSettings.objects.create(account=account, **{n: s[2] for n, s in said.items()})
    asked = {f"{n}_track": s[0] for n, s in said.items() if s[0] is not None}
    mail = mailed(account, mx, None, **asked)
    html = html_of(mail)
    found = {"open": paths(html, "o"), "click": paths(html, "c"), "unsubscribe": paths(html, "u")}
    assert {n: bool(f) for n, f in found.items()} == wanted
    assert ("List-Unsubscribe" in mail, "List-Unsubscribe-Post" in mail) == (leaving, leaving)
    if not any(wanted.values()):
        assert html == HTML
    if leaving:
        signed = str(mail["DKIM-Signature"]).replace(" ", "").lower()
        assert "list-unsubscribe:" in signed
        assert "list-unsubscribe-post" in signed


def test_what_people_do_with_the_mail_is_in_the_feed(account: Account, mx: Sink) -> None:
    mail = mailed(account, mx)
    html = html_of(mail)
    (pixel,), (link,), (footer,) = paths(html, "o"), paths(html, "c"), paths(html, "u")
    assert ask(pixel)[0].headers["content-type"] == "image/gif"
    assert ask(link)[0].headers["location"] == TARGET
    read()
    email = Email.objects.get()
    assert (email.opens, email.clicks, email.status) == (1, 1, Status.CLICKED)
    one_click = str(mail["List-Unsubscribe"]).partition("<")[2].partition(">")[0]
    assert one_click.endswith(footer)
    answer = Client(enforce_csrf_checks=True).post(footer, {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    read()
    assert Email.objects.get().status == Status.UNSUBSCRIBED
    assert Suppression.objects.get().target == email.recipient
    kinds = list(StoredEvent.objects.order_by("occurred_at", "kind").values_list("kind", flat=True))
    assert kinds[-3:] == [Kind.OPENED, Kind.CLICKED, Kind.UNSUBSCRIBED]
    again = post(key(account), request(content=[{"type": "html", "value": HTML}]))
    assert again.status_code == 202
    assert list(Email.objects.order_by("id").values_list("status", flat=True)) == [Status.UNSUBSCRIBED, Status.DROPPED]


def test_the_signature_covers_the_headers_as_they_arrive(account: Account, mx: Sink) -> None:
    mailed(account, mx)
    domain = SenderDomain.objects.get()

    def txt(name: bytes, timeout: int = 5) -> bytes:
        return f"v=DKIM1; k=rsa; p={domain.public_key}".encode()

    assert dkim.verify(mx.messages[-1].data, dnsfunc=txt)


@pytest.mark.parametrize("name", ["List-Unsubscribe", "list-unsubscribe"])
def test_a_way_out_of_the_senders_own_stands_where_ours_does_not(account: Account, mx: Sink, name: str) -> None:
    own = {name: "<mailto:out@acme.test>"}
    assert mailed(account, mx, own, unsubscribe_track=False).get_all("List-Unsubscribe") == ["<mailto:out@acme.test>"]
    (header,) = mailed(account, mx, own, unsubscribe_track=True).get_all("List-Unsubscribe")
    assert "/t/u/" in header
