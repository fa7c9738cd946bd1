"""Importing, in steps that survive whatever ends a worker.

A step reads some thousands of lines and puts them on the list, and in the same transaction notes how far the file is
read. So whoever comes after a crash goes on behind the last line that is on the list.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone, translation
from django.utils.translation import gettext_noop

from accounts import audit
from suppression import causes
from suppression.imports import files, reports, staging
from suppression.imports.ahead import Batches
from suppression.imports.models import UNDER_WAY, Import, State

if TYPE_CHECKING:
    from datetime import datetime

    from suppression.imports.reading import Batch

log = structlog.get_logger(__name__)

# A worker also makes exports and keeps the months: it comes back to that after so long.
SECONDS = 10.0
# Of it the one that waited longest has so much, so that a small import is not kept waiting by a large one.
SECONDS_EACH = 3.0
# Sweeps that queued up meanwhile pass.
PAUSE = 0.5
# Lines of a step: some megabytes, and about a second.
STEP = 40_000
# The first of PostgreSQL's two numbers of a lock that is nobody's but a transaction's.
LOCK = 0x494D50
# A worker that dies again and again over the same step would do so for ever.
MOST_TRIES = 10
LISTED = 100

FAILED_FILE = gettext_noop("The file is gone. Import it again: what is on the list already stays as it is.")
FAILED_DISK = gettext_noop("The report could not be written. Ask an administrator to look at the folder for imports.")
FAILED_AGAIN = gettext_noop("A worker stopped ten times at the same place of this file. Please report this.")
FAILED_ELSE = gettext_noop("It failed for a reason nobody expected. Please report this; the log says more.")


class Stopped(Exception):
    """Somebody cancelled the import."""


class _Here:
    """When this process last stopped working at imports, and what it has read ahead of the one it will go on with."""

    ended_at = float("-inf")
    batches: Batches | None = None

    @classmethod
    def reading(cls, job: Import) -> Batches:
        """The lines of this import, of which some may be here already. Raises OSError."""
        if cls.batches is None or cls.batches.job_id != job.pk:
            cls.let_go()
            cls.batches = Batches(job, timezone.now(), STEP)
        return cls.batches

    @classmethod
    def let_go(cls) -> None:
        batches, cls.batches = cls.batches, None
        if batches is not None:
            batches.close()


def sweep() -> bool:
    """Work for a while, unless this process only just did; returns whether there may be more to do."""
    return time.monotonic() - _Here.ended_at >= PAUSE and go_on()


def go_on() -> bool:
    """Work for a while, however lately this process did; returns whether there may be more to do."""
    if not work(SECONDS):
        return False
    _Here.ended_at = time.monotonic()
    return Import.objects.under_way().exists()


def work(seconds: float) -> bool:
    """Import what is under way, for about this long; returns whether there was anything to do."""
    end, worked = time.monotonic() + seconds, False
    while time.monotonic() < end:
        job = claim(timezone.now())
        if job is None:
            _Here.let_go()
            break
        worked = True
        # Who goes on with the same file need not begin to read it once more.
        others = Import.objects.under_way().exclude(pk=job.pk).exists()
        _make_steps(job, min(end, time.monotonic() + SECONDS_EACH) if others else end)
    return worked


def claim(now: datetime) -> Import | None:
    """The import that nobody works at and that waited longest."""
    waiting = Import.objects.under_way().order_by(F("touched_at").asc(nulls_first=True), "id")
    for job in waiting.values_list("pk", flat=True)[:LISTED]:
        with transaction.atomic():
            if _lock(job):
                changes = {"state": State.RUNNING, "touched_at": now, "tries": F("tries") + 1}
                found = Import.objects.under_way().filter(pk=job)
                if found.update(started_at=Coalesce("started_at", now), **changes):
                    return Import.objects.select_related("account").get(pk=job)
    return None


def _lock(job: int) -> bool:
    """Hold it until the end of the transaction; False where somebody else does. No row is locked, so that whoever
    cancels it need not wait."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, %s)", [LOCK, job % 2**31])
        (held,) = cursor.fetchone()
    return bool(held)


def _make_steps(job: Import, end: float) -> None:
    """Make steps of this import until it is done or the time is over."""
    try:
        if job.tries > MOST_TRIES:
            _give_up(job, FAILED_AGAIN)
            return
        while _step(job.pk, _Here.reading(job)):
            if time.monotonic() >= end:
                return
    except Stopped:
        files.remove_uploaded(job.token)
    except (OperationalError, InterfaceError):
        # The database went away. Nothing is lost, and the next sweep goes on.
        raise
    except (OSError, DatabaseError) as error:
        _fail(job, error)
    except Exception as error:
        _fail(job, error)
        raise
    _Here.let_go()


def _step(pk: int, batches: Batches) -> bool:
    """Put the next lines on the list; returns whether there are more. Raises Stopped, OSError."""
    with transaction.atomic():
        if not _lock(pk):
            return False
        job = Import.objects.select_related("account", "made_by").filter(pk=pk, state__in=UNDER_WAY).first()
        if job is None:
            raise Stopped
        batch = batches.at(job.place, job.line)
        with translation.override(job.language):
            is_done = _take(job, batch, timezone.now())
    if is_done:
        files.remove_uploaded(job.token)
    return not is_done


def _take(job: Import, batch: Batch, now: datetime) -> bool:
    """Returns whether it was the last one."""
    added = staging.put(job, batch.rows, now) if batch.rows else causes.Added()
    is_done = batch.taken < STEP
    _tell(
        job, place=batch.place, line=batch.line, taken=job.taken + batch.taken, added=job.added + added.entries,
        known=job.known + added.causes - added.entries, bad=job.bad + len(batch.bad),
        repeated=job.repeated + batch.taken - len(batch.bad) - added.causes, **reports.write(job, batch.bad),
        **(finished(State.DONE, now) if is_done else {}),
    )  # fmt: skip
    if is_done:
        _note(job)
    return is_done


def _tell(job: Import, **changes: object) -> None:
    """Write down how far it is, in the transaction of the step. Raises Stopped where it is not wanted any more."""
    found = Import.objects.filter(pk=job.pk, state=State.RUNNING)
    if not found.update(touched_at=timezone.now(), tries=0, **changes):
        raise Stopped
    for name, value in changes.items():
        setattr(job, name, value)


def finished(state: State, now: datetime) -> dict[str, object]:
    """`expires_at` is when its report goes."""
    return {"state": state, "finished_at": now, "expires_at": now + timedelta(days=settings.IMPORTS_KEPT_DAYS)}


def _note(job: Import) -> None:
    """The installation has no log: its causes themselves tell who it was."""
    if job.account:
        counts = {"added": job.added, "known": job.known, "repeated": job.repeated, "bad": job.bad}
        audit.note(job.account, job.made_by, "suppression.imported", job.file_name, counts)


def _fail(job: Import, error: Exception) -> None:
    log.warning("import_failed", job=job.pk, error=f"{type(error).__name__}: {error}".partition("\n")[0])
    if isinstance(error, FileNotFoundError):
        _give_up(job, FAILED_FILE)
    else:
        _give_up(job, FAILED_DISK if isinstance(error, OSError) else FAILED_ELSE)


def _give_up(job: Import, sentence: str) -> None:
    """`sentence` is shown in the language of whoever looks."""
    Import.objects.under_way().filter(pk=job.pk).update(error=sentence, **finished(State.FAILED, timezone.now()))
    files.remove_uploaded(job.token)
