"""`python -m bench truth` reads the project's own samples, or those it is given, and says so where there are none."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench import truth
from bench.__main__ import main


def test_the_own_samples_are_read_as_they_should_be(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "truth"])
    assert main() == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    ours = told["bounces"][0]
    assert (ours["found"], ours["wrong"], ours["verdicts"], ours["complaints"], ours["automatic"]) == (1, 0, 1, 1, 1)
    assert (told["replies"][0]["right"], told["replies"][0]["false_suppressions"]) == (1, 0)


def test_other_samples_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "expected.tsv").write_text("file\trecipient\talias\tverdict\na.eml\tbob@example.com\t\thard\n")
    (tmp_path / "a.eml").write_text("Subject: nothing\n\nnothing\n")
    (tmp_path / "replies.tsv").write_text("reply\tclass\n550 5.1.1 nobody\thard\n550 5.1.1 mailbox full\tsoft\n")
    assert truth.show(tmp_path, tmp_path / "replies.tsv") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["bounces"][0]["found"] == 0
    assert [one["right"] for one in told["replies"]] == [1, 0.5, 0.5]


def test_where_nothing_is_it_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert truth.show(tmp_path, None) == 2
    assert "--bounces" in capsys.readouterr().out
