"""Telling an account by mail what bounced: at most once an hour, however much it was.

Each new bounce is noted in the transaction that writes it, for accounts that want to know. A digest takes the notes
away and is handed in, in one transaction: nothing is told twice, and nothing is left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext, override

from accounts import audit
from delivery.accept import Refused, accept
from delivery.models import BounceDigest, Origin, SenderDomain, UntoldBounce
from delivery.orders import Group, Mailbox, Order
from feeds.events import Bounce
from feeds.models import MAX_ID, id_at, time_of
from feeds.questions import Feed, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from accounts.access import Access
    from accounts.models import Account
    from feeds.bounced import Bounced

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=1)
# A digest tells of at most so many batches of so many bounces; the next one of the others.
BATCH, BATCHES = 2000, 50
# So many addresses are named, and so many reasons and domains counted by name.
NAMED, GROUPS = 20, 10
# What nobody could be told for so long is in the feed all the same.
KEPT = timedelta(days=30)
# The mark of digests in the feed. Nobody is told that one of them bounced.
TAG = "bounce-digest"
QUIET = {"open": False, "click": False, "unsubscribe": False, "text_links": False}

NOTE = """
insert into delivery_untoldbounce (account_id, email_id, key)
select b.account_id, b.email_id, b.key
from unnest(%s::int[], %s::bigint[], %s::bigint[]) as b (account_id, email_id, key)
join delivery_bouncedigest d using (account_id) where d.address <> '' on conflict do nothing
"""
TAKE = """
with taken as (
    delete from delivery_untoldbounce where ctid = any(array(
        select ctid from delivery_untoldbounce where account_id = %s order by email_id, key limit %s))
    returning email_id, key
)
select t.email_id, e.recipient, v.occurred_at, v.bounce, v.name, left(v.comment, 500),
    coalesce(nullif(feeds_reason_of(v.comment), ''), v.code), e.is_test or %s = any(e.tags)
from taken t left join feeds_event v on v.email_id = t.email_id and v.key = t.key
    left join feeds_email e on e.id = t.email_id
order by v.occurred_at, t.email_id
"""


class Sort(IntEnum):
    """What bounces are told apart by, the gravest first."""

    HARD = 0
    BLOCKED = 1
    EXPIRED = 2
    SOFT = 3

    @classmethod
    def of(cls, bounce: int, name: str) -> Sort:
        """The sort of an event, by its own word (`outcomes.event_of`)."""
        if bounce == Bounce.HARD:
            return cls.HARD
        return {"blocked": cls.BLOCKED, "expired": cls.EXPIRED}.get(name, cls.SOFT)

    @property
    def label(self) -> str:
        return str(SORTS[self])


SORTS = {
    Sort.HARD: gettext_lazy("Hard bounce: the address is dead"),
    Sort.BLOCKED: gettext_lazy("Blocked: refused as a matter of sender or content"),
    Sort.EXPIRED: gettext_lazy("Expired: refused until the time was over"),
    Sort.SOFT: Bounce.SOFT.label,
}


@dataclass(frozen=True, slots=True)
class Told:
    """A bounce that is named."""

    email_id: int
    recipient: str
    at: datetime
    sort: Sort
    answer: str


@dataclass(slots=True)
class Tally:
    """What a digest tells: counts, and the first few by name."""

    sorts: Counter[Sort] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    named: list[Told] = field(default_factory=list)
    first: int = MAX_ID
    last: int = 0

    def add(self, told: Told, reason: str) -> None:
        self.sorts[told.sort] += 1
        self.reasons[reason] += 1
        self.domains[told.recipient.rpartition("@")[2]] += 1
        self.first, self.last = min(self.first, told.email_id), max(self.last, told.email_id)
        if len(self.named) < NAMED:
            self.named.append(told)


def note(bounced: Sequence[Bounced]) -> None:
    """Keep these for their accounts' next digests, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE, [list(column) for column in zip(*bounced, strict=True)])


def sender_of(account: Account) -> str:
    """The address digests come from, of the account's first domain that it may send from; "" without any."""
    usable = SenderDomain.objects.usable().filter(account=account)
    name = usable.order_by("id").values_list("name", flat=True).first()
    return f"no-reply@{name}" if name else ""


@transaction.atomic
def set_address(access: Access, address: str) -> bool:
    """Have this address told from now on, or nobody (""); whether that changed anything."""
    row, _new = BounceDigest.objects.select_for_update().get_or_create(account=access.account)
    changed = audit.changes({"bounce_address": row.address}, {"bounce_address": address})
    if not changed:
        return False
    if not (address and row.address):
        # Nobody is told of what bounced while nobody wanted to know.
        UntoldBounce.objects.filter(account=access.account).delete()
    row.address = address
    row.save(update_fields=["address"])
    audit.note(access.account, access.membership.user, "bounces.changed", "", changed)
    return True


