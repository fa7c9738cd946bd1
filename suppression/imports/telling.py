"""How imports read in the audit log."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

SENTENCES = {
    "suppression.import.begun": _("began to import “%(subject)s” into the suppression list"),
    "suppression.import.cancelled": _("cancelled the import of “%(subject)s”"),
    "suppression.imported": _("imported “%(subject)s” into the suppression list"),
}
LABELS = {
    "added": _("added"),
    "known": _("on the list already"),
    "repeated": _("more than once in the file"),
    "bad": _("bad lines"),
}
