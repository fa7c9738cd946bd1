r"""Rows per second and memory of taking a whole feed away, beside psql's \copy of the same statement.

The download is what a signed-in person gets: over HTTP, from the product's own web command. Both throw the rows away.
The background export is made by the product's own worker and kept on disk.
"""

from __future__ import annotations

import http.client
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
from django.conf import settings
from django.db import connection, connections
from django.urls import reverse
from django.utils import timezone

from bench import servers, someone
from bench.report import Case, Result, quantile
from bench.seed import stored
from feeds import counts, export
from feeds.exports import orders
from feeds.exports.models import Export, State
from feeds.layouts import Layout
from feeds.query import Filter
from settings import embedded, presence, processes
from settings.runner import commands

if TYPE_CHECKING:
    from accounts.access import Access
    from accounts.models import Account

NAMES = {"csv": "download", "ndjson": "download as JSON lines", "csv.gz": "download, compressed"}
BACKGROUND = "background"
WAYS = (*NAMES, BACKGROUND)
ROUNDS = 3
# A round of ten million rows takes minutes, and tells as much as several of few.
MANY_ROWS = 4_000_000
# Small feeds are fetched several times in a round, or the start of psql would be most of what is measured.
ROWS_PER_ROUND = 400_000
PIECE = 256 * 1024
PAUSE_SECONDS = 3.0
MEGABYTE = 1024 * 1024


def run(emails: int, ways: Sequence[str] = WAYS) -> Result:
    """The whole feed of an account with this many emails, by psql and by us in turn; only in these ways."""
    if unknown := [way for way in ways if way not in WAYS]:
        raise SystemExit(f"There is no way {unknown[0]!r}. Ways are: {' '.join(WAYS)}.")
    account = stored(emails)
    access, cookie = someone.looks_at(account)
    rows = counts.of(access, Filter(), timezone.now()).total.n
    copy = statement(access)
    connections.close_all()
    # The first finds nothing in memory yet.
    by_psql(copy)
    endings = [ending for ending in NAMES if ending in ways]
    theirs, cases = downloads(account, cookie, rows, copy, endings)
    if BACKGROUND in ways:
        cases.append(background(access, rows, theirs))
    best = cases[0]
    assert best.ratio
    return Result(
        "export", rows, best.ratio, best.per_second, peak_mb=best.peak_mb,
        cases=[Case(r"psql \copy", theirs), *cases],
    )  # fmt: skip


def downloads(account: Account, cookie: str, rows: int, copy: str, endings: Sequence[str]) -> tuple[float, list[Case]]:
    """Rows per second of psql, and the downloads with these endings in turn with it."""
    theirs: list[float] = []
    ours: dict[str, list[float]] = {ending: [] for ending in endings}
    peaks: dict[str, float] = dict.fromkeys(endings, 0)
    times = max(1, ROWS_PER_ROUND // rows)
    plain = reverse("feed-export", args=[account.slug])
    with servers.web() as (pid, port):

        def fetch(ending: str) -> float:
            path = reverse("feed-file", args=[account.slug, ending])
            with memory(pid) as peak:
                speed = rate(rows, times, lambda: download(port, path, cookie, rows, ending))
            peaks[ending] = max(peaks[ending], *peak)
            return speed

        if endings:
            download(port, plain, cookie, rows, "csv")
        with memory(pid) as rest:
            time.sleep(0.5)
        for _round in range(ROUNDS if rows < MANY_ROWS else 1):
            theirs.append(rate(rows, times, lambda: by_psql(copy)))
            for ending in endings:
                ours[ending].append(fetch(ending))
        with memory(pid) as paused:
            if endings:
                pause(port, plain, cookie)
    baseline = quantile(theirs, 0.5)
    speeds = {ending: quantile(found, 0.5) for ending, found in ours.items()}
    found = [
        Case(NAMES[ending], speed, peak_mb=peaks[ending], ratio=speed / baseline) for ending, speed in speeds.items()
    ]
    beside = [
        Case("download, its reader pauses", peak_mb=max(paused)),
        Case("web process before it", peak_mb=max(rest)),
    ]
    return baseline, [*found, *(beside if endings else ())]


def background(access: Access, rows: int, baseline: float) -> Case:
    """An export of all of it by a worker, from the order until the file is complete."""
    # The worker would go on with one that was cut short, and share its time between both.
    for left in Export.objects.filter(account=access.account):
        orders.delete(access, left)
    work = commands.worker("maintenance", 1)
    told = settings.LIVEFEEDS_HOME / "worker.log"
    with told.open("wb") as file:
        process = processes.start(work, output=file.fileno())
    export: Export | None = None
    try:
        while not presence.seen()["worker"]:
            time.sleep(0.1)
        with memory(process.pid) as peak:
            begin = time.monotonic()
            export = orders.order(access, "", Layout(), timezone.now())
            while export.is_under_way:
                # The scheduler does so in an installation.
                orders.nudge()
                time.sleep(0.5)
                export.refresh_from_db()
            speed = rows / (time.monotonic() - begin)
        if export.state != State.DONE or export.taken != rows:
            raise SystemExit(f"The export has {export.taken:,} rows of {rows:,}. {export.error}")
    finally:
        processes.signal_group(process, signal.SIGKILL)
        process.wait()
        if export is not None:
            orders.delete(access, export)
    return Case("background export", speed, peak_mb=max(peak), ratio=speed / baseline)


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


def download(port: int, path: str, cookie: str, rows: int, ending: str) -> None:
    """Fetch all of it. A row has one line, and before them stands in CSV the line of names."""
    with answer(port, path, cookie) as response:
        found = iter(lambda: response.read1(PIECE), b"")
        if ending.endswith(".gz"):
            # Unpacking it would take longer than making it.
            size = sum(map(len, found))
            if size < rows:
                raise SystemExit(f"The download has {size:,} bytes.")
            return
        lines = sum(piece.count(b"\n") for piece in found) - (ending == "csv")
    if lines != rows:
        raise SystemExit(f"The download has {lines:,} rows of {rows:,}.")


def pause(port: int, path: str, cookie: str) -> None:
    """Begin to read, wait, and leave: what the server has read ahead by then is in its memory."""
    with answer(port, path, cookie) as response:
        response.read1(PIECE)
        time.sleep(PAUSE_SECONDS)


@contextmanager
def memory(pid: int) -> Iterator[list[float]]:
    """The largest resident memory (MB) of one of the processes this one started, looked up until the block ends."""
    found: list[float] = [0.0]
    done = threading.Event()

    def look() -> None:
        crew: list[psutil.Process] = []
        while not done.wait(0.02):
            # Looking for them takes as long as some hundred emails.
            crew = crew or psutil.Process(pid).children(recursive=True)
            found.append(max((process.memory_info().rss for process in crew), default=0) / MEGABYTE)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()
