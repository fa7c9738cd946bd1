"""All that is known of one email: its events in order, its attempts, and who opened and clicked what."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Max, Min
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import origins
from feeds import agents, answers, visits
from feeds.events import Kind
from feeds.models import Repeat, StoredEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import QuerySet

    from feeds.answers import Explanation
    from feeds.models import Email

# A newsletter opened by a whole office, or a scanner run wild, must not make a page of megabytes.
MOST_EVENTS = 500
MOST_LINKS = 100
# Requests take a moment; what took longer is worth telling.
PROMPT = timedelta(seconds=10)
ATTEMPTS = (Kind.DEFERRED, Kind.BOUNCED, Kind.DELIVERED)
ANSWERED = (*ATTEMPTS, Kind.DROPPED)
OPENS = (Kind.OPENED, Kind.MACHINE_OPENED)
CLICKS = (Kind.CLICKED, Kind.MACHINE_CLICKED)
MACHINES = (Kind.MACHINE_OPENED, Kind.MACHINE_CLICKED)


@dataclass(slots=True)
class Step:
    """One event as the page tells it.

    `arrived` says how much later it came than it occurred, "" where that is not worth telling. `was_overtaken`:
    an event that occurred later had arrived before. `attempt` counts from 1. `judged` says why a visit counts as a
    person's or a machine's. `again` counts how often the source told it after it was known.
    """

    event: StoredEvent
    source: str
    arrived: str = ""
    was_overtaken: bool = False
    attempt: int | None = None
    explanation: Explanation | None = None
    program: str = ""
    judged: str = ""
    again: int = 0
    again_at: datetime | None = None


@dataclass(slots=True)
class Span:
    """How often people and machines did something, and when first and last."""

    people: int = 0
    machines: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def total(self) -> int:
        return self.people + self.machines

    def add(self, times: int, is_machine: bool, first: datetime, last: datetime) -> None:
        if is_machine:
            self.machines += times
        else:
            self.people += times
        self.first_at = min(first, self.first_at or first)
        self.last_at = max(last, self.last_at or last)


@dataclass(slots=True)
class Visitor:
    """Somebody, or a machine, as far as program and IP address tell them apart."""

    program: str
    user_agent: str
    ip: str
    opens: Span = field(default_factory=Span)
    clicks: Span = field(default_factory=Span)

    @property
    def is_machine(self) -> bool:
        """Whether nothing of it was done by a person."""
        return not self.opens.people and not self.clicks.people

    @property
    def last_at(self) -> datetime:
        return max(at for at in (self.opens.last_at, self.clicks.last_at) if at is not None)


@dataclass(slots=True)
class Story:
    """The events of one email, the earliest first, and what they come to.

    `is_cut`: there are more events. `deciding` is the one that made the status, `answer` the one whose answer
    is the email's comment; None where there is none.
    """

    email: Email
    steps: list[Step]
    is_cut: bool
    deciding: StoredEvent | None
    answer: StoredEvent | None
    source: str
    links: list[tuple[str, Span]]
    visitors: list[Visitor]

    @property
    def events(self) -> list[StoredEvent]:
        return [step.event for step in self.steps]


def tell(email: Email) -> Story:
    """Everything about this email. A handful of queries, each bounded, all over the key of its events."""
    events = list(_events_of(email).order_by("occurred_at", "received_at", "key")[: MOST_EVENTS + 1])
    is_cut, events = len(events) > MOST_EVENTS, events[:MOST_EVENTS]
    names = origins.names(email.account_id, {email.source_id, *(event.source_id for event in events)})
    steps = [Step(event, names.get(event.source_id, "")) for event in events]
    _mark_arrivals(steps)
    _mark_attempts(steps)
    _mark_repeats(email, steps)
    has_visits = email.opens or email.clicks or email.machine_opens or email.machine_clicks
    links, visitors = (_links(email), _visitors(email)) if has_visits else ([], [])
    return Story(
        email, steps, is_cut, _deciding(email), _answer(email), names.get(email.source_id, ""), links, visitors
    )


def _events_of(email: Email) -> QuerySet[StoredEvent]:
    return StoredEvent.objects.filter(email_id=email.id, account_id=email.account_id)


def _deciding(email: Email) -> StoredEvent | None:
    """The first event of the kind that has the status's rank."""
    return _events_of(email).filter(kind=email.status).order_by("occurred_at", "key").first()


