"""Lengths of time in words, from milliseconds to days."""

from __future__ import annotations

from datetime import timedelta

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MILLISECOND = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def in_words(length: timedelta) -> str:
    """The length in its largest fitting unit, rounded: “340 milliseconds”, “2 minutes”, “3 days”.

    Up to two of a unit are told in the next smaller one (90 minutes, 36 hours). Negative ones count as nothing.
    """
    if length < SECOND:
        n = max(0, round(length / MILLISECOND))
        return ngettext("%(n)s millisecond", "%(n)s milliseconds", n) % {"n": number_format(n)}
    if length < 2 * MINUTE:
        n = round(length / SECOND)
        return ngettext("%(n)s second", "%(n)s seconds", n) % {"n": number_format(n)}
    if length < 2 * HOUR:
        n = round(length / MINUTE)
        return ngettext("%(n)s minute", "%(n)s minutes", n) % {"n": number_format(n)}
    if length < 2 * DAY:
        n = round(length / HOUR)
        return ngettext("%(n)s hour", "%(n)s hours", n) % {"n": number_format(n)}
    n = round(length / DAY)
    return ngettext("%(n)s day", "%(n)s days", n) % {"n": number_format(n)}


def every(length: timedelta) -> str:
    """How often something happens whose distance is `length`, as in “usually every 2 minutes”."""
    if length < SECOND:
        return _("several times a second")
    return _("every %(length)s") % {"length": in_words(length)}
