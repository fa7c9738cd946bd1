"""A list from before entries had causes is kept, with all that was known of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from suppression.checking import stopped
from suppression.models import Cause, Covers, Origin, Reason, Suppression, Tally
from tests import make
from tests.make import NOON

BEFORE = [("suppression", "0001_tables")]


@pytest.fixture
def old_tables(transactional_db: None) -> Any:
    """The tables as they were; afterwards they are as they are."""
    executor = MigrationExecutor(connection)
    newest = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "suppression"]
    executor.migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps
    MigrationExecutor(connection).migrate(newest)


def test_what_was_on_the_list_is_there_and_stops_as_before(old_tables: Any) -> None:
    account = make.account()
    old = old_tables.get_model("suppression", "Suppression").objects
    later = NOON + timedelta(days=1)
    bounced = old.create(
        account_id=account.id, address="bob@example.com", reason=1, since=NOON, email_id=7, event_key=-9
    )
    old.create(account_id=account.id, address="bob@example.com", reason=2, since=later, email_id=8, event_key=4)
    old.create(account_id=account.id, address='"odd@one"@example.com', reason=4, since=NOON)
    executor = MigrationExecutor(connection)
    newest = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "suppression"]
    executor.migrate(newest)
    fields = ("target", "domain", "covers", "reason", "since", "until")
    assert list(Suppression.objects.order_by("id").values_list(*fields)) == [
        ("bob@example.com", "example.com", Covers.ADDRESS, Reason.HARD_BOUNCE, NOON, None),
        ("bob@example.com", "example.com", Covers.ADDRESS, Reason.SPAM, later, None),
        ('"odd@one"@example.com', "example.com", Covers.ADDRESS, Reason.MANUAL, NOON, None),
    ]  # fmt: skip
    causes = Cause.objects.order_by("id").values_list("ident", "origin", "at", "email_id", "event_key")
    assert list(causes) == [
        ("e7.-9", Origin.EVENT, NOON, 7, -9),
        ("e8.4", Origin.EVENT, later, 8, 4),
        ("u0", Origin.PERSON, NOON, None, None),
    ]
    assert sum(Tally.objects.values_list("added", flat=True)) == 3
    assert stopped(account.id, ["Bob@example.com"])["bob@example.com"].suppression_id == bounced.id
