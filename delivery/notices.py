"""What the people of an account must know about: that somebody's server refuses their mail as such."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.banners import Banner
from delivery.models import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from accounts.access import Access
    from delivery.outcomes import Done

# Told wherever people begin for so long, and listed where an account's sending is set up.
TOLD, LISTED, MOST = timedelta(hours=24), timedelta(days=7), 50

# One for each recipient domain and hour, with the last answer.
TELL = """
insert into delivery_notice as n (account_id, domain, starts_at, emails, email_id, code, reply)
select * from unnest(%s::int[], %s::text[], %s::timestamptz[], %s::int[], %s::bigint[], %s::text[], %s::text[])
order by 1, 2, 3
on conflict (account_id, domain, starts_at) do update set emails = n.emails + excluded.emails,
    email_id = excluded.email_id, code = excluded.code, reply = excluded.reply
"""


def tell(blocked: Sequence[Done], now: datetime) -> None:
    """Note these refusals, in the caller's transaction."""
    groups: dict[tuple[int, str], list[Done]] = defaultdict(list)
    for done in blocked:
        groups[done.outgoing.account_id, done.outgoing.domain].append(done)
    if groups:
        hour = now.replace(minute=0, second=0, microsecond=0)
        rows = [
            (account_id, domain, hour, len(group), group[-1].outgoing.email_id, group[-1].code, group[-1].reply)
            for (account_id, domain), group in groups.items()
        ]
        with connection.cursor() as cursor:
            cursor.execute(TELL, [list(column) for column in zip(*rows, strict=True)])


def lately(access: Access, now: datetime) -> list[Notice]:
    """The newest first."""
    return list(Notice.objects.of(access).filter(starts_at__gte=now - LISTED).order_by("-starts_at", "domain")[:MOST])


def banners(access: Access, now: datetime) -> Iterator[Banner]:
    """One sentence on the last day, with the last email that was refused."""
    rows = list(Notice.objects.of(access).filter(starts_at__gte=now - TOLD).order_by("-starts_at")[:MOST])
    if not rows:
        return
    domains = list(dict.fromkeys(row.domain for row in rows))
    names = ", ".join(domains[:3]) + (", …" if len(domains) > 3 else "")
    sentence = ngettext(
        "In the last day %(n)s email was refused as a matter of sender or content, by %(domains)s.",
        "In the last day %(n)s emails were refused as a matter of sender or content, by %(domains)s.",
        emails := sum(row.emails for row in rows),
    ) % {"n": emails, "domains": names}
    url = reverse("email", args=[access.account.slug, rows[0].email_id])
    yield Banner(sentence, url, _("Read the last answer"))


def forget(now: datetime) -> None:
    """Let go of what is not listed any more."""
    Notice.objects.filter(starts_at__lt=now - LISTED).delete()
