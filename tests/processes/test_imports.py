"""An import goes on where it was when its worker was killed: the list holds what the file says, once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.request import Request

import pytest

from tests.processes.site import Person, Site, running_site, wait_until

pytestmark = pytest.mark.processes

LINES = 120_000
WAITS = """
select count(*) from pg_stat_activity
where application_name = 'livefeeds worker' and wait_event_type = 'Lock' and query like '%suppression_cause%'
"""
IMPORTS = "/a/my-emails/suppressions/import/"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


def upload(person: Person, content: bytes) -> int:
    """Upload a file as a browser does; returns the number of the import."""
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', person.get(IMPORTS))
    assert token
    parts = [
        b'Content-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n' + token[1],
        b'Content-Disposition: form-data; name="file"; filename="list.csv"\r\nContent-Type: text/csv\r\n\r\n' + content,
    ]
    body = b"".join(b"--BOUNDARY\r\n" + part + b"\r\n" for part in parts) + b"--BOUNDARY--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=BOUNDARY"}
    person.open(Request(f"http://127.0.0.1:{person.site.port}{IMPORTS}", body, headers), timeout=60).read()
    return person.site.count("select max(id) from suppression_import")


def test_killed_in_the_middle_the_list_holds_each_line_once(site: Site) -> None:
    person = Person(site)
    # Every tenth line is bad, and every line of the last quarter was there before.
    lines = [f"p{n % (LINES * 3 // 4)}@example.com" if n % 10 else f"bad {n}" for n in range(LINES)]
    job = upload(person, "\n".join(lines).encode())
    path = f"{IMPORTS}{job}/"
    columns = {"column_0": "target", "reason": "4", "encoding": "utf-8", "delimiter": ",", "is_day_first": "True"}
    person.post(path, begin="1", **columns)
    wait_until(lambda: site.count(f"select taken from suppression_import where id = {job}") > 0, 60, "some are taken")
    with site.connected() as connection:
        # Its worker has put a part on the list, and is in the middle of the next.
        connection.execute("lock table suppression_cause in access exclusive mode")
        wait_until(lambda: bool(site.count(WAITS)), 20, "the worker waits in the middle")
        for process in reversed(site.processes("celery", "maintenance")):
            process.kill()
        taken = site.count(f"select taken from suppression_import where id = {job}")
        assert 0 < taken < LINES
        # A worker that had written of the report, and died before it said so.
        (report,) = (site.home / "imports").glob("*.report")
        with report.open("ab") as torn:
            torn.write(b"12345")
    wait_until(
        lambda: bool(site.count(f"select count(*) from suppression_import where id = {job} and state = 3")), 90, "done"
    )

    good = {line for line in lines if "@" in line}
    with site.connected() as connection:
        listed = [row[0] for row in connection.execute("select target from suppression_suppression")]
        causes = connection.execute(
            "select count(*), count(distinct suppression_id), min(ident), max(ident) from suppression_cause"
        ).fetchone()
        counted = connection.execute("select taken, added, known, repeated, bad from suppression_import").fetchone()
    assert sorted(listed) == sorted(good)
    assert causes == (len(good), len(good), f"i{job}", f"i{job}")
    bad = [n for n, line in enumerate(lines, 1) if "@" not in line]
    assert counted == (LINES, len(good), 0, LINES - len(good) - len(bad), len(bad))
    told = person.get(f"{path}report.csv").decode("utf-8-sig").splitlines()[1:]
    assert [int(line.split(",")[0]) for line in told] == bad
    assert not list((site.home / "imports").glob("*.data"))
