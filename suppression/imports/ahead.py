"""The lines of a file, read ahead: while the database puts some on the list, the next ones are read."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from django.utils import translation

from suppression.imports import files, staging
from suppression.imports.reading import Batch, Reader

if TYPE_CHECKING:
    from datetime import datetime

    from suppression.imports.models import Import


class Batches:
    """The batches of an import, of `most` lines each, until it is closed. Raises OSError."""

    def __init__(self, job: Import, now: datetime, most: int) -> None:
        self.job_id = job.pk
        self._reader = Reader(job, now)
        self._language = job.language
        self._most = most
        self._next: Future[Batch] | None = None
        self._file = files.uploaded(job.token).open("rb")
        self._thread = ThreadPoolExecutor(1, "import")

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._file.close()

    def at(self, place: int, line: int) -> Batch:
        """What stands from this place on, before which there are so many lines."""
        batch = self._next.result() if self._next else None
        if batch is None or batch.begin != place:
            # Another worker had it meanwhile, or the last step was taken back.
            batch = self._read(place, line)
        is_last = batch.taken < self._most
        self._next = None if is_last else self._thread.submit(self._read, batch.place, batch.line)
        return batch

    def _read(self, place: int, line: int) -> Batch:
        with translation.override(self._language):
            batch = self._reader.batch(self._file, place, line, self._most)
        batch.rows = staging.rows(batch.lines.values())
        batch.lines.clear()
        return batch
