"""The list that is measured is one that `suppression.causes` could have written."""

from __future__ import annotations

import pytest
from django.db.models import Sum

from bench import entries
from suppression import causes
from suppression.checking import stopped
from suppression.models import Cause, Covers, Suppression, Tally


@pytest.mark.django_db(transaction=True)
def test_each_entry_says_what_follows_from_its_causes() -> None:
    account = entries.seed(3000)
    patterns = Suppression.objects.filter(covers=Covers.PATTERN)
    assert Suppression.objects.exclude(pk__in=patterns).count() == 3000
    assert set(patterns.values_list("account__slug").distinct()) == {(name,) for name in entries.NAMES}
    assert Cause.objects.count() == 3300 + patterns.count()
    fields = ("id", "since", "until", "origin", "added_at")
    before = list(Suppression.objects.order_by("id").values_list(*fields))
    causes.follow([row[0] for row in before])
    assert list(Suppression.objects.order_by("id").values_list(*fields)) == before
    assert not Suppression.objects.filter(causes=None).exists()
    assert Tally.objects.aggregate(n=Sum("added"))["n"] == len(before)
    listed = [entries.address(n) for n in range(2400) if n % entries.DOMAIN_EVERY != 500]
    assert set(stopped(account.id, listed)) == set(listed)
