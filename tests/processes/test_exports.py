"""An export goes on where it was when its worker was killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.site import Person, Site, running_site, wait_until

pytestmark = pytest.mark.processes

EMAILS = 300_000
STORE = """
insert into feeds_email (id, recipient_id, first_at, last_at, updated_at, account_id, source_id, opens, clicks,
    machine_opens, machine_clicks, deferrals, status, bounce, is_test, sender, recipient, message_id, subject, argument,
    code, comment, tags)
select feeds_id(now() - n * interval '2 seconds', n), 1, now(), now(), now(), 1, 1, 0, 0, 0, 0, 0,
    case n % 10 when 0 then 3 else 2 end, 0, false, '', 'p' || n || '@example.com', n, 'Hello', '', '', '250 OK', '{}'
from generate_series(1, %s) n
"""
WAITS = """
select count(*) from pg_stat_activity
where application_name = 'livefeeds worker' and wait_event_type = 'Lock' and query like 'copy (%'
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as site:
        with site.connected() as connection:
            connection.execute(STORE.replace("%s", str(EMAILS)).encode())
        yield site


@pytest.fixture(scope="module")
def person(site: Site) -> Person:
    return Person(site)


def order(person: Person) -> int:
    """Export all delivered emails; returns the export's number."""
    person.post("/a/my-emails/download/?q=status:delivered", format="csv", columns="own", column="id", how="background")
    return person.site.count("select max(id) from feeds_export")


def kill_workers(site: Site) -> None:
    for process in reversed(site.processes("celery", "maintenance")):
        process.kill()


def fetched(person: Person, export: int) -> list[int]:
    """The ids in the file, fetched in two parts."""
    path = f"/a/my-emails/exports/{export}/file/"
    data = person.get(path, Range="bytes=0-999999") + person.get(path, Range="bytes=1000000-")
    header, *lines = data.decode().splitlines()
    assert header == "id"
    return [int(line) for line in lines]


def written(site: Site, export: int) -> Path:
    """The file of this export; the other tests have left theirs."""
    with site.connected() as connection:
        found = connection.execute("select token from feeds_export where id = %s", [export]).fetchone()
    assert found
    return site.home / "exports" / f"{found[0]}.data"


def delivered(site: Site) -> list[int]:
    with site.connected() as connection:
        return [row[0] for row in connection.execute("select id from feeds_email where status = 2 order by id desc")]


def is_done(site: Site, export: int) -> bool:
    return bool(site.count(f"select count(*) from feeds_export where id = {export} and state = 2"))


def test_killed_in_the_middle_it_has_the_emails_of_its_start_each_once(site: Site, person: Person) -> None:
    expected = delivered(site)
    export = order(person)
    wait_until(lambda: site.count(f"select taken from feeds_export where id = {export}") > 0, 60, "some are written")
    with site.connected() as connection:
        # The worker has written a part, and cannot read on.
        connection.execute("lock table feeds_email in access exclusive mode")
        wait_until(lambda: bool(site.count(WAITS)), 20, "the worker waits in the middle")
        kill_workers(site)
        taken = site.count(f"select taken from feeds_export where id = {export}")
        assert 0 < taken < len(expected)
        # What was recorded is on disk; a worker may have been at the next part of the file.
        with written(site, export).open("ab") as torn:
            torn.write(b"12345")
        # Meanwhile emails change, among them some that are still to be written, and others come.
        connection.execute("update feeds_email set status = 4, opens = 1 where status = 2 and id % 7 = 0")
        connection.execute("update feeds_email set status = 2 where status = 3")
    wait_until(lambda: is_done(site, export), 90, "it is done")
    assert fetched(person, export) == expected
    assert delivered(site) != expected
    assert not list((site.home / "exports").glob("*.ids"))


def test_killed_while_it_looks_for_the_emails_it_begins_again(site: Site, person: Person) -> None:
    with site.connected() as connection:
        connection.execute("lock table feeds_email in access exclusive mode")
        export = order(person)
        wait_until(lambda: bool(site.count(WAITS)), 20, "the worker looks for the emails")
        kill_workers(site)
        connection.execute("update feeds_email set status = 2 where status = 4 and id % 2 = 0")
    wait_until(lambda: is_done(site, export), 90, "it is done")
    assert fetched(person, export) == delivered(site)
