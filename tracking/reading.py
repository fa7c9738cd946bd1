"""From stored hits to events, and what follows from them: verdicts in company, and what was taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feeds import judging
from feeds.events import Event, Kind
from feeds.judging import Anew
from feeds.models import Email
from tracking import company, crowds, looks, undoing
from tracking.hits import Hit, What, stored
from tracking.persons import Judgement, Visit, judge

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from feeds.models import InboxRow, StoredEvent
    from tracking.company import Time

KINDS = {
    What.OPEN: (Kind.OPENED, Kind.MACHINE_OPENED),
    What.CLICK: (Kind.CLICKED, Kind.MACHINE_CLICKED),
}
# The nearest of each visit say who it was. So many emails are judged at a time, as memory has a bound.
NEAREST, CHUNK = 20, 100


# ---- From hits to events ----------------------------------------------------------------------------------


def read(row: InboxRow) -> list[Event]:
    """The events of a row of hits. A hit of an email that is no longer kept tells nothing. Raises CannotRead."""
    hits = stored(bytes(row.body))
    emails = _emails(row.account_id, hits)
    return [event_of(hit, emails[hit.email_id]) for hit in hits if hit.email_id in emails and hit.what != What.LOOK]


def _emails(account_id: int, hits: Iterable[Hit]) -> dict[int, Email]:
    ids = {hit.email_id for hit in hits}
    found = Email.objects.filter(id__in=ids, account_id=account_id)
    return {email.id: email for email in found.only("id", "message_id", "recipient", "delivered_at")}


def event_of(hit: Hit, email: Email) -> Event:
    """What a hit says. Each is an event of its own."""
    event = Event(
        Kind.OPENED, email.message_id, email.recipient, hit.occurred_at, undoing.event_id_of(hit), str(hit.what),
        ip=hit.ip, user_agent=hit.agent, raw=hit._asdict(),
    )  # fmt: skip
    if hit.what in KINDS:
        verdict = judge(visit_of(hit), email.delivered_at, ())
        event.kind = KINDS[hit.what][verdict.is_machine]
        event.comment = verdict.comment
        event.url = hit.url
    else:
        event.kind = Kind.RESUBSCRIBED if hit.what == What.RETURN else Kind.UNSUBSCRIBED
    return event


def visit_of(hit: Hit) -> Visit:
    """A hit as it is judged."""
    facts = {
        "head": hit.method == "HEAD",
        "prefetch": "prefetch" in hit.purpose.lower() or "preview" in hit.purpose.lower(),
        "hidden": hit.hidden,
        "mute": not hit.speaks and hit.what != What.OPEN,
    }
    url = hit.url if hit.what == What.CLICK else ""
    return Visit(hit.occurred_at, hit.ip, hit.agent, url, frozenset(name for name, holds in facts.items() if holds))


# ---- What follows -----------------------------------------------------------------------------------------


def follow(read: Sequence[tuple[InboxRow, Sequence[Event]]]) -> None:
    """After the events were recorded, in the same transaction, which holds these emails."""
    told = [hit for row, _events in read for hit in stored(bytes(row.body))]
    found = Email.objects.filter(id__in={hit.email_id for hit in told}).values_list("id", "account_id", "recipient")
    recipients = {(email_id, account_id): recipient for email_id, account_id, recipient in found}
    hits = [hit for hit in told if (hit.email_id, hit.account_id) in recipients]
    undoing.follow(hits, {email_id: recipient for (email_id, _account), recipient in recipients.items()})
    visits = [hit for hit in hits if hit.what in KINDS]
    seen = [hit for hit in hits if hit.what == What.LOOK]
    looks.keep([(hit, undoing.key_of(hit.id, hit.what), visit_of(hit)) for hit in seen])
    if visits or seen:
        time = company.about([hit.occurred_at for hit in (*visits, *seen)])
        judge_again({hit.email_id for hit in (*visits, *seen)}, crowded=crowds.meet(visits), time=time)


def judge_again(email_ids: Iterable[int], *, crowded: Iterable[Hit] = (), time: Time = company.EVER) -> int:
    """Judge the visits of these emails in each other's company; returns how many changed.

    `crowded` are hits that are newly known to have come with a crowd. Only visits of that time are judged.
    """
    crowd = {undoing.key_of(hit.id, hit.what) for hit in crowded}
    ids, changed = sorted(set(email_ids)), 0
    for at in range(0, len(ids), CHUNK):
        some = ids[at : at + CHUNK]
        changed += _judge(some, crowd, time)
        looks.judge_again(some, time)
    return changed


def _judge(email_ids: Sequence[int], crowd: Container[int], time: Time) -> int:
    delivered = dict(Email.objects.filter(id__in=email_ids).values_list("id", "delivered_at"))
    anew: list[Anew] = []
    for email_id, events in company.of(email_ids, time).items():
        visits = [company.visit_of(event, is_crowded=event.key in crowd) for event in events]
        for n, event in enumerate(events):
            if time[0] <= event.occurred_at <= time[1]:
                near = visits[max(0, n - NEAREST) : n] + visits[n + 1 : n + 1 + NEAREST]
                anew += _anew(event, judge(visits[n], delivered.get(email_id), near))
    return judging.judge(anew)


def _anew(event: StoredEvent, verdict: Judgement) -> list[Anew]:
    people, machines = next(pair for pair in KINDS.values() if event.kind in pair)
    kind = machines if verdict.is_machine else people
    if (kind, verdict.comment) == (event.kind, event.comment):
        return []
    return [Anew(event.email_id, event.key, kind, verdict.comment)]
