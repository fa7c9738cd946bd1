"""Who looked at the page to unsubscribe at. Nobody is removed by looking; that machines did is reported.

A look is judged in the company of the email's opens and clicks, and again as more of these come in.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection

from feeds.models import Email
from tracking import company
from tracking.models import LeaveVisit, Look
from tracking.persons import NEIGHBOURS, Visit, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracking.company import Time
    from tracking.hits import Hit

KEPT = timedelta(days=90)

# In order, so that no two wait for each other; and held to the end, so that nobody counts without the others.
HOLD = """
insert into tracking_leavevisit as v (email_id, account_id, first_at, people, machines)
select distinct on (email_id) email_id, account_id, at, 0, 0
from unnest(%s::bigint[], %s::int[], %s::timestamptz[]) as l (email_id, account_id, at) order by email_id, at
on conflict (email_id) do update set first_at = least(v.first_at, excluded.first_at)
"""
COUNT = """
update tracking_leavevisit v set people = l.people, machines = l.machines
from (select email_id, count(*) filter (where not is_machine) as people, count(*) filter (where is_machine) as machines
    from tracking_look where email_id = any(%s) group by email_id) l
where v.email_id = l.email_id and (v.people, v.machines) is distinct from (l.people, l.machines)
"""
# The newest of each email. Index: the primary key.
NEWEST = """
select l.* from unnest(%s::bigint[]) as i (id) cross join lateral (
    select * from tracking_look where email_id = i.id and at between %s and %s order by at desc, key desc limit %s) l
order by l.email_id, l.at, l.key
"""


def keep(looks: Sequence[tuple[Hit, int, Visit]]) -> None:
    """Keep these, each with its key and as it is judged; one that is known is the same."""
    if not looks:
        return
    with connection.cursor() as cursor:
        cursor.execute(HOLD, [
            [hit.email_id for hit, _key, _visit in looks],
            [hit.account_id for hit, _key, _visit in looks],
            [visit.at for _hit, _key, visit in looks],
        ])  # fmt: skip
    Look.objects.bulk_create(
        [
            Look(email_id=hit.email_id, key=key, account_id=hit.account_id, at=visit.at, ip=visit.ip,
                 agent=visit.agent, facts=" ".join(sorted(visit.facts)))
            for hit, key, visit in looks
        ],
        ignore_conflicts=True,
    )  # fmt: skip


def judge_again(email_ids: Sequence[int], time: Time) -> None:
    """Judge the looks of these few emails at about that time, and count them."""
    found: dict[int, list[Look]] = defaultdict(list)
    for look in Look.objects.raw(NEWEST, [list(email_ids), *time, company.MOST]):
        found[look.email_id].append(look)
    if not found:
        return
    visits = company.of(list(found), time)
    delivered = dict(Email.objects.filter(id__in=found).values_list("id", "delivered_at"))
    changed: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    for email_id, looks in found.items():
        others = [company.visit_of(event) for event in visits.get(email_id, ())]
        for look in looks:
            visit = Visit(look.at, look.ip, look.agent, "", frozenset(look.facts.split()))
            near = [other for other in others if abs(other.at - look.at) <= NEIGHBOURS]
            is_machine = judge(visit, delivered.get(email_id), near).is_machine
            if is_machine != look.is_machine:
                changed[is_machine].append((email_id, look.key))
    for is_machine, keys in changed.items():
        Look.objects.filter(pk__in=keys).update(is_machine=is_machine)
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [sorted(found)])


def forget(now: datetime) -> int:
    """Forget who looked long ago; returns how many looks that were. Indexes: on the times alone."""
    LeaveVisit.objects.filter(first_at__lt=now - KEPT).delete()
    return Look.objects.filter(at__lt=now - KEPT).delete()[0]
