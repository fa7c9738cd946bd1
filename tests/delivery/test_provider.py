from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from delivery import compose
from delivery.compose import Mail
from delivery.models import Attachment, Attempt, Transport
from delivery.smtpd.certificate import Certificate, our_own
from delivery.transports.base import Outcome
from delivery.transports.provider import PROVIDERS, ProviderConnection, message_of
from delivery.ways import make as way_of
from feeds import inbox
from feeds.events import Status
from tests import make
from tests.delivery.engine import email, mailer, place, send_all
from tests.delivery.test_compose import RAW, message, outgoing
from tests.names import names
from tests.site import free_port
from webhooks import intake

pytestmark = pytest.mark.usefixtures("reachable")

asked: list[str] = []
GOOD = {"To": "bob@example.com", "SubmittedAt": "2026-03-10T12:00:00Z", "MessageID": "pm-1", "ErrorCode": 0,
        "Message": "OK"}  # fmt: skip


@contextmanager
def api(status: int, answer: Any, tls: Certificate | None = None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A provider's API on this machine: its address, and what was posted to it."""
    posted: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.headers["Host"])
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.cert, tls.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", posted
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def send(url: str, mail: Mail | None = None) -> Outcome:
    transport = Transport(kind="provider", provider="postmark", secrets={"server_token": "geheim", "api_url": url})
    connection = way_of(transport).connect("")
    try:
        return connection.send(mail or compose.compose(message(), outgoing(), None))
    finally:
        connection.close()


def test_a_mail_is_handed_to_a_provider_who_names_it() -> None:
    made = message()
    made._prefetched_objects_cache = {
        "attachments": [Attachment(name="a.pdf", content_type="application/pdf", content=b"%PDF")]
    }
    people = {"to": [["Bob", "bob@example.com"], ["Ann", "ann@example.com"]]}
    mail = compose.compose(made, outgoing(addressed=people), None)
    mail.headers["List-Unsubscribe"] = "<https://acme.test/u>"
    with api(200, GOOD) as (url, posted):
        outcome = send(url, mail)
    assert (outcome.code, outcome.provider_id, outcome.stage) == ("250", "pm-1", "api")
    assert posted[0]["To"] == "Bob <bob@example.com>"
    assert posted[0]["From"] == "Acme <news@acme.test>"
    assert (posted[0]["HtmlBody"], posted[0]["TextBody"]) == ("<p>Hi</p>", "Hi")
    assert posted[0]["Attachments"][0]["Name"] == "a.pdf"
    assert {"Name": "List-Unsubscribe", "Value": "<https://acme.test/u>"} in posted[0]["Headers"]
    assert posted[0]["Metadata"]["livefeeds"]
    assert outcome.lines[0].said == f"POST {url}email"
    assert outcome.lines[0].answer.startswith("HTTP 200 OK")
    assert "geheim" not in str(outcome)


@pytest.mark.parametrize(
    ("status", "answer", "code", "stage"),
    [
        (401, {"ErrorCode": 10, "Message": "Bad or missing API token"}, "454", "auth"),
        (429, {"Message": "Slow down"}, "450", "api"),
        (500, {"Message": "Oops"}, "451", "api"),
        (422, {"ErrorCode": 300, "Message": "Invalid sender"}, "554", "api"),
        (422, {"ErrorCode": 406, "Message": "You tried to send to a recipient that has been marked as inactive.\n"
               "Found inactive addresses: bob@example.com."}, "554", "api"),
        (200, ["what"], "451", "api"),
    ],
)  # fmt: skip
def test_a_refusal_is_told_in_the_providers_words(status: int, answer: Any, code: str, stage: str) -> None:
    with api(status, answer) as (url, _posted):
        outcome = send(url)
    assert (outcome.code, outcome.stage, outcome.provider_id) == (code, stage, "")
    assert f"HTTP {status}" in outcome.reply


def test_an_api_that_is_away_is_told_as_such() -> None:
    outcome = send(f"http://127.0.0.1:{free_port()}/")
    assert (outcome.code, outcome.stage) == ("", "connect")
    assert outcome.reply == "lost connection with the API of Postmark"


