"""Why an email has the status it has, in sentences for the person who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from feeds.events import Held, Kind, Status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from feeds.models import Email, StoredEvent
    from feeds.story import Story

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


# Of so many events each is named; of more only their number is told.
NAMED = 3


# What holds it back, and when that ends.
HELD = {
    Held.CREDITS: gettext_lazy(
        "It is held back because the account has no credits left. It goes out by itself when an administrator of the installation adds some."
    ),
    Held.DISABLED: gettext_lazy(
        "It is held back because the account is disabled. It goes out by itself when an administrator of the installation enables it again."
    ),
    Held.SCHEDULED: gettext_lazy(
        "It is held back because it is scheduled for later. It goes out by itself when its time comes."
    ),
    Held.THROTTLED: gettext_lazy(
        "It is held back because the recipient's server takes no more mail from here for now. It goes out by itself when that server may be written to again."
    ),
}


def why(story: Story) -> list[str]:
    """Which event made the status, and what became of the others. Times are of the current zone."""
    email, events = story.email, story.events
    raising = [event for event in events if Kind(event.kind).raises]
    sentences = [_winner(email, story.deciding, events)]
    sentences += _lower_but_later(email, raising)
    sentences += _out_of_order(story)
    sentences += _told_again(story)
    if email.is_held:
        sentences.append(str(HELD[Held(email.held)]))
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
    if any(event.kind == Kind.UNKNOWN for event in events):
        sentences.append(
            _("Its provider has a word for an event that is not known here. It is kept and changes nothing.")
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


def _winner(email: Email, winning: StoredEvent | None, events: Sequence[StoredEvent]) -> str:
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


def _out_of_order(story: Story) -> list[str]:
    """What arrived only after something that occurred later."""
    overtaken = [step.event for step in story.steps if step.was_overtaken]
    if len(overtaken) > NAMED:
        return [
            _("%(n)d events arrived only after others that happened later. Their order of arrival does not matter.")
            % {"n": len(overtaken)}
        ]
    return [
        _("“%(event)s” of %(time)s arrived only after what happened later. The order of arrival does not matter.")
        % {"event": Kind(event.kind).label, "time": moment(event.occurred_at)}
        for event in overtaken
    ]


def _told_again(story: Story) -> list[str]:
    """What the source told more than once."""
    again = [step for step in story.steps if step.again]
    if len(again) > NAMED:
        return [_("%(n)d events were told more than once. Each counts once.") % {"n": len(again)}]
    return [
        ngettext(
            "“%(event)s” of %(time)s was told once more. It counts once.",
            "“%(event)s” of %(time)s was told %(n)d times more. It counts once.",
            step.again,
        )
        % {"event": Kind(step.event.kind).label, "time": moment(step.event.occurred_at), "n": step.again}
        for step in again
    ]


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


def summary(story: Story) -> str:
    """The email in a few lines of plain text, for a ticket or a reply to whoever asks. Times are of the current zone."""
    email = story.email
    lines = [
        (_("Recipient"), email.recipient or _("unknown")),
        (_("Sender"), email.sender),
        (_("Subject"), email.subject),
        (_("Status"), Status(email.status).label),
        *((Kind(kind).label, moment(time)) for kind, time in firsts(email)),
        (_("The server's answer") if story.answer else _("Noted last"), email.comment),
        (_("Message id"), email.header_id or email.message_id),
    ]
    return "\n".join(f"{label}: {value}" for label, value in lines if value)
