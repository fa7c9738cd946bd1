"""The report of the lines that were left out: a CSV file with their numbers, what they say, and why."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from django.utils.translation import pgettext

from suppression.imports import files

if TYPE_CHECKING:
    from collections.abc import Collection

    from suppression.imports.models import Import
    from suppression.imports.reading import BadLine

# A file of which nothing can be read needs no million lines to say so.
MOST = 50_000
# Spreadsheets take a file that begins so for UTF-8.
BOM = "\ufeff"
# A cell that begins so may run as a formula (OWASP, "CSV injection"); an apostrophe makes it text.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write(job: Import, bad: Collection[BadLine]) -> dict[str, int]:
    """Add these to the import's report; returns what the import keeps of it. Raises OSError."""
    told = list(bad)[: MOST - job.reported]
    if not told:
        return {}
    text = io.StringIO()
    lines = csv.writer(text)
    if not job.reported:
        text.write(BOM)
        names = (pgettext("column", "line"), pgettext("column", "text"), pgettext("column", "reason"))
        lines.writerow(names)
    lines.writerows((line.number, _guarded(line.text), line.problem) for line in told)
    size = files.write_report(job.token, job.report_size, text.getvalue().encode())
    return {"reported": job.reported + len(told), "report_size": size}


def read(job: Import) -> bytes:
    """Raises OSError."""
    with files.report(job.token).open("rb") as file:
        return file.read(job.report_size)


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULAS) else text
