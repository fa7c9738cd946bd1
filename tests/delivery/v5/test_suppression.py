"""/v5/suppression, by what a client sends and is told. The fixtures are what pepipost 5.0.0 for Python sends."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.keys import Scope
from accounts.models import Account, ApiKey, AuditEntry
from delivery.v5 import door
from feeds.models import Email
from suppression.checking import stopped
from suppression.models import Cause, How, Origin, Reason, Removal, Removed, Suppression
from tests import make
from tests.delivery.v5.asking import fields, key, post, request, told

pytestmark = pytest.mark.django_db
FIXTURES = Path(__file__).parents[2] / "fixtures" / "v5" / "suppression"
LIST = "/v5/suppression"
JSON = "application/json; charset=utf-8"


@pytest.fixture
def account() -> Account:
    door.database.answered()
    return make.account()


@pytest.fixture
def api_key(account: Account) -> str:
    return key(account, Scope.SUPPRESS)


def ask(method: str, key: str, body: Any = b"", path: str = LIST) -> HttpResponse:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Client(enforce_csrf_checks=True).generic(method, path, content, JSON, HTTP_API_KEY=key)  # type: ignore[return-value]


def listed(account: Account) -> list[str]:
    return sorted(Suppression.objects.filter(account=account).values_list("target", flat=True))


@pytest.mark.parametrize("path", [LIST, "/v5.1/suppression"])
def test_what_the_published_client_sends_is_done(account: Account, api_key: str, path: str) -> None:
    make.sender_domain(account)
    sending = key(account)
    answer = ask("POST", api_key, (FIXTURES / "add-emails.json").read_bytes(), path)
    assert answer.status_code == 200
    assert told(answer) == {"data": {"added": 2, "known": 0}, "message": "OK", "status": "success"}
    assert told(ask("POST", api_key, (FIXTURES / "add-domain.json").read_bytes(), path))["data"]["added"] == 1
    assert listed(account) == ["@example.org", "ann@example.com", "bob@example.com"]
    assert post(sending, request("ann@example.com", "eve@example.org", "new@example.com")).status_code == 202
    comments = dict(Email.objects.values_list("recipient", "comment"))
    assert comments["ann@example.com"] == "Email dropped: User added to suppression list manually"
    assert comments["eve@example.org"] == "Email dropped: User added to suppression list manually"
    assert comments["new@example.com"] == "Accepted, queued"

    answer = ask("DELETE", api_key, (FIXTURES / "remove.json").read_bytes(), path)
    assert (answer.status_code, told(answer)["data"]) == (200, {"removed": 3, "still_suppressed": {}})
    assert listed(account) == []


def test_the_entry_says_which_key_it_was(account: Account, api_key: str) -> None:
    ask("POST", api_key, {"email": "Ann@Example.com"})
    entry, cause, key = Suppression.objects.get(), Cause.objects.get(), ApiKey.objects.get()
    assert (entry.target, entry.reason, entry.origin) == ("ann@example.com", Reason.MANUAL, Origin.KEY)
    assert (cause.ident, cause.key_id, cause.actor_name) == (f"k{key.id}", key.id, str(key))
    ask("DELETE", api_key, {"email": "ann@example.com"})
    removal = Removal.objects.get()
    assert (removal.how, removal.key_id, removal.entries) == (How.KEY, key.id, 1)
    assert Removed.objects.get().target == "ann@example.com"
    assert list(AuditEntry.objects.filter(key=key).order_by("id").values_list("action", "subject")) == [
        ("suppression.added", "ann@example.com"), ("suppression.removed", "ann@example.com"),
    ]  # fmt: skip


def test_what_was_there_or_was_not_is_no_error_and_no_change(account: Account, api_key: str) -> None:
    for added, known in ((1, 0), (0, 1)):
        answer = ask("POST", api_key, {"email": "ann@example.com,, ann@example.com ,"})
        assert (answer.status_code, told(answer)["data"]) == (200, {"added": added, "known": known})
    for removed in (1, 0):
        answer = ask("DELETE", api_key, {"email": "ann@example.com"})
        assert (answer.status_code, told(answer)["data"]["removed"]) == (200, removed)
    assert Removal.objects.count() == 1
    assert AuditEntry.objects.filter(action__startswith="suppression.").count() == 2


def test_an_address_is_taken_off_whatever_the_reason_and_what_still_stops_it_is_told(
    account: Account, api_key: str
) -> None:
    for reason in Reason:
        make.suppression(account, "ann@example.com", reason=reason)
    make.suppression(account, "example.com")
    make.suppression(None, "boss@example.org")
    other = make.account("Other")
    make.suppression(other, "ann@example.com")
    answer = ask("DELETE", api_key, {"email": "ann@example.com,boss@example.org"})
    assert told(answer)["data"] == {
        "removed": 5,
        "still_suppressed": {
            "ann@example.com": "*@example.com", "boss@example.org": "Email dropped: User present in global blacklisting"
        },
    }  # fmt: skip
    assert listed(account) == ["@example.com"]
    assert listed(other) == ["ann@example.com"]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_each_bad_value_is_named_and_nothing_is_half_done(account: Account, api_key: str, method: str) -> None:
    make.suppression(account, "good@example.com")
    body = {
        "email": "good@example.com,new@example.com,nobody,a@b@c.example,example.net,b-*@example.com",
        "domain": "example.org,-,x y",
    }
    answer = ask(method, api_key, body)
    assert answer.status_code == 400
    assert fields(answer) == ["email"] * 4 + ["domain"] * 2
    descriptions = [fault["description"] for fault in told(answer)["error"]]
    words = ["“nobody” is", "a@b@c.example: ", "example.net: It is", "b-*@example.com: Patterns", "“-” is", "“x y” is"]
    assert [word in said for said, word in zip(descriptions, words, strict=True)] == [True] * 6
    assert listed(account) == ["good@example.com"]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"email": None, "domain": None}, {"email": ""}, {"email": " , "}, {"email": 7}, {"email": {"a": 1}},
        {"domain": True}, {"email": ["ann@example.com", 1]}, {"domain": "bob@example.com"}, {"email": "x" * 500},
    ],
)  # fmt: skip
def test_what_is_no_list_of_addresses_is_refused(account: Account, api_key: str, body: Any) -> None:
    for method in ("POST", "DELETE"):
        answer = ask(method, api_key, body)
        assert answer.status_code == 400
        assert set(fields(answer)) <= {"email", "domain"}
    assert listed(account) == []


def test_a_thousand_go_at_once_and_more_do_not(account: Account, api_key: str) -> None:
    def asked(method: str, n: int) -> tuple[int, int]:
        body = {"email": ",".join(f"r{i}@example.com" for i in range(n - 1)), "domain": "*.example.org"}
        with CaptureQueriesContext(
            connection,
        ) as queries:
            status = ask(method, api_key, body).status_code
        return status, len(queries)

    ask("GET", api_key)  # notes that the key was used
    few, removed_few = asked("POST", 2), asked("DELETE", 2)
    assert asked("POST", 1000) == few
    assert len(listed(account)) == 1000
    assert stopped(account.id, ["x@a.example.org"])
    assert asked("DELETE", 1000) == removed_few
    assert listed(account) == []
    answer = ask("POST", api_key, {"email": ",".join(f"r{i}@example.com" for i in range(1001))})
    assert (answer.status_code, fields(answer)) == (400, ["email"])


def test_only_a_key_that_may_and_only_its_own_account(account: Account) -> None:
    body = {"email": "ann@example.com"}
    for method in ("POST", "DELETE", "GET"):
        assert ask(method, "", body).status_code == 401
        assert ask(method, key(account, Scope.SEND, Scope.READ), body).status_code == 403
    other = make.account("Other")
    make.suppression(other, "ann@example.com")
    assert told(ask("DELETE", key(account, Scope.ALL), body))["data"]["removed"] == 0
    assert told(ask("GET", key(account, Scope.ALL)))["data"]["entries"] == []
    assert listed(other) == ["ann@example.com"]


def test_another_method_is_told_which_there_are(api_key: str) -> None:
    answer = ask("PUT", api_key, {"email": "ann@example.com"})
    assert (answer.status_code, answer["Allow"], fields(answer)) == (405, "POST, DELETE, GET", [""])
    assert "POST, DELETE, GET" in told(answer)["error"][0]["description"]


def test_the_list_is_read_a_page_at_a_time_without_a_gap(account: Account, api_key: str) -> None:
    for n in range(7):
        make.suppression(
            account, f"r{n}@example.com", reason=Reason.SPAM, added_at=make.NOON + timedelta(minutes=n // 3)
        )
    seen: list[str] = []
    after = ""
    for _page in range(4):
        data = told(ask("GET", api_key, path=f"{LIST}?limit=2&after={after}"))["data"]
        seen += [entry["target"] for entry in data["entries"]]
        after = data["after"] or ""
    assert not after
    assert seen == [f"r{n}@example.com" for n in (6, 5, 4, 3, 2, 1, 0)]
    (entry,) = told(ask("GET", api_key, path=f"{LIST}?email=r3@example.com"))["data"]["entries"]
    assert entry == {
        "target": "r3@example.com", "covers": "address", "reason": "spam", "since": make.NOON.isoformat(),
        "until": None, "added_at": (make.NOON + timedelta(minutes=1)).isoformat(),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "field"),
    [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("after=x", "after"), ("after=2026-01-01~1",
     "after"), ("after=2026-01-01T00:00Z~-1", "after"), ("email=x", "email"), ("domain=%00", "domain")],
)  # fmt: skip
def test_a_page_that_cannot_be_is_refused(api_key: str, asked: str, field: str) -> None:
    answer = ask("GET", api_key, path=f"{LIST}?{asked}")
    assert (answer.status_code, fields(answer)) == (400, [field])


VALUE = st.none() | st.text(max_size=40) | st.lists(st.text(max_size=10), max_size=3) | st.integers() | st.booleans()


class Whatever(TestCase):
    """Each example in a transaction of its own."""

    def setUp(self) -> None:
        door.database.answered()
        self.account = make.account()
        self.key = key(self.account, Scope.SUPPRESS)

    @hypothesis(max_examples=100)
    @given(st.sampled_from(["POST", "DELETE"]), st.fixed_dictionaries({"email": VALUE, "domain": VALUE}))
    def test_whatever_is_sent_is_done_or_told(self, method: str, body: dict[str, Any]) -> None:
        answer = ask(method, self.key, body)
        assert answer.status_code in (200, 400), answer.content
        if answer.status_code == 400:
            assert fields(answer)
            assert not Suppression.objects.filter(account=self.account).exists()
