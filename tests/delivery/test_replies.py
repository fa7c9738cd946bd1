"""What follows from an answer is said in plain words, and as it is done."""

from __future__ import annotations

import pytest
from django.utils import translation

from delivery.replies import Verdict, consequence


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_told_for_the_address_and_for_the_schedule(verdict: Verdict, final: bool) -> None:
    with translation.override("en"):
        told = consequence(verdict, final=final)
    assert told.address.endswith(".")
    assert told.schedule.endswith(".")
    assert ("suppression list" in told.address) == (verdict is Verdict.HARD)


def test_what_is_final_is_not_promised_to_be_tried_again() -> None:
    with translation.override("en"):
        assert "not tried again" in consequence(Verdict.BLOCK, final=True).schedule
        assert "is tried again" in consequence(Verdict.BLOCK, final=False).schedule
        assert "is tried again" in consequence(Verdict.SOFT, final=False).schedule
