"""How what is done with the list reads in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

SENTENCES: dict[str, _StrPromise] = {
    "suppression.added": _("put %(subject)s on the suppression list"),
    "suppression.changed": _("changed the suppression of %(subject)s"),
    "suppression.removed": _("took %(subject)s off the suppression list"),
    "suppression.returned": _("put %(subject)s back on the suppression list"),
    "suppression.undone": _("took a mistake off the suppression list"),
    "suppression.undo-stopped": _("stopped taking a mistake off the suppression list"),
    "suppression.undo-undone": _("put back on the suppression list what had been taken off as a mistake"),
    "suppression.warning-dismissed": _("said that the many suppressions are right: %(subject)s"),
}
LABELS: dict[str, _StrPromise] = {
    "until": _("until"),
    "entries": _("entries"),
}