def test_an_address_inside_the_network_is_not_asked(settings: Any) -> None:
    settings.ALLOWED_NETWORKS = []
    with api(200, GOOD) as (url, posted), names({}):
        outcome = send(url)
    assert "not a public address" in outcome.reply
    assert not posted


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_it_is_connected_to_the_address_that_was_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scheme: str
) -> None:
    own = our_own(tmp_path, "api.acme.test", timezone.now()) if scheme == "https" else None
    if own is not None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(own.cert))
    # The system's own look at the name, were there one, would lead elsewhere, or nowhere.
    known = {("api.acme.test", "A"): ["127.0.0.1"], ("api.acme.test", "AAAA"): []}
    with api(200, GOOD, own) as (url, posted), names(known):
        port = url.rpartition(":")[2]
        outcome = send(f"{scheme}://api.acme.test:{port}")
        assert outcome.accepted, outcome
        assert asked[-1] == f"api.acme.test:{port.rstrip('/')}"
        assert len(posted) == 1
        if own is not None:
            with names({("else.acme.test", "A"): ["127.0.0.1"], ("else.acme.test", "AAAA"): []}):
                assert not send(f"https://else.acme.test:{port}").accepted
    assert len(posted) == 1


def test_a_name_without_an_address_is_not_asked() -> None:
    with names({("api.acme.test", "A"): [], ("api.acme.test", "AAAA"): []}):
        outcome = send("http://api.acme.test/")
    assert (outcome.code, outcome.stage) == ("454", "dns")


def test_a_whole_message_is_taken_apart_for_an_api() -> None:
    raw = RAW.replace(b"Content-Type: text/plain\n\nHello", b"Content-Type: text/html\n\n<p>Hello</p>")
    mail = compose.compose(message(parts=None, raw=raw, subject="Hi", sender_name=""), outgoing(), None)
    made = message_of(mail)
    assert made.content_subtype == "html"
    assert "<p>Hello</p>" in str(made.body)
    assert made.to == ["bob@example.com"]


@pytest.mark.parametrize("slug", PROVIDERS)
def test_every_provider_takes_what_is_asked_for(slug: str) -> None:
    given = {field.name: "value" for field in PROVIDERS[slug].fields if field.name != "api_url"}
    if any(field.name == "api_url" for field in PROVIDERS[slug].fields):
        given["api_url"] = "http://127.0.0.1:9/"
    connection = ProviderConnection(slug, given)
    connection._open()
    assert connection.usable
    connection.close()


def test_what_is_not_set_up_right_fails_with_a_sentence() -> None:
    outcome = ProviderConnection("postmark", {}).send(compose.compose(message(), outgoing(), None))
    assert outcome.code == "454"
    assert "settings do not fit" in outcome.reply


@pytest.mark.django_db(transaction=True)
def test_what_the_provider_tells_later_ends_at_the_email_that_was_sent() -> None:
    acme = make.account()
    make.sender_domain(acme)
    webhook = make.source(acme)
    with api(200, GOOD) as (url, _posted):
        Transport.objects.create(
            account=acme, name="Postmark", kind="provider", provider="postmark", is_default=True,
            secrets={"server_token": "geheim", "api_url": url}, source_id=webhook.pk,
        )  # fmt: skip
        place(acme, "bob@example.com")
        with mailer() as ours:
            send_all(ours)
    assert email("bob@example.com").status == Status.SENT
    assert Attempt.objects.get().provider_id == "pm-1"
    told = {"event": "delivered", "message_id": "pm-1", "recipient": "bob@example.com",
            "occurred_at": timezone.now().isoformat(), "comment": "250 OK"}  # fmt: skip
    inbox.store(inbox.Incoming(acme.pk, webhook.pk, intake.KIND, timezone.now(), "application/json", {},
                               json.dumps(told).encode()))  # fmt: skip
    inbox.work()
    assert email("bob@example.com").status == Status.DELIVERED
