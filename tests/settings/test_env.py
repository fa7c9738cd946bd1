from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from settings import addresses
from settings.env import Env
from tests.site import NOT_INHERITED, ROOT


def problems(env: Env) -> str:
    with pytest.raises(ImproperlyConfigured) as told:
        env.finish()
    return str(told.value)


def test_a_value_is_read_without_the_blanks_around_it() -> None:
    assert Env({"NAME": " value\n"}).text("NAME", "other") == "value"


def test_an_empty_value_counts_as_unset() -> None:
    assert Env({"NAME": ""}).text("NAME", "other") == "other"


def test_a_value_can_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file\n")
    assert Env({"NAME_FILE": str(file)}).text("NAME") == "from the file"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    env = Env({"NAME_FILE": str(tmp_path / "missing")})
    env.text("NAME")
    assert "NAME_FILE names" in problems(env)
    assert "No such file" in problems(env)


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    env = Env({"NAME_FILE": str(tmp_path / "empty")})
    env.text("NAME")
    assert "is empty" in problems(env)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    env = Env({"NAME_FILE": str(tmp_path / "bytes")})
    env.text("NAME")
    assert "it is not UTF-8 text" in problems(env)


def test_a_value_and_a_file_at_once_are_told() -> None:
    env = Env({"NAME": "value", "NAME_FILE": "/somewhere"})
    env.text("NAME")
    assert "both set" in problems(env)


@pytest.mark.parametrize("text", ["0", "11", "-1", "1.5", "many", "٣"])
def test_a_number_out_of_its_bounds_is_told_with_them(text: str) -> None:
    env = Env({"NUMBER": text})
    assert env.number("NUMBER", 5, least=1, most=10) == 5
    assert "use a whole number from 1 to 10" in problems(env)


@pytest.mark.parametrize(("text", "means"), [("true", True), ("YES", True), ("1", True), ("off", False), ("0", False)])
def test_a_flag_is_read_in_the_words_people_use(text: str, means: bool) -> None:
    assert Env({"FLAG": text}).flag("FLAG", not means) is means


def test_a_flag_in_other_words_is_told() -> None:
    env = Env({"FLAG": "perhaps"})
    env.flag("FLAG", False)
    assert "use true or false" in problems(env)


def test_every_wrong_variable_is_told_at_once() -> None:
    env = Env({"FLAG": "perhaps", "NUMBER": "many", "LEVEL": "loud"})
    env.flag("FLAG", False)
    env.number("NUMBER", 1, least=1, most=2)
    env.choice("LEVEL", "INFO", ("INFO", "ERROR"))
    assert [line.split()[0] for line in problems(env).splitlines()] == ["FLAG", "NUMBER", "LEVEL"]


class TestTheKeptSecret:
    def test_it_is_the_same_at_every_start(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "secret_key"
        first = Env({}).kept_secret("SECRET_KEY", path)
        assert len(first) > 60
        assert Env({}).kept_secret("SECRET_KEY", path) == first

    def test_only_its_owner_may_read_it(self, tmp_path: Path) -> None:
        path = tmp_path / "secret_key"
        Env({}).kept_secret("SECRET_KEY", path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_one_that_is_set_is_taken_and_never_written(self, tmp_path: Path) -> None:
        path = tmp_path / "secret_key"
        assert Env({"SECRET_KEY": "mine"}).kept_secret("SECRET_KEY", path) == "mine"
        assert not path.exists()


class TestAddresses:
    def test_a_database_address_is_taken_apart(self) -> None:
        parts = addresses.database("postgresql://me:p%40ss@db.example:5433/feeds?sslmode=require")
        assert (parts["USER"], parts["PASSWORD"], parts["HOST"]) == ("me", "p@ss", "db.example")
        assert (parts["PORT"], parts["NAME"], parts["OPTIONS"]) == ("5433", "feeds", {"sslmode": "require"})

    @pytest.mark.parametrize("url", ["mysql://here/there", "postgresql://me:hidden@here", "postgresql://me:hid den"])
    def test_what_is_none_is_refused_without_repeating_it(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"write it as postgresql://user:password@host:5432/name\.") as told:
            addresses.database(url)
        assert "hid" not in str(told.value)

    def test_each_use_of_the_broker_has_a_database_of_its_own(self) -> None:
        assert addresses.numbered("redis://:pw@host:6379", 1) == "redis://:pw@host:6379/1"
        assert addresses.numbered("unix:///run/valkey.sock", 1) == "unix:///run/valkey.sock?db=1"

    def test_a_socket_is_written_for_celery_in_its_own_way(self) -> None:
        assert addresses.broker("unix:///run/valkey.sock") == "redis+socket:///run/valkey.sock?virtual_host=0"
        assert addresses.broker("rediss://host") == "rediss://host/0"


def test_a_command_with_wrong_settings_ends_with_sentences_and_no_traceback() -> None:
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    wrong = {"PORT": "eighty", "DEBUG": "perhaps", "LIVEFEEDS_URL": "feeds.example.com", "SECRET_KEY": "x"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**inherited, **wrong},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: PORT is 'eighty': use a whole number from 1 to 65535.",
        "LIVEFEEDS_URL is not an address: write it as https://feeds.example.com.",
        "DEBUG is 'perhaps': use true or false.",
    ]
