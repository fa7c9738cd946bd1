from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import keys
from accounts.access import enter
from accounts.keys import ApiKey, Locked, Scope
from accounts.models import Account, AuditEntry, Role
from tests import make

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def acme() -> Account:
    return make.account()


def made(account: Account, *scopes: Scope, **fields: Any) -> tuple[ApiKey, str]:
    access = enter(make.member(account, role=Role.ADMIN), account.slug)
    return keys.make_key(access, "shop", scopes or (Scope.SEND,), **fields)


def refused(raw: str, scope: Scope = Scope.SEND, ip: str = "192.0.2.1", now: datetime = NOW) -> tuple[int, str]:
    with pytest.raises(Locked) as locked:
        keys.unlock(raw, scope, ip, now)
    return locked.value.status, locked.value.sentence


def test_a_key_opens_its_account_with_one_query_that_brings_the_account(acme: Account) -> None:
    key, raw = made(acme)
    keys.unlock(raw, Scope.SEND, "192.0.2.1", NOW)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        opened = keys.unlock(raw, Scope.SEND, "192.0.2.1", NOW)
        assert opened.account.name == "Acme"
    assert opened.key == key
    assert len(queries) == 1


def test_the_key_is_kept_nowhere(acme: Account) -> None:
    key, raw = made(acme)
    assert raw.startswith("lf_")
    assert len(raw) == 43
    assert key.prefix == raw[:8]
    stored = str(ApiKey.objects.values().get()) + str(list(AuditEntry.objects.values()))
    assert raw not in stored
    assert raw[8:] not in stored


def test_a_revoked_key_is_refused_at_the_next_request(acme: Account) -> None:
    key, raw = made(acme)
    access = enter(make.member(acme, role=Role.ADMIN), acme.slug)
    keys.unlock(raw, Scope.SEND, "", NOW)
    assert keys.revoke(access, key.pk, NOW) is not None
    status, sentence = refused(raw)
    assert status == 401
    assert "was revoked" in sentence
    assert keys.revoke(access, key.pk, NOW) is None


def test_nobody_revokes_the_key_of_another_account(acme: Account) -> None:
    key, raw = made(acme)
    other = make.account("Other")
    access = enter(make.member(other, role=Role.OWNER), other.slug)
    assert keys.revoke(access, key.pk, NOW) is None
    keys.unlock(raw, Scope.SEND, "", NOW)


@pytest.mark.parametrize("raw", ["", "lf_", "lf_" + "x" * 40, "anything", "lf_" + "x" * 5000, "lf_\x00", "lf_é\udcff"])
def test_what_is_no_key_of_ours_is_refused(acme: Account, raw: str) -> None:
    made(acme)
    assert refused(raw)[0] == 401


def test_a_key_is_good_until_the_moment_it_expires(acme: Account) -> None:
    _key, raw = made(acme, expires_at=NOW)
    keys.unlock(raw, Scope.SEND, "", NOW - timedelta(seconds=1))
    status, sentence = refused(raw)
    assert status == 401
    assert "has expired" in sentence


@pytest.mark.parametrize("wanted", [Scope.READ, Scope.SUPPRESS, Scope.ALL])
def test_a_key_does_only_what_its_scopes_say(acme: Account, wanted: Scope) -> None:
    _key, raw = made(acme, Scope.SEND)
    status, sentence = refused(raw, wanted)
    assert status == 403
    assert str(wanted.label) in sentence


def test_a_key_for_all_does_each(acme: Account) -> None:
    _key, raw = made(acme, Scope.ALL)
    for scope in Scope:
        keys.unlock(raw, scope, "", NOW)


@pytest.mark.parametrize(
    ("networks", "ip", "opens"),
    [
        (["192.0.2.0/24"], "192.0.2.77", True),
        (["192.0.2.0/24"], "192.0.3.1", False),
        (["192.0.2.0/24"], "::ffff:192.0.2.77", True),
        (["192.0.2.0/24", "2001:db8::/32"], "2001:db8:1::5", True),
        (["2001:db8::/32"], "2001:db9::5", False),
        (["192.0.2.7"], "192.0.2.7", True),
        (["::ffff:192.0.2.0/120"], "192.0.2.9", True),
        (["192.0.2.0/24"], "", False),
        (["192.0.2.0/24"], "no address", False),
        ([], "", True),
    ],
)
def test_a_key_opens_from_its_networks_only(acme: Account, networks: list[str], ip: str, opens: bool) -> None:
    _key, raw = made(acme, networks=[keys.network(one) for one in networks])
    if opens:
        keys.unlock(raw, Scope.SEND, ip, NOW)
    else:
        assert refused(raw, ip=ip)[0] == 403


def test_the_last_use_is_written_at_most_once_a_minute(acme: Account) -> None:
    key, raw = made(acme)
    seen = []
    for seconds in (0, 30, 59, 60, 90):
        keys.unlock(raw, Scope.SEND, "", NOW + timedelta(seconds=seconds))
        key.refresh_from_db()
        seen.append((key.last_used_at - NOW).total_seconds() if key.last_used_at else None)
    assert seen == [0, 0, 0, 60, 60]


def test_a_refused_key_counts_as_unused(acme: Account) -> None:
    key, raw = made(acme, networks=["192.0.2.0/24"])
    refused(raw, ip="198.51.100.1")
    key.refresh_from_db()
    assert key.last_used_at is None


def test_the_key_of_a_disabled_account_opens_because_what_it_hands_in_is_held(acme: Account) -> None:
    _key, raw = made(acme)
    Account.objects.update(enabled=False, disabled_reason="Unpaid")
    assert keys.unlock(raw, Scope.SEND, "", NOW).account.enabled is False


def test_making_and_revoking_are_in_the_audit_log(acme: Account) -> None:
    key, _raw = made(acme, Scope.SEND, Scope.READ)
    access = enter(make.member(acme, "rita", role=Role.ADMIN), acme.slug)
    keys.revoke(access, key.pk, NOW)
    entries = list(AuditEntry.objects.order_by("id"))
    assert [(entry.action, entry.subject) for entry in entries] == [("key.created", "shop"), ("key.revoked", "shop")]
    assert entries[0].details["scopes"] == ["send", "read"]
    assert entries[1].actor_name == "rita"