def _answer(email: Email) -> StoredEvent | None:
    """The event whose answer the email shows."""
    if not email.comment or email.comment_at is None:
        return None
    told = _events_of(email).filter(occurred_at=email.comment_at, comment=email.comment, kind__in=ANSWERED)
    return told.order_by("-kind", "key").first()


def _mark_arrivals(steps: Sequence[Step]) -> None:
    """Say of each event how late it came, and whether what occurred after it was here before."""
    latest: datetime | None = None
    waiting: datetime | None = None
    at: datetime | None = None
    for step in sorted(steps, key=lambda step: step.event.received_at):
        event = step.event
        if event.received_at != at:  # what came in one request was not overtaken by its neighbours
            latest, at = waiting, event.received_at
        step.was_overtaken = latest is not None and event.occurred_at < latest
        waiting = max(event.occurred_at, waiting or event.occurred_at)
        step.arrived = arrived(event.occurred_at, event.received_at)
        step.program = agents.program(event.user_agent)
        if event.kind in OPENS + CLICKS and visits.names(event.comment):
            step.judged = visits.words(event.comment)


def arrived(occurred_at: datetime, received_at: datetime) -> str:
    """How much later than it occurred an event came, in words; "" where that is only a moment."""
    delay = received_at - occurred_at
    if -PROMPT < delay < PROMPT:
        return ""
    if delay < timedelta():
        return _("arrived %(time)s before the time it states: a clock is wrong") % {"time": _long(-delay)}
    return _("arrived %(time)s later") % {"time": _long(delay)}


def _long(delay: timedelta) -> str:
    if delay < timedelta(minutes=1):
        seconds = int(delay.total_seconds())
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    start = datetime(2000, 1, 1)  # noqa: DTZ001  # only the distance matters
    return timesince(start, start + delay)


def _mark_attempts(steps: Iterable[Step]) -> None:
    """Number the attempts, and explain their answers: one that is the same as the last is not explained again."""
    number = 0
    last: Explanation | None = None
    for step in steps:
        kind = Kind(step.event.kind)
        if kind in ATTEMPTS:
            number += 1
            step.attempt = number
        if kind in ANSWERED and (step.event.comment or step.event.code):
            found = answers.explain(step.event, kind)
            step.explanation = found if found != last else None
            last = found


def _mark_repeats(email: Email, steps: Iterable[Step]) -> None:
    """Say of each event how often it was told again, and when last."""
    told = (
        Repeat.objects.filter(email_id=email.id).values("key").annotate(times=Count("inbox_id"), at=Max("received_at"))
    )
    again = {row["key"]: row for row in told[:MOST_EVENTS]}
    for step in steps:
        if (row := again.get(step.event.key)) is not None:
            step.again, step.again_at = row["times"], row["at"]


def _links(email: Email) -> list[tuple[str, Span]]:
    """Each link that was followed, the one most people followed first."""
    rows = (
        _events_of(email).filter(kind__in=CLICKS).values("url", "kind")
        .annotate(times=Count("key"), first=Min("occurred_at"), last=Max("occurred_at"))
        .order_by("-times", "url")[:MOST_LINKS]
    )  # fmt: skip
    links: dict[str, Span] = {}
    for row in rows:
        links.setdefault(row["url"], Span()).add(row["times"], row["kind"] in MACHINES, row["first"], row["last"])
    return sorted(links.items(), key=lambda link: (-link[1].people, -link[1].machines, link[0]))


def _visitors(email: Email) -> list[Visitor]:
    """Who opened it or followed a link, people first, then by the last time."""
    rows = (
        _events_of(email).filter(kind__in=OPENS + CLICKS).values("user_agent", "ip", "kind")
        .annotate(times=Count("key"), first=Min("occurred_at"), last=Max("occurred_at"))
        .order_by("-last")[:MOST_LINKS]
    )  # fmt: skip
    visitors: dict[tuple[str, str, bool], Visitor] = {}
    for row in rows:
        is_machine = row["kind"] in MACHINES
        agent, ip = row["user_agent"], row["ip"]
        visitor = visitors.setdefault((agent, ip, is_machine), Visitor(agents.program(agent), agent, ip))
        span = visitor.opens if row["kind"] in OPENS else visitor.clicks
        span.add(row["times"], is_machine, row["first"], row["last"])
    newest = sorted(visitors.values(), key=lambda visitor: visitor.last_at, reverse=True)
    return sorted(newest, key=lambda visitor: visitor.is_machine)