def send_due(now: datetime) -> int:
    """Tell every account whose hour is over and that has something to be told; returns how many were."""
    waiting = Exists(UntoldBounce.objects.filter(account_id=OuterRef("account_id")))
    due = BounceDigest.objects.filter(waiting, account__enabled=True).exclude(address="")
    ids = list(due.filter(_hour_is_over(now)).values_list("account_id", flat=True))
    return sum(_send(account_id, now) for account_id in ids)


def _hour_is_over(now: datetime) -> Q:
    return Q(told_at=None) | Q(told_at__lte=now - EVERY)


def _send(account_id: int, now: datetime) -> bool:
    """Hand in the digest of this account, unless another worker does."""
    with transaction.atomic():
        rows = BounceDigest.objects.select_for_update(skip_locked=True, of=("self",)).select_related("account")
        row = rows.filter(_hour_is_over(now), account_id=account_id).exclude(address="").first()
        if row is None or not (sender := sender_of(row.account)):
            return False
        tally = _take(account_id)
        if not tally.sorts:
            return False
        try:
            with transaction.atomic():
                accepted = accept(_order(row, sender, tally), row.account, now)
        except Refused as refused:
            log.warning("bounce_digest_refused", account=account_id, reason=str(refused))
            transaction.set_rollback(True)
            return False
        row.told_at, row.email_id = now, accepted.recipients[0].email_id
        row.save(update_fields=["told_at", "email_id"])
    return True


def _take(account_id: int) -> Tally:
    """Take away what is to be told, the oldest emails first."""
    tally = Tally()
    for _batch in range(BATCHES):
        with connection.cursor() as cursor:
            cursor.execute(TAKE, [account_id, BATCH, TAG])
            rows = cursor.fetchall()
        for email_id, recipient, at, bounce, name, answer, reason, is_untold in rows:
            # An email without events is older than its month; of tests and of digests nobody is told.
            if at is not None and is_untold is False:
                told = Told(email_id, recipient, at, Sort.of(bounce, name), " ".join(answer.split()))
                tally.add(told, reason)
        if len(rows) < BATCH:
            break
    return tally


def _order(row: BounceDigest, sender: str, tally: Tally) -> Order:
    """The digest, in the installation's language and the account's time zone."""
    account, n = row.account, tally.sorts.total()
    with override(settings.LANGUAGE_CODE), timezone.override(account.zone):
        subject = ngettext("%(account)s: %(n)s email bounced", "%(account)s: %(n)s emails bounced", n)
        context = {
            "account": account.name,
            "n": n,
            "sorts": [(sort.label, tally.sorts[sort]) for sort in Sort if tally.sorts[sort]],
            "reasons": list(_largest(tally.reasons)),
            "domains": list(_largest(tally.domains)),
            "named": [(told, _url("email", account.slug, told.email_id)) for told in tally.named],
            "others": n - len(tally.named),
            "feed": f"{settings.LIVEFEEDS_URL}{Feed(account.slug).url(_question(account, tally))}",
            "zone": account.time_zone,
            "settings": _url("customize", account.slug),
        }
        body = render_to_string("delivery/bounce_digest.txt", context)
    return Order(
        sender=Mailbox(sender, "Live Feeds"), subject=subject % {"account": account.name, "n": n}, text=body,
        groups=[Group([Mailbox(row.address)])], tags=[TAG], settings=QUIET, origin=Origin.PAGE,
        headers={"Auto-Submitted": "auto-generated"},
    )  # fmt: skip


def _largest(counts: Counter[str]) -> Iterator[tuple[str, int]]:
    """The largest groups, and "" for all others together."""
    named = counts.most_common(GROUPS)
    yield from ((name or "-", n) for name, n in named)
    if rest := counts.total() - sum(n for _name, n in named):
        yield "", rest


def _question(account: Account, tally: Tally) -> str:
    """The query that finds the emails of a digest: the bounced ones from the first to the last of them."""
    if tally.first == tally.last:
        return text(("id", [str(tally.first)]))
    after, before = time_of(tally.first).replace(microsecond=0), time_of(tally.last) + timedelta(seconds=1)
    return text(("event", ["bounced"]), ("after", [_moment(after, account)]), ("before", [_moment(before, account)]))


def _moment(at: datetime, account: Account) -> str:
    """As the query language has it; with its offset where a clock that is set back shows this time twice."""
    local = at.astimezone(account.zone)
    return (local if local.fold else local.replace(tzinfo=None)).isoformat(timespec="seconds")


def _url(name: str, *arguments: Any) -> str:
    return f"{settings.LIVEFEEDS_URL}{reverse(name, args=arguments)}"


def forget(now: datetime) -> None:
    """Let go of what nobody could be told."""
    UntoldBounce.objects.filter(email_id__lt=id_at(now - KEPT)).delete()
