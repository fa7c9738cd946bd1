from __future__ import annotations

import gzip
import json
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site import Site, alive, running, wait_until

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "home"


class TestTheWholeOfIt:
    """One site after the other on the same folder: a start takes seconds, and each shows something else."""

    @pytest.fixture
    def site(self, home: Path) -> Iterator[Site]:
        with running(home) as site:
            yield site

    def test_the_first_start_tells_whom_to_sign_in_as_and_later_ones_find_the_data(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        with running(home) as first:
            name, password = first.sign_in()
            assert name
            assert len(password) >= 16
            assert first.status("/readyz") == 200
        with running(home) as second:
            assert second.status("/readyz") == 200
            assert "password" not in second.lines

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_it_ends_within_ten_seconds_and_leaves_no_process_behind(self, site: Site, number: signal.Signals) -> None:
        assert len(site.family()) > 6
        began = time.monotonic()
        assert site.end(number) == 0
        assert time.monotonic() - began < 10
        assert site.family() == []

    def test_a_second_ctrl_c_ends_it_at_once(self, site: Site) -> None:
        site.family()
        site.process.send_signal(signal.SIGINT)
        wait_until(lambda: "Stopping" in site.lines, 5, "the first Ctrl-C was seen")
        site.process.send_signal(signal.SIGINT)
        site.process.wait(timeout=2)
        wait_until(lambda: site.family() == [], 5, "nothing is left")

    def test_killing_the_runner_itself_leaves_no_process_behind(self, site: Site, home: Path) -> None:
        site.family()
        site.process.kill()
        site.process.wait()
        wait_until(lambda: site.family() == [], 10, "nothing is left")
        # And the next start is not confused by what was left lying around.
        with running(home, PORT=str(site.port)) as after:
            assert after.status("/readyz") == 200

    def test_each_part_that_is_killed_comes_back(self, site: Site) -> None:
        workers = ("--queues ingest", "--queues send", "--queues maintenance", " beat")
        for words in ("granian", *workers, "manage.py smtp", "valkey-server", "bin/postgres"):
            kill_and_wait_for_another(site, words)

    def test_a_second_one_on_the_same_folder_is_refused(self, site: Site, home: Path) -> None:
        assert "already runs on" in refusal(home)
        assert site.status("/healthz") == 200

    def test_static_files_come_compressed_and_may_be_kept_for_ever(self, site: Site, home: Path) -> None:
        names = json.loads((home / "static" / "staticfiles.json").read_text())["paths"]
        styles = next(hashed for name, hashed in names.items() if name.endswith(".css"))
        request = urllib.request.Request(f"{site.url}/static/{styles}", headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request, timeout=5) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            assert "immutable" in response.headers["Cache-Control"]
            assert gzip.decompress(response.read()) == (home / "static" / styles).read_bytes()
        assert site.status("/static/no-such-file.css") == 404


def kill_and_wait_for_another(site: Site, words: str) -> None:
    before = site.part(words)
    before.kill()
    wait_until(lambda: not alive(before), 5, f"{words} is gone")
    wait_until(lambda: site.find(words), 10, f"another {words} was started")
    wait_until(lambda: site.status("/readyz") == 200, 30, f"all of it is ready again after {words}")


def refusal(home: Path, **environ: str) -> str:
    """The one line that a start which cannot work ends with."""
    site = Site(home, **environ)
    code = site.process.wait(timeout=30)
    lines = site.lines.strip().splitlines()
    assert code == 1, lines
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: "), lines
    return lines[0]


class TestWhatCannotWork:
    def test_a_busy_port(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            assert f"Port {port} is taken" in refusal(tmp_path / "home", PORT=str(port))
            assert f"as in SMTP_PORT={port + 1}" in refusal(tmp_path / "home", SMTP_PORT=str(port))

    def test_an_address_that_is_not_ours(self, tmp_path: Path) -> None:
        assert "HOST is '192.0.2.1'" in refusal(tmp_path / "home", HOST="192.0.2.1")

    def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        # A file in its place, which stops even root.
        (tmp_path / "file").touch()
        told = refusal(tmp_path / "file" / "home")
        assert "nothing can be written" in told
        assert "LIVEFEEDS_HOME" in told

    def test_a_folder_that_cannot_be_written_when_the_key_comes_from_outside(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert "LIVEFEEDS_HOME" in refusal(tmp_path / "file" / "home", SECRET_KEY="x" * 60)

    @pytest.mark.parametrize("url", ["mysql://here/there", "postgresql://", "postgresql://localhost:port/name"])
    def test_a_database_url_that_is_none(self, tmp_path: Path, url: str) -> None:
        assert "DATABASE_URL" in refusal(tmp_path / "home", DATABASE_URL=url)

    def test_a_database_that_does_not_answer(self, tmp_path: Path) -> None:
        told = refusal(tmp_path / "home", DATABASE_URL="postgresql://me:secret@127.0.0.1:1/feeds")
        assert "No PostgreSQL answers at 127.0.0.1:1" in told
        assert "secret" not in told

    def test_a_postgresql_that_is_too_old(self, tmp_path: Path, postgres_16: int) -> None:
        told = refusal(tmp_path / "home", DATABASE_URL=f"postgresql://me@127.0.0.1:{postgres_16}/feeds")
        assert "is version 16, and Live Feeds needs 18 or newer" in told

    def test_a_password_that_is_refused(self, tmp_path: Path, postgres_that_refuses: int) -> None:
        url = f"postgresql://me:secret@127.0.0.1:{postgres_that_refuses}/feeds"
        told = refusal(tmp_path / "home", DATABASE_URL=url)
        assert "refuses the user or the password" in told
        assert "secret" not in told

    def test_a_broker_that_does_not_answer(self, tmp_path: Path) -> None:
        told = refusal(tmp_path / "home", REDIS_URL="redis://:secret@127.0.0.1:1")
        assert "No Valkey or Redis answers at 127.0.0.1:1" in told
        assert "secret" not in told

    def test_a_broker_url_that_is_none(self, tmp_path: Path) -> None:
        assert "REDIS_URL" in refusal(tmp_path / "home", REDIS_URL="amqp://localhost")
