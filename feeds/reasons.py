"""Why an email has the status it has, in sentences for the person who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from feeds.events import Bounce, Kind, Status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from feeds.models import Email, StoredEvent

# The columns of the first times, in the order of a life.
FIRSTS = (
    (Kind.PROCESSED, "processed_at"),
    (Kind.SENT, "sent_at"),
    (Kind.DEFERRED, "deferred_at"),
    (Kind.DELIVERED, "delivered_at"),
    (Kind.BOUNCED, "bounced_at"),
    (Kind.DROPPED, "dropped_at"),
    (Kind.MACHINE_OPENED, "machine_opened_at"),
    (Kind.OPENED, "opened_at"),
    (Kind.MACHINE_CLICKED, "machine_clicked_at"),
    (Kind.CLICKED, "clicked_at"),
    (Kind.UNSUBSCRIBED, "unsubscribed_at"),
    (Kind.SPAM, "spam_at"),
)


def firsts(email: Email) -> list[tuple[Kind, datetime]]:
    """When each kind of event happened first, in the order of a life."""
    times = ((kind, getattr(email, column)) for kind, column in FIRSTS)
    return [(kind, time) for kind, time in times if time is not None]


def why(email: Email, events: Sequence[StoredEvent]) -> list[str]:
    """Which event made the status, and what became of the others. Times are of the current zone."""
    raising = [event for event in events if Kind(event.kind).raises]
    sentences = [_winner(email, raising, events)]
    sentences += _lower_but_later(email, raising)
    if email.is_retrying:
        sentences.append(
            ngettext(
                "The recipient's server refused it for now, %(n)d time so far. That is not final: it is tried again.",
                "The recipient's server refused it for now, %(n)d times so far. That is not final: it is tried again.",
                email.deferrals,
            )
            % {"n": email.deferrals}
        )
    if email.machine_opens or email.machine_clicks:
        sentences.append(
            _(
                "A mail proxy or a security scanner opened it or followed a link. That is counted apart and "
                "never raises the status."
            )
        )
    if any(event.came_late for event in events):
        sentences.append(
            _(
                "Some events came late, more than an hour after they occurred. The status does not depend "
                "on the order in which they arrive."
            )
        )
    if email.is_orphan:
        sentences.append(
            _(
                "The source did not say which message this is about, so it could not be joined with other "
                "events of the same email."
            )
        )
    if email.is_test:
        sentences.append(_("This is a test: no real email was sent."))
    return sentences


def _winner(email: Email, raising: Sequence[StoredEvent], events: Sequence[StoredEvent]) -> str:
    winning = min((e for e in raising if e.kind == email.status), key=lambda e: e.occurred_at, default=None)
    label = {"status": Status(email.status).label}
    if winning is None:
        if events:
            return _("“%(status)s”, because nothing that happened so far says more.") % label
        return _("“%(status)s”. Its events are no longer kept.") % label
    return _("“%(status)s”, because of the event “%(event)s” of %(time)s.") % {
        **label,
        "event": Kind(winning.kind).label,
        "time": moment(winning.occurred_at),
    }


def _lower_but_later(email: Email, raising: Sequence[StoredEvent]) -> list[str]:
    """What happened after the event that decided, but ranks lower."""
    deciding = [event.occurred_at for event in raising if event.kind == email.status]
    if not deciding:
        return []
    later = sorted({e.kind for e in raising if e.kind < email.status and e.occurred_at > min(deciding)}, reverse=True)
    return [
        _("“%(event)s” happened later but says less than “%(status)s”, so it does not change the status.")
        % {"event": Kind(kind).label, "status": Status(email.status).label}
        for kind in later
    ]


def moment(time: datetime) -> str:
    """A time in the current zone and language, to the second."""
    local = localtime(time)
    return f"{date_format(local, 'SHORT_DATE_FORMAT')} {date_format(local, 'H:i:s')}"


def answer(email: Email) -> str:
    """What a bounce, a drop or a deferral means for the next email, in a sentence; "" for all else."""
    if email.status == Status.DROPPED:
        return _(
            "It was never sent. As long as the address stays on the suppression list, further emails to it "
            "are dropped too."
        )
    if email.status == Status.BOUNCED and email.bounce == Bounce.HARD:
        return _("The address does not accept mail and will not: it is on the suppression list now.")
    if email.status == Status.BOUNCED and email.bounce == Bounce.SOFT:
        return _("The server gave up on this email, but the address may work again. It was not suppressed.")
    if email.is_retrying:
        return _("This answer is temporary. Wait: the next attempt may succeed.")
    return ""
