"""Whatever dies, and whenever: what was acknowledged is in the feed, once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
import redis

from settings import embedded
from tests.processes.site import Simulation, Site, running_site, wait_until

pytestmark = pytest.mark.processes

LONG = bool(os.environ.get("LIVEFEEDS_LONG_TESTS") or os.environ.get("CI"))
SECONDS_WITHOUT_DATABASE = 20 if LONG else 5
RATE = 200


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


def test_the_web_processes_are_killed(site: Site) -> None:
    with Simulation(site, RATE) as simulation:
        simulation.goes_on(50)
        leader, *servers = site.processes("granian")
        servers[0].kill()
        simulation.goes_on(50)
        leader.kill()
        simulation.goes_on(50)
        simulation.ends()
        simulation.check()


def test_a_worker_is_killed_in_the_middle_of_a_batch(site: Site) -> None:
    with Simulation(site, RATE) as simulation:
        simulation.goes_on(50)
        waits = """
            select count(*) from pg_stat_activity
            where application_name = 'livefeeds worker' and wait_event_type = 'Lock' and state = 'active'
        """
        with site.connected() as connection:
            # A reader has claimed its rows and prepared its events, and cannot write them.
            connection.execute("lock table feeds_event in share row exclusive mode")
            wait_until(lambda: bool(site.count(waits)), 20, "a reader waits in the middle of its batch")
            for process in reversed(site.processes("celery", "ingest")):
                process.kill()
        simulation.goes_on(50)
        simulation.ends()
        simulation.check()


def test_postgres_stops_at_once_and_is_away_for_a_while(site: Site) -> None:
    with Simulation(site, RATE) as simulation:
        simulation.goes_on(50)
        site.stop_postgres(signal.SIGQUIT)
        back = time.monotonic() + SECONDS_WITHOUT_DATABASE
        try:
            simulation.goes_on(50)
            assert site.spooled
            wait_until(lambda: time.monotonic() > back, SECONDS_WITHOUT_DATABASE + 1, "it was away long enough")
        finally:
            site.start_postgres()
        simulation.goes_on(50)
        simulation.ends()
        simulation.check()


def test_the_broker_forgets_everything(site: Site) -> None:
    with Simulation(site, RATE) as simulation:
        with redis.Redis.from_url(embedded.broker_url(site.home)) as broker:
            for _time in range(5):
                simulation.goes_on(30)
                broker.flushall()
        simulation.ends()
        simulation.check()
        wait_until(site.ready, 20, "the site is ready again")
