"""Making exports, in steps that survive whatever ends a worker.

First the ids of all emails of the filter go to disk, read in one snapshot: from then on it is settled which emails are
in the file. Then their lines are written, some thousands at a time: to the file, to disk, and only then the database is
told how far the file is complete. Who comes after a crash cuts the file at that length and goes on.
"""

from __future__ import annotations

import errno
import time
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO

import psycopg
import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_noop
from psycopg import sql

from accounts import disk, streaming
from accounts.streaming import BOM
from feeds import export as exporting
from feeds.exports import files
from feeds.exports.models import Export, State
from feeds.query import Filter, Unclear

if TYPE_CHECKING:
    from array import array
    from collections.abc import Generator
    from datetime import datetime

log = structlog.get_logger(__name__)

# A worker also reads the spool and keeps the months: it comes back to that after so long.
SECONDS = 10.0
# Of it the one that waited longest has so much, so that a small export is not kept waiting by a large one.
SECONDS_EACH = 2.0
# Sweeps that queued up meanwhile pass, or each would take that long again and the others never had their turn.
PAUSE = 0.5
# Emails in a step: some megabytes. Looked up by their ids, newest first, each month's in one walk through its key.
STEP = 20_000
# The one step that cannot be cut into pieces ends before Celery ends its task.
SECONDS_TO_COUNT = 200
# A worker that dies again and again over the same step would do so for ever.
MOST_TRIES = 10
LISTED = 100

FAILED_FULL = gettext_noop(
    "There is too little room left on the disk. Delete exports nobody needs, or ask an administrator for a larger disk."
)
FAILED_DISK = gettext_noop("The file could not be written. Ask an administrator to look at the folder for exports.")
FAILED_SLOW = gettext_noop("Looking for the emails took too long. Narrow the filter, for example to fewer days.")
FAILED_FILE = gettext_noop("What was written of the file so far is gone. Export it again.")
FAILED_AGAIN = gettext_noop("A worker stopped ten times at the same place of this file. Please report this.")
FAILED_ELSE = gettext_noop("It failed for a reason nobody expected. Please report this; the log says more.")


class Stopped(Exception):
    """Somebody cancelled or deleted the export."""


class _Moments:
    """When this process last stopped working at exports."""

    ended_at = float("-inf")


def sweep() -> None:
    """Work for a while, unless this process only just did."""
    if time.monotonic() - _Moments.ended_at >= PAUSE and work(SECONDS):
        _Moments.ended_at = time.monotonic()


def work(seconds: float) -> bool:
    """Make what is under way, for about this long; returns whether there was anything to do."""
    end, worked = time.monotonic() + seconds, False
    while time.monotonic() < end:
        claimed = claim(timezone.now())
        if claimed is None:
            break
        worked = True
        export, file = claimed
        with file:
            _go_on(export, file, min(end, time.monotonic() + SECONDS_EACH))
    return worked


def claim(now: datetime) -> tuple[Export, BinaryIO] | None:
    """The export that nobody works at and that waited longest, with its file, held."""
    waiting = Export.objects.under_way().order_by(F("touched_at").asc(nulls_first=True), "id")
    for export in waiting[:LISTED]:
        try:
            file = files.hold(export)
        except OSError as error:
            _fail(export, error)
            continue
        if file is None:
            continue
        # Only now, because whoever held the file a moment ago may have finished it.
        found = Export.objects.under_way().filter(pk=export.pk)
        changes = {"touched_at": now, "state": State.RUNNING, "tries": F("tries") + 1}
        if found.update(started_at=Coalesce("started_at", now), **changes):
            return Export.objects.select_related("account").get(pk=export.pk), file
        file.close()
    return None


def _go_on(export: Export, file: BinaryIO, end: float) -> None:
    """Make steps of this export until it is done or the time is over."""
    try:
        if export.tries > MOST_TRIES:
            _give_up(export, FAILED_AGAIN)
            return
        _cut(export, file)
        if export.emails is None:
            _count(export)
        while _write(export, file) and time.monotonic() < end:
            pass
    except Stopped:
        files.remove(export)
    except (OperationalError, InterfaceError) as error:
        if not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            # The database went away. Nothing is lost, and the next sweep goes on.
            raise
        _give_up(export, FAILED_SLOW)
    except (OSError, DatabaseError, Unclear) as error:
        _fail(export, error)
    except Exception as error:
        _fail(export, error)
        raise


