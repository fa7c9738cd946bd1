"""Whatever was put on the list, and whatever of it is undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from suppression import removing, undoing
from suppression.models import Origin, Reason
from suppression.undo import State, Undo
from tests import make
from tests.suppression.mistakes import OUTAGE, put, rows, undo

TIMES = st.integers(0, 5).map(lambda n: make.NOON + timedelta(minutes=n))
CAUSES = st.lists(
    st.fixed_dictionaries(
        {
            "address": st.sampled_from(["a@x.example", "b@x.example", "c@y.example", "@z.example"]),
            "reason": st.sampled_from(Reason), "origin": st.sampled_from(Origin), "at": TIMES, "added_at": TIMES,
            "until": st.none() | TIMES, "ident": st.sampled_from(["e1.1", "e2.1", "u1", "k1", "i1"]),
            "comment": st.sampled_from(["", "550 No", OUTAGE]), "note": st.sampled_from(["", "a note"]),
        }
    ),
    max_size=12,
)  # fmt: skip
ASKED = st.fixed_dictionaries(
    {},
    optional={
        "reason": st.lists(st.sampled_from([str(int(reason)) for reason in Reason]), min_size=1, unique=True),
        "origin": st.sampled_from("1234"), "domain": st.sampled_from(["x.example", "z.example"]),
        "text": st.sampled_from(["outage", "note", "55"]), "from": st.sampled_from(["2026-03-10T12:01"]),
        "to": st.sampled_from(["2026-03-10T12:03"]),
    },
)  # fmt: skip


class Undone(TestCase):
    """Each example in a transaction of its own."""

    @hypothesis(max_examples=100)
    @given(CAUSES, ASKED, st.integers(1, 4))
    def test_an_undo_that_is_undone_leaves_the_list_as_it_was(
        self, told: list[dict[str, Any]], asked: dict[str, Any], step: int
    ) -> None:
        account = make.account()
        client = Client()
        client.force_login(make.member(account))
        for cause in told:
            put(account, cause["address"], **{name: value for name, value in cause.items() if name != "address"})
        before, day = rows(account), timezone.now()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(removing, "STEP", step)
            patch.setattr(undoing, "LOOK", step + 1)
            answer = undo(client, account, **asked)
            undoing.work()
            for found in Undo.objects.filter(account=account, created_at__gte=day):
                assert answer.status_code == 302
                assert (found.state, found.entries) == (State.DONE, found.expected)
                assert len(rows(account)) == len(before) - found.entries
                client.post(reverse("suppression-undo-back", args=[account.slug, found.pk]))
                undoing.work()
        assert rows(account) == before
