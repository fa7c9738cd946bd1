"""Whoever watches the live feed misses nothing when the process that serves them is killed."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.feeds.streams import Stream, id_of
from tests.processes.site import Person, Simulation, Site, running_site, wait_until

pytestmark = pytest.mark.processes
# So few that a machine slow to start a process again still tells rows, and not to read the page afresh.
RATE = 8
# Of what happened while they watched: version of each row.
STORED = "select id::text, extract(epoch from updated_at)::text from feeds_email where updated_at >= %s"


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


class Viewer(threading.Thread):
    """A page that is open: it merges what it is told, and connects again from the last event it had."""

    def __init__(self, site: Site, session: str) -> None:
        super().__init__(daemon=True)
        self.site, self.session = site, session
        self.rows: dict[str, str] = {}
        self.repeats, self.connections, self.cursor = 0, 0, ""
        self.connected = threading.Event()

    def run(self) -> None:
        while True:
            with suppress(OSError, EOFError, http.client.HTTPException), self._connect() as stream:
                self.connections += stream.status == 200
                while True:
                    told = stream.read()
                    self.cursor = told.cursor
                    self.connected.set()
                    assert told.name in ("rows", "here")
                    for html in (told.data or {}).get("rows", ()):
                        version = html.split('data-row="')[1].split('"')[0]
                        self.repeats += self.rows.get(id_of(html)) == version
                        self.rows[id_of(html)] = version
            time.sleep(0.1)

    def _connect(self) -> Stream:
        return Stream(self.site.port, "/a/demo/stream/", self.session, self.cursor)


def test_a_web_process_is_killed_and_viewers_go_on_without_a_gap(site: Site) -> None:
    with Simulation(site, RATE) as simulation:
        simulation.goes_on(5)
        viewers = [Viewer(site, Person(site).session) for _ in range(4)]
        for viewer in viewers:
            viewer.start()
        for viewer in viewers:
            assert viewer.connected.wait(20)
        with site.connected() as connection:
            row = connection.execute("select now()").fetchone()
            assert row
        simulation.goes_on(20)
        _leader, *servers = site.processes("granian")
        for server in servers[:2]:
            # Whichever served a viewer: it goes on at the other, or at the one that comes after it.
            server.kill()
            simulation.goes_on(20)
        simulation.ends()

    def stored() -> dict[str, str]:
        with site.connected() as connection:
            return dict(connection.execute(STORED, row).fetchall())

    for viewer in viewers:
        wait_until(lambda viewer=viewer: stored().items() <= viewer.rows.items(), 30, "all of it was told")  # type: ignore[misc]
        assert viewer.repeats == 0
        assert viewer.connections > 1
    # And a stream that is open does not hold up the end of the site.
    began = time.monotonic()
    site.runner.terminate()
    site.runner.wait(10)
    assert time.monotonic() - began < 10