def _cut(export: Export, file: BinaryIO) -> None:
    """What was written beyond what the database was told is no part of the file."""
    if file.seek(0, 2) < export.size:
        raise FileNotFoundError
    file.truncate(export.size)
    file.seek(export.size)


def _count(export: Export) -> None:
    """Settle which emails are in the file."""
    now = timezone.now()
    condition = exporting.matching(export.account, Filter.parse(export.query), now)
    ids = sql.SQL("copy (select id from feeds_email where {} order by id desc) to stdout").format(condition)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"set local statement_timeout = '{SECONDS_TO_COUNT}s'")
        with closing(streaming.copied(cursor, ids, export.time_zone)) as found:
            emails = files.write_ids(export, found)
    _tell(export, emails=emails, counted_at=now)


def _write(export: Export, file: BinaryIO) -> bool:
    """Write the lines of the next emails; returns whether there are more."""
    ids = files.read_ids(export, export.taken, STEP)
    taken = export.taken + len(ids)
    assert export.emails is not None
    if not ids and taken < export.emails:
        raise FileNotFoundError
    lines = _Lines(export, ids)
    # Closed whatever happens, so that the connection is free to tell what did.
    with closing(iter(lines)) as found:
        size = export.size + files.append(file, streaming.compressed(found) if export.gzip else found)
    gone = export.gone + len(ids) - lines.emails
    if taken < export.emails:
        _tell(export, taken=taken, size=size, gone=gone)
        return True
    now = timezone.now()
    expires_at = now + timedelta(days=settings.EXPORTS_KEPT_DAYS)
    _tell(export, taken=taken, size=size, gone=gone, state=State.DONE, finished_at=now, expires_at=expires_at)
    files.remove_ids(export)
    return False


class _Lines:
    """The lines of these emails, in pieces; afterwards `emails` is how many of them there still were."""

    def __init__(self, export: Export, ids: array[int]) -> None:
        self.export = export
        self.ids = ids
        self.emails = 0

    def __iter__(self) -> Generator[bytes]:
        layout, first = self.export.layout, self.export.taken == 0
        if first and layout.has_bom:
            yield BOM
        condition = among(self.export.account_id, self.ids)
        with transaction.atomic(), connection.cursor() as cursor:
            statement = layout.copy(condition, header=first)
            self.emails = yield from streaming.copied(cursor, statement, self.export.time_zone)
            if layout.is_netcore:  # which has several lines of an email
                cursor.execute(sql.SQL("select count(*) from feeds_email where {}").format(condition))
                (self.emails,) = cursor.fetchone()


def among(account_id: int, ids: array[int]) -> sql.Composable:
    """Emails of these ids, which are in descending order, as a condition.

    The bounds choose the months. The array comes from a subquery: a plain one would have every id looked up in the
    list of months while planning.
    """
    if not ids:
        return sql.SQL("false")
    listed = sql.Literal("{" + ",".join(map(str, ids)) + "}")
    return sql.SQL("account_id = {} and id >= {} and id <= {} and id = any(array(select unnest({}::bigint[])))").format(
        sql.Literal(account_id), sql.Literal(ids[-1]), sql.Literal(ids[0]), listed
    )


def _tell(export: Export, **changes: object) -> None:
    """Write down how far it is. Raises Stopped where it is not wanted any more."""
    now = timezone.now()
    if not Export.objects.filter(pk=export.pk, state=State.RUNNING).update(touched_at=now, tries=0, **changes):
        raise Stopped
    for name, value in changes.items():
        setattr(export, name, value)


def _fail(export: Export, error: Exception) -> None:
    log.warning("export_failed", export=export.pk, error=f"{type(error).__name__}: {error}".partition("\n")[0])
    if isinstance(error, Unclear):
        sentence = str(error)
    elif isinstance(error, FileNotFoundError):
        sentence = FAILED_FILE
    elif isinstance(error, OSError):
        full = isinstance(error, disk.Full) or error.errno in (errno.ENOSPC, errno.EDQUOT)
        sentence = FAILED_FULL if full else FAILED_DISK
    else:
        sentence = FAILED_ELSE
    _give_up(export, sentence)


def _give_up(export: Export, sentence: str) -> None:
    """`sentence` is shown in the language of whoever looks."""
    changes = {"state": State.FAILED, "error": sentence, "finished_at": timezone.now()}
    Export.objects.under_way().filter(pk=export.pk).update(**changes)
    files.remove(export)
