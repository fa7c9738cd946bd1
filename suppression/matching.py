"""Which causes somebody means who says: these reasons, from there, between these times."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Count, Max, Q

from accounts import origins
from accounts.patience import at_most
from suppression import targets
from suppression.models import Cause, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from suppression.undo import Undo

# Named in a preview; counted by name, the largest first; how long counting may take.
SAMPLE, DOMAINS, COUNT_MS = 20, 10, 30_000

# Of all entries that have a cause that matches: whether nothing else keeps them, by reason and by domain.
PREVIEW = """
with doomed (entry_id, causes, newest) as materialized ({doomed}), entry as materialized (
    select s.reason, s.domain, d.newest, d.causes,
        d.causes >= (select count(*) from suppression_cause c where c.suppression_id = s.id) as goes
    from doomed d join suppression_suppression s on s.id = d.entry_id
)
select 'all' as part, '' as name, count(*) filter (where goes) as gone, count(*) filter (where not goes) as kept,
    coalesce(sum(causes), 0)::bigint from entry
union all
select 'reason', reason::text, count(*) filter (where goes), count(*) filter (where not goes), 0
    from entry group by reason
union all
(select 'domain', domain, count(*) filter (where goes), count(*) filter (where not goes), 0
    from entry group by domain order by 3 desc, 4 desc, 2 limit {domains})
union all
(select 'cause', newest::text, 0, 0, 0 from entry where goes order by entry.newest desc limit {sample})
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must be so of a cause, all that is set. `added_to` itself is excluded; `last_cause` is the last there is."""

    reasons: tuple[int, ...] = ()
    origin: int | None = None
    source_id: int | None = None
    import_id: int | None = None
    domain: str = ""
    words: str = ""
    added_from: datetime | None = None
    added_to: datetime | None = None
    last_cause: int = 0

    @classmethod
    def of(cls, undo: Undo) -> Wanted:
        told = {field.name: getattr(undo, field.name) for field in fields(cls)}
        return cls(**told | {"reasons": tuple(undo.reasons)})

    def columns(self) -> dict[str, Any]:
        """For the columns of an undo, which have the same names."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"reasons": list(self.reasons)}

    def within(self, account_id: int | None) -> Q:
        """The causes of the list that were added between these times. Index: suppression_cause_newest."""
        times = Q(account=account_id, id__lte=self.last_cause)
        if self.added_from:
            times &= Q(added_at__gte=self.added_from)
        return times & Q(added_at__lt=self.added_to) if self.added_to else times

    def matches(self) -> Q:
        """What else must be so of them."""
        found = Q()
        named = {
            "suppression__reason__in": self.reasons, "origin": self.origin, "source_id": self.source_id,
            "import_id": self.import_id, "suppression__domain": self.domain,
        }  # fmt: skip
        for name, value in named.items():
            if value not in (None, "", ()):
                found &= Q(**{name: value})
        return found & (Q(comment__icontains=self.words) | Q(note__icontains=self.words)) if self.words else found


@dataclass(frozen=True, slots=True)
class Part:
    """How many entries of a reason or domain would go, and how many would stay because of other causes."""

    name: str
    gone: int
    kept: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A cause of an entry that would go; `source` is what its source is called, "" without any."""

    cause: Cause
    target: str
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What would go; `others` are the domains beyond those that are named, all together."""

    gone: int
    kept: int
    causes: int
    reasons: Sequence[Part]
    domains: Sequence[Part]
    others: Part
    sample: Sequence[Sample]


def newest_cause() -> int:
    """The id of the newest cause there is, of whatever list."""
    return Cause.objects.aggregate(newest=Max("id"))["newest"] or 0


def preview(account_id: int | None, wanted: Wanted) -> Preview:
    """Count what matches. Raises QueryCanceled where that takes too long."""
    found = Cause.objects.filter(wanted.within(account_id) & wanted.matches()).order_by()
    doomed, params = found.values("suppression_id").annotate(n=Count("id"), newest=Max("id")).query.sql_with_params()
    sql = PREVIEW.format(doomed=doomed, domains=DOMAINS, sample=SAMPLE)
    with at_most(COUNT_MS), connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows = cursor.fetchall()
    gone, kept, causes = next((row[2], row[3], row[4]) for row in rows if row[0] == "all")
    reasons = [Part(str(Reason(int(name)).label), g, k) for part, name, g, k, _n in rows if part == "reason"]
    domains = [Part(name, g, k) for part, name, g, k, _n in rows if part == "domain"]
    others = Part("", gone - sum(part.gone for part in domains), kept - sum(part.kept for part in domains))
    ids = [int(name) for part, name, _g, _k, _n in rows if part == "cause"]
    return Preview(gone, kept, causes, reasons, domains, others, _sample(account_id, ids))


def _sample(account_id: int | None, ids: Sequence[int]) -> list[Sample]:
    causes = Cause.objects.filter(id__in=ids).select_related("suppression").order_by("-id")
    sources = {cause.source_id for cause in causes if cause.source_id is not None}
    named = origins.names(account_id, sources) if account_id and sources else {}
    return [
        Sample(
            cause, targets.shown(cause.suppression.target, cause.suppression.covers),
            cause.suppression.get_reason_display(), named.get(cause.source_id or 0, ""),
        )
        for cause in causes
    ]  # fmt: skip
