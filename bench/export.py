r"""Rows per second and memory of the CSV download, beside psql's \copy of the same statement.

The download is what a signed-in person gets: over HTTP, from the product's own web command. Both throw the rows away.
"""

from __future__ import annotations

import http.client
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
from django.conf import settings
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.access import enter
from accounts.models import Membership, Role, User
from bench import servers
from bench.report import Case, Result, quantile
from bench.seed import seed
from feeds import export
from feeds.layouts import Layout
from feeds.query import Filter
from settings import embedded

if TYPE_CHECKING:
    from accounts.access import Access
    from accounts.models import Account

ROUNDS = 3
# Small feeds are fetched several times in a round, or the start of psql would be most of what is measured.
ROWS_PER_ROUND = 400_000
PIECE = 256 * 1024
PAUSE_SECONDS = 3.0
MEGABYTE = 1024 * 1024


def run(emails: int) -> Result:
    """The whole feed of an account with this many emails, by psql and by download in turn."""
    account = seed(emails).account
    access, cookie = someone(account)
    path = reverse("feed-export", args=[account.slug])
    copy = statement(access)
    connections.close_all()
    times = max(1, ROWS_PER_ROUND // emails)
    theirs, ours = [], []
    with servers.web() as (pid, port):
        by_psql(copy)
        download(port, path, cookie, emails)
        with memory(pid) as rest:
            time.sleep(0.5)
        with memory(pid) as peak:
            for _round in range(ROUNDS):
                theirs.append(rate(emails, times, lambda: by_psql(copy)))
                ours.append(rate(emails, times, lambda: download(port, path, cookie, emails)))
        with memory(pid) as paused:
            pause(port, path, cookie)
    baseline, best = quantile(theirs, 0.5), quantile(ours, 0.5)
    return Result(
        "export", emails, best / baseline, best, peak_mb=max(peak),
        cases=[
            Case(r"psql \copy", baseline),
            Case("download", best, peak_mb=max(peak), ratio=best / baseline),
            Case("download, its reader pauses", peak_mb=max(paused)),
            Case("web process before it", peak_mb=max(rest)),
        ],
    )  # fmt: skip


def someone(account: Account) -> tuple[Access, str]:
    """A member of the account, and the cookie of their session."""
    user = User.objects.create_user("bench")
    Membership.objects.create(account=account, user=user, role=Role.VIEWER)
    browser = Client()
    browser.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return enter(user, account.slug), f"{name}={browser.cookies[name].value}"


def statement(access: Access) -> str:
    """What the download runs, for psql."""
    connection.ensure_connection()
    condition = export.matching(access.account, Filter(), timezone.now())
    text = Layout().copy(condition).as_string(connection.connection)
    return "\\" + text.replace(" to stdout with (", " to '/dev/null' with (")


def by_psql(copy: str) -> None:
    psql = embedded._binaries() / "psql"
    subprocess.run([psql, "--no-psqlrc", "--quiet", settings.DATABASE_URL, "--command", copy], check=True)


def rate(rows: int, times: int, fetch: Callable[[], None]) -> float:
    """Rows per second of fetching them all, so many times."""
    begin = time.perf_counter()
    for _time in range(times):
        fetch()
    return rows * times / (time.perf_counter() - begin)


@contextmanager
def answer(port: int, path: str, cookie: str) -> Iterator[http.client.HTTPResponse]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        client.request("GET", path, headers={"Host": "localhost", "Cookie": cookie})
        response = client.getresponse()
        if response.status != http.client.OK:
            raise SystemExit(f"The download was refused: {response.status} {response.headers['Location'] or ''}")
        yield response
    finally:
        client.close()


def download(port: int, path: str, cookie: str, rows: int) -> None:
    """Fetch all of it. A row has one line, and before them stands the line of names."""
    with answer(port, path, cookie) as response:
        lines = sum(piece.count(b"\n") for piece in iter(lambda: response.read1(PIECE), b""))
    if lines != rows + 1:
        raise SystemExit(f"The download has {lines - 1:,} rows of {rows:,}.")


def pause(port: int, path: str, cookie: str) -> None:
    """Begin to read, wait, and leave: what the server has read ahead by then is in its memory."""
    with answer(port, path, cookie) as response:
        response.read1(PIECE)
        time.sleep(PAUSE_SECONDS)


@contextmanager
def memory(pid: int) -> Iterator[list[float]]:
    """The largest resident memory (MB) of one of the web server's processes, looked up until the block ends."""
    crew = psutil.Process(pid).children(recursive=True)
    found: list[float] = [0.0]
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.02):
            found.append(max(process.memory_info().rss for process in crew) / MEGABYTE)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()
