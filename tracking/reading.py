"""From stored hits to events, and what follows from them: verdicts in company, suppressions, looks counted."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection

from feeds import judging
from feeds.events import Event, Kind
from feeds.judging import Anew
from feeds.models import Email, StoredEvent
from feeds.visits import names
from tracking import crowds, undoing
from tracking.hits import Hit, What, stored
from tracking.models import LeaveVisit
from tracking.persons import FACTS, NEIGHBOURS, Judgement, Visit, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feeds.models import InboxRow

KINDS = {
    What.OPEN: (Kind.OPENED, Kind.MACHINE_OPENED),
    What.CLICK: (Kind.CLICKED, Kind.MACHINE_CLICKED),
}
VISITS = tuple(kind for pair in KINDS.values() for kind in pair)
# A scanner run wild must not make its own judgement last: the newest visits of an email, the nearest of each.
MOST_VISITS, NEAREST = 300, 20
LOOKS_KEPT = timedelta(days=90)
COUNT_LOOKS = """
insert into tracking_leavevisit as v (email_id, account_id, first_at, people, machines)
select * from unnest(%s::bigint[], %s::int[], %s::timestamptz[], %s::int[], %s::int[]) order by 1
on conflict (email_id) do update set first_at = least(v.first_at, excluded.first_at),
    people = v.people + excluded.people, machines = v.machines + excluded.machines
"""


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
    if visits:
        times = [hit.occurred_at for hit in visits]
        judge_again({hit.email_id for hit in visits}, crowded=crowds.meet(visits), between=(min(times), max(times)))
    _count_looks([hit for hit in hits if hit.what == What.LOOK])


def judge_again(
    email_ids: Iterable[int],
    *,
    crowded: Iterable[Hit] = (),
    between: tuple[datetime, datetime] | None = None,
) -> int:
    """Judge the visits of these emails in each other's company; returns how many changed.

    `crowded` are hits that are newly known to have come with a crowd. With `between` only visits of about that time.
    """
    ids = sorted(set(email_ids))
    if not ids:
        return 0
    # Only hits of our own links: what a provider says of its visits is its own judgement.
    found = StoredEvent.objects.filter(email_id__in=ids, kind__in=VISITS, source_id__lt=0)
    if between is not None:
        found = found.filter(occurred_at__range=(between[0] - 2 * NEIGHBOURS, between[1] + 2 * NEIGHBOURS))
    by_email: dict[int, list[StoredEvent]] = defaultdict(list)
    for event in found.order_by("occurred_at", "key"):
        by_email[event.email_id].append(event)
    delivered = dict(Email.objects.filter(id__in=ids).values_list("id", "delivered_at"))
    crowd = {_key(hit) for hit in crowded}
    anew: list[Anew] = []
    for email_id, events in by_email.items():
        last = events[-MOST_VISITS:]
        visits = [_visit_of(event, is_crowded=event.key in crowd) for event in last]
        for n, event in enumerate(last):
            if between is None or between[0] - NEIGHBOURS <= event.occurred_at <= between[1] + NEIGHBOURS:
                near = visits[max(0, n - NEAREST) : n] + visits[n + 1 : n + 1 + NEAREST]
                anew += _anew(event, judge(visits[n], delivered.get(email_id), near))
    return judging.judge(anew)


def _key(hit: Hit) -> int:
    return Event(Kind.OPENED, "", "", hit.occurred_at, hit.id, str(hit.what)).key()


def _visit_of(event: StoredEvent, *, is_crowded: bool) -> Visit:
    facts = {name for name in names(event.comment) if name in FACTS} | ({"crowd"} if is_crowded else set())
    return Visit(event.occurred_at, event.ip, event.user_agent, event.url, frozenset(facts))


def _anew(event: StoredEvent, verdict: Judgement) -> list[Anew]:
    people, machines = next(pair for pair in KINDS.values() if event.kind in pair)
    kind = machines if verdict.is_machine else people
    if (kind, verdict.comment) == (event.kind, event.comment):
        return []
    return [Anew(event.email_id, event.key, kind, verdict.comment)]


def _count_looks(looks: Sequence[Hit]) -> None:
    """Count who looked at the page to unsubscribe at: machines are reported, and nobody is removed by looking."""
    rows: dict[int, list[object]] = {}
    for hit in looks:
        is_machine = judge(visit_of(hit), None, ()).is_machine
        row = rows.setdefault(hit.email_id, [hit.email_id, hit.account_id, hit.occurred_at, 0, 0])
        row[3 + is_machine] += 1  # type: ignore[operator]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(COUNT_LOOKS, [list(column) for column in zip(*rows.values(), strict=True)])


def forget(now: datetime) -> int:
    """Forget who looked long ago; returns how many emails that were."""
    return LeaveVisit.objects.filter(first_at__lt=now - LOOKS_KEPT).delete()[0]
