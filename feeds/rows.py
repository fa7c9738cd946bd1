"""The rows of the feed as HTML, for pages and for the live stream alike.

A page has fifty of them and a storm brings hundreds a second, so they are put together from strings: what all rows of
a language have in common is drawn by Django once, what comes from emails is escaped each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from html import escape
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext as _

from feeds import waiting
from feeds.events import Held
from feeds.meanings import BY_STATUS
from feeds.templatetags.look import icon

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date, datetime, tzinfo

    from accounts.models import Account
    from feeds.models import Email
    from feeds.waiting import Wait


def draw(emails: Collection[Email], account: Account, now: datetime) -> list[SafeString]:
    """A `<tr>` for each of these emails of one account, in the active language and the account's zone.

    `now` decides which times are today's, and shown without their day.
    """
    language = get_language() or settings.LANGUAGE_CODE
    words, folder, zone = _words(language), _folder(account.slug), account.zone
    today = now.astimezone(zone).date()
    waits = waiting.of(emails)
    return [_row(email, words, folder, zone, today, waits.get(email.id), now) for email in emails]


def version(email: Email) -> str:
    """What changes with everything a row shows: rows of the same version are the same."""
    return f"{email.updated_at.timestamp():.6f}"


def _row(
    email: Email, words: Words, folder: str, zone: tzinfo, today: date, wait: Wait | None, now: datetime
) -> SafeString:
    # Each value from an email goes through escape() or is a number; all else was drawn by Django.
    comment = escape(email.comment)
    badges = words.statuses[email.status]
    if email.is_retrying:
        badges += words.retrying
    if email.is_held:
        badges += words.held[email.held]
    if email.is_test:
        badges += words.test
    if email.is_orphan:
        badges += words.orphan
    next_try = _next(words, wait, zone, now) if wait else ""
    return mark_safe(  # noqa: S308
        f'<tr id="e{email.id}" data-row="{version(email)}">'
        f'<td class="c-status">{badges}</td>'
        f'<td class="c-recipient"><a class="row-link" href="{folder}{email.id}/">'
        f"{escape(email.recipient) or words.unknown}</a></td>"
        f'<td class="c-sender" data-label="{words.sender}">{escape(email.sender)}</td>'
        f'<td class="c-subject">{escape(email.subject)}</td>'
        f'<td class="c-comment" title="{comment}">{next_try}{comment}</td>'
        f'<td class="c-count" data-label="{words.opens}">{_count(words, email.opens, email.machine_opens)}</td>'
        f'<td class="c-count" data-label="{words.clicks}">{_count(words, email.clicks, email.machine_clicks)}</td>'
        f'<td class="c-time">{_moment(words, email.time.astimezone(zone), today)}</td></tr>\n'
    )


def _next(words: Words, wait: Wait, zone: tzinfo, now: datetime) -> str:
    """When an email that waits is tried next; what is held for as long as it takes has no such time."""
    if wait.is_sending:
        return words.sending
    if wait.is_held and wait.next_at <= now:
        return ""
    shown = _moment(words, wait.next_at.astimezone(zone), now.astimezone(zone).date())
    return f'<span class="c-next" title="{_until(wait, zone)}">{words.next} {shown}</span> '


def _until(wait: Wait, zone: tzinfo) -> str:
    """How often it was tried, and when it is given up."""
    end = wait.expires_at.astimezone(zone)
    told = {"n": wait.attempts, "end": f"{formats.date_format(end, 'SHORT_DATE_FORMAT')} {end:%H:%M}"}
    sentence = ngettext(
        "%(n)s attempt so far, given up on %(end)s", "%(n)s attempts so far, given up on %(end)s", wait.attempts
    )
    return escape(sentence % told)


def _count(words: Words, people: int, machines: int) -> str:
    counted = f'<span class="people">{_number(words.language, people)}</span>' if people else _NONE
    return f"{counted} {_machines(words.language, machines)}" if machines else counted


def _moment(words: Words, local: datetime, today: date) -> str:
    """As `{% moment email.time "short" %}` draws it."""
    day, time = _day(words.language, local.date()), f"{local:%H:%M:%S}"
    shown = time if local.date() == today else f"{day} {local:%H:%M}"
    return f'<time datetime="{local.isoformat()}" title="{day} {time} {local.tzname()}">{shown}</time>'


# ---- What rows have in common: drawn once for each language, which is the active one whenever these are called ---


@dataclass(frozen=True, slots=True)
class Words:
    """The parts that are the same in all rows of a language, as HTML."""

    language: str
    statuses: dict[int, str]
    retrying: str
    held: dict[int, str]
    test: str
    orphan: str
    sending: str
    unknown: str
    sender: str
    opens: str
    clicks: str
    next: str


# Why an email is held, in a word.
HELD = {
    Held.CREDITS: pgettext_lazy("held badge", "no credits"),
    Held.DISABLED: pgettext_lazy("held badge", "disabled"),
    Held.SCHEDULED: pgettext_lazy("held badge", "scheduled"),
    Held.THROTTLED: pgettext_lazy("held badge", "throttled"),
}
_NONE = '<span class="none">0</span>'


@cache
def _words(language: str) -> Words:
    def badge(css: str, name: str, label: str, title: str) -> str:
        return format_html(' <span class="badge-small{}" title="{}">{}{}</span>', css, title, icon(name), label)

    return Words(
        language,
        {
            status.value: format_html(
                '<span class="standing is-{}" title="{}">{}{}</span>',
                meaning.anchor,
                meaning.line,
                icon(meaning.icon),
                status.label,
            )
            for status, meaning in BY_STATUS.items()
        },
        badge(" is-retrying", "refresh", _("retrying"), _("Refused for now; it is tried again")),
        {
            held.value: badge(
                " is-held", "player-pause", str(word), _("Held back: %(reason)s") % {"reason": held.label}
            )
            for held, word in HELD.items()
        },
        badge("", "flask", pgettext("badge", "test"), _("No real email was sent")),
        badge("", "unlink", pgettext("badge", "orphan"), _("The source did not say which message it is about")),
        format_html('<span class="c-next">{}</span> ', _("being tried now")),
        *(escape(word) for word in (_("unknown"), _("From"), _("Opens"), _("Clicks"), _("next try"))),
    )


@lru_cache(512)
def _folder(slug: str) -> str:
    """The address below which the emails of an account have theirs."""
    return reverse("email", args=[slug, 0]).removesuffix("0/")


@lru_cache(1024)
def _day(language: str, day: date) -> str:
    return escape(formats.date_format(day, "SHORT_DATE_FORMAT"))


@lru_cache(1024)
def _number(language: str, n: int) -> str:
    return escape(intcomma(n))


@lru_cache(1024)
def _machines(language: str, n: int) -> str:
    return format_html(
        '<span class="machines" title="{}"><span aria-hidden="true">+{}</span>{}'
        '<span class="visually-hidden">{}</span></span>',
        ngettext(
            "%(n)s by a machine: a mail proxy or a scanner", "%(n)s by machines: mail proxies or scanners", n
        ) % {"n": _number(language, n)},
        intcomma(n),
        icon("robot"),
        ngettext("+%(n)s machine", "+%(n)s machine", n) % {"n": _number(language, n)},
    )  # fmt: skip
