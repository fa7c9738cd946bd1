"""Beginning and ending imports. What people may do with them is decided here."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.nudges import Nudge
from suppression.imports import columns, files
from suppression.imports.models import UNDER_WAY, Import, Meaning, State
from suppression.imports.work import finished

if TYPE_CHECKING:
    from datetime import datetime

    from suppression.imports.receiving import Uploaded
    from suppression.lists import List

# Tells a worker that there is something to import.
nudge = Nudge("suppression.tasks.run_imports")
nudge_on = Nudge("suppression.tasks.go_on_importing")

# A list that is given more at once waits for its own.
MOST_UNDER_WAY = 5
# Files that were uploaded, looked at and left: each may be large.
MOST_UPLOADED = 10
# How long such a file waits to be imported.
WAITS = timedelta(days=1)


class Refused(Exception):
    """It cannot be done as things are; the text says why and what to do."""


def place(at: List, uploaded: Uploaded, now: datetime) -> Import:
    """Keep what was uploaded, read as it seems to be made. Raises Refused, OSError."""
    if Import.objects.of(at).filter(state=State.UPLOADED).count() >= MOST_UPLOADED:
        raise Refused(
            _("%(n)d files wait to be imported. Import one of them, or discard it, before you upload another.")
            % {"n": MOST_UPLOADED}
        )
    with files.uploaded(uploaded.token).open("rb") as file:
        layout = columns.guess(file, uploaded.encoding, uploaded.name)
    return Import.objects.create(
        account=at.account, made_by=at.person, actor_name=at.person.get_username(), token=uploaded.token,
        file_name=uploaded.name, size=uploaded.size, encoding=uploaded.encoding, created_at=now,
        expires_at=now + WAITS, language=get_language() or "en", delimiter=layout.delimiter,
        has_header=layout.has_header, columns=layout.columns, reason=layout.reason,
        takes_domains=layout.takes_domains, is_day_first=layout.is_day_first,
    )  # fmt: skip


def begin(at: List, job: Import) -> None:
    """Have it done in the background. Raises Refused."""
    if Meaning.TARGET not in job.columns:
        raise Refused(_("Say first which column holds the addresses or domains."))
    if Import.objects.of(at).under_way().count() >= MOST_UNDER_WAY:
        raise Refused(
            _("%(n)d imports are under way. Wait for one of them, or cancel one.") % {"n": MOST_UNDER_WAY}
        )  # fmt: skip
    with transaction.atomic():
        found = Import.objects.of(at).filter(pk=job.pk, state=State.UPLOADED)
        if not found.update(state=State.WAITING, expires_at=None, language=get_language() or "en"):
            return
        at.note("suppression.import.begun", job.file_name)
        transaction.on_commit(nudge)


def cancel(at: List, job: Import, now: datetime) -> bool:
    """Stop it; returns False where it was over already. What is on the list stays there."""
    with transaction.atomic():
        found = Import.objects.of(at).filter(pk=job.pk, state__in=UNDER_WAY)
        if not found.update(**finished(State.CANCELLED, now)):
            return False
        at.note("suppression.import.cancelled", job.file_name)
    files.remove_uploaded(job.token)
    return True


def discard(at: List, job: Import) -> bool:
    """Forget a file that was not imported; returns False where it was begun meanwhile."""
    deleted, _rows = Import.objects.of(at).filter(pk=job.pk, state=State.UPLOADED).delete()
    if deleted:
        files.remove(job.token)
    return bool(deleted)


def clear_up(now: datetime) -> None:
    """Remove files nobody imported, reports that are kept long enough, and what a crash left behind."""
    for job in Import.objects.filter(expires_at__lte=now, state=State.UPLOADED):
        if Import.objects.filter(pk=job.pk, state=State.UPLOADED).delete()[0]:
            files.remove(job.token)
    for job in Import.objects.filter(expires_at__lte=now).exclude(state__in=(State.UPLOADED, *UNDER_WAY)):
        Import.objects.filter(pk=job.pk).update(expires_at=None, report_size=0)
        files.remove(job.token)
    # What is begun keeps its file; what is over keeps its report.
    kept = Import.objects.filter(state__in=(State.UPLOADED, *UNDER_WAY)) | Import.objects.filter(
        expires_at__isnull=False
    )
    files.remove_strays(set(kept.values_list("token", flat=True)))
