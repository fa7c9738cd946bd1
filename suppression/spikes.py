"""Far more suppressions than usual: found, told to the account's people, and ended.

A spike is more in the last hour than all of these:

- LEAST, and LEAST_AT_FIRST in an account's first day, of which nothing is known yet;
- TIMES what all but one in twenty of the hours of two weeks had;
- twice what any of these hours had, so that what is sent each week or each fortnight is no news;
- and a share of the emails of that time, and a tenth of it of the day's: a campaign to a million has many bounces, and
  an outage has many for what was sent. Where nobody knows of emails the share is not asked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from django.db import connection, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts import audit, origins
from accounts.banners import Banner
from accounts.models import Account, Role
from suppression import rates, volumes
from suppression.models import Cause, Origin, Reason
from suppression.rates import Key
from suppression.spike import Spike
from suppression.undo_forms import MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from accounts.access import Access
    from suppression.rates import Lately, Usual
    from suppression.undo import Undo
    from suppression.volumes import Emails, Volume

# Locks are told apart by this.
LOCK = 7_365_001
LEAST, LEAST_AT_FIRST, FIRST_HOURS = 50, 200, 24
TIMES, PEAK_TIMES = 8, 2
# Of the emails of the time. A sender does well with less than a twentieth of bounces and one complaint in a thousand.
SHARES = {Reason.HARD_BOUNCE: 0.1, Reason.INVALID: 0.1, Reason.SPAM: 0.01, Reason.UNSUBSCRIBED: 0.05}
DAY_SHARE = 0.1
# Emails stand a little earlier than what becomes of them.
AHEAD = timedelta(minutes=30)
# So much of a reason's being one domain's, or one source's, it is that domain's or source's matter.
MOSTLY = 0.8
# After its end it is told for so long, at most so many at once, and listed for ever so many.
TOLD, MOST_TOLD, LISTED = timedelta(hours=24), 3, 50


_tellers: list[Teller] = []


class Teller(Protocol):
    """Tells somebody of a spike that is new, in the transaction that keeps it."""

    def __call__(self, spike: Spike, now: datetime) -> None: ...


def register(teller: Teller) -> None:
    """Have it called. Called once, when its app is loaded."""
    _tellers.append(teller)


# ---- Finding ----------------------------------------------------------------------------------------------


def watch(now: datetime) -> int:
    """Look at every account that had suppressions in the last hours; returns how many spikes are new."""
    busy = [account for account in Account.objects.order_by("id") if _is_busy(account, now)]
    new = sum(_watch(account, now) for account in busy)
    rates.forget(now)
    return new


def _is_busy(account: Account, now: datetime) -> bool:
    """Index: suppression_cause_newest, and suppression_spike_open."""
    lately = Cause.objects.filter(account=account, added_at__gte=now - 2 * rates.HOUR)
    return lately.exists() or Spike.objects.filter(account=account, ended_at=None).exists()


@transaction.atomic
def _watch(account: Account, now: datetime) -> int:
    """How many are new. Two at once would tell the same twice."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, %s)", [LOCK, account.pk])
    rates.note(account.pk, now)
    lately = rates.lately(account.pk, now, LEAST // 2)
    _follow(account, lately, now)
    found = _unusual(account, lately, now)
    new = 0
    for key, limit, usual in found:
        there = Spike.objects.filter(account=account, reason=key.reason, ended_at=None)
        covering = Q(domain="") | Q(domain=key.domain)
        if there.filter(covering, source_id__in={0, key.source_id}).exists():
            continue
        if not key.domain and not key.source_id:  # what was one domain's or source's alone is not any more
            there.filter(undo=None, dismissed_at=None).delete()
        spike = Spike.objects.create(
            account=account, reason=key.reason, domain=key.domain, source_id=key.source_id, n=lately[key].n,
            starts_at=lately[key].starts_at, usual=max(usual.peak, rates.LEAST - 1), limit=limit,
        )  # fmt: skip
        for teller in _tellers:
            teller(spike, now)
        new += 1
    return new


def _follow(account: Account, lately: Mapping[Key, Lately], now: datetime) -> None:
    """Keep the most there were of those that go on, and end those of which there are few again."""
    for spike in Spike.objects.filter(account=account, ended_at=None):
        told = lately.get(Key(spike.reason, spike.domain, spike.source_id))
        n = told.n if told else 0
        spike.n = max(spike.n, n)
        spike.ended_at = None if n > spike.limit // 2 else now
        spike.save(update_fields=["n", "ended_at"])


def _unusual(account: Account, lately: Mapping[Key, Lately], now: datetime) -> list[tuple[Key, int, Usual]]:
    """What there is too much of, with how much would not be: all of a reason, or of it the domains and sources."""
    keys = [key for key, told in lately.items() if told.n > LEAST]
    if not keys:
        return []
    usual = rates.usual(account, keys, now)
    many = [(key, limit, usual[key]) for key in keys if lately[key].n > (limit := _limit(usual[key]))]
    if not many:
        return []
    since = min(lately[key].starts_at for key, _limit, _usual in many) - AHEAD
    volume = volumes.of(account.pk, since, now, {key.domain for key, _limit, _usual in many if key.domain})
    many = [one for one in many if _is_large(one[0], lately[one[0]].n, volume)]
    found = []
    for reason in {key.reason for key, _limit, _usual in many}:
        parts = [one for one in many if one[0].reason == reason]
        whole = next((one for one in parts if not one[0].domain and not one[0].source_id), None)
        found += [_narrowed(whole, parts, lately)] if whole else parts[:MOST_TOLD]
    return found


def _limit(usual: Usual) -> int:
    least = LEAST if usual.hours >= FIRST_HOURS else LEAST_AT_FIRST
    return max(least, TIMES * usual.busy, PEAK_TIMES * usual.peak)


def _is_large(key: Key, n: int, volume: Volume) -> bool:
    """Whether it is a share of the emails that no ordinary mailing has."""
    share = SHARES.get(Reason(key.reason), 0.0)
    emails: Emails = volume.total
    if key.domain:
        emails = volume.domains.get(key.domain, volumes.Emails())
    elif key.source_id:
        emails = volume.sources.get(key.source_id, volumes.Emails())
    return n >= share * emails.lately and n >= share * DAY_SHARE * emails.day


def _narrowed(
    whole: tuple[Key, int, Usual], parts: list[tuple[Key, int, Usual]], lately: Mapping[Key, Lately]
) -> tuple[Key, int, Usual]:
    """The domain, or else the source, whose matter all of it is."""
    for column in ("domain", "source_id"):
        for one in parts:
            if getattr(one[0], column) and lately[one[0]].n >= MOSTLY * lately[whole[0]].n:
                return one
    return whole


# ---- Telling ----------------------------------------------------------------------------------------------


def banners(access: Access, now: datetime) -> Iterator[Banner]:
    """A sentence on each that nobody has settled, with the way to undo it for those who may."""
    is_told = Q(ended_at=None) | Q(ended_at__gte=now - TOLD)
    open_ones = Spike.objects.of(access).filter(is_told, undo=None, dismissed_at=None).order_by("-id")
    for spike in open_ones[:MOST_TOLD]:
        if access.may(Role.ADMIN):
            yield Banner(sentence(spike), undo_url(access.account, spike), _("See what to undo"))
        else:
            url = reverse("suppression-warnings", args=[access.account.slug])
            yield Banner(sentence(spike), url, _("See all warnings"))


def sentence(spike: Spike) -> str:
    """What is unusual, in the time zone of the page."""
    at = timezone.localtime(spike.starts_at)
    told = {
        "n": spike.n, "usual": spike.usual, "reason": spike.get_reason_display(), "what": spike.domain,
        "at": f"{date_format(at, 'SHORT_DATE_FORMAT')} {at:%H:%M}",
    }  # fmt: skip
    if spike.domain:
        said = _(
            "Since %(at)s there are unusually many suppressions of %(what)s (%(reason)s): %(n)s in an hour."
            " Before, an hour had %(usual)s at the most."
        )
    elif spike.source_id:
        named = origins.names(spike.account_id, [spike.source_id])
        told["what"] = named.get(spike.source_id, str(spike.source_id))
        said = _(
            "Since %(at)s there are unusually many suppressions by “%(what)s” (%(reason)s): %(n)s in an hour."
            " Before, an hour had %(usual)s at the most."
        )
    else:
        said = _(
            "Since %(at)s there are unusually many suppressions (%(reason)s): %(n)s in an hour."
            " Before, an hour had %(usual)s at the most."
        )
    return said % told


def undo_url(account: Account, spike: Spike) -> str:
    """The form, filled in with what programs did since it began, until it ended. What the API adds is by hand."""
    origin = Origin.KEY if spike.reason == Reason.MANUAL else Origin.EVENT
    asked = {
        "reason": spike.reason,
        "origin": int(origin),
        "from": timezone.localtime(spike.starts_at).strftime(MINUTE),
        "spike": spike.pk,
    }
    if spike.ended_at:
        asked["to"] = timezone.localtime(spike.ended_at).strftime(MINUTE)
    asked |= {name: value for name, value in (("domain", spike.domain), ("source", spike.source_id)) if value}
    return f"{reverse('suppression-undo', args=[account.slug])}?{urlencode(asked)}"


@transaction.atomic
def dismiss(access: Access, spike_id: int, now: datetime) -> bool:
    """Say that it is right as it is. From then on such an hour is usual. Whether there was anything to say."""
    spike = Spike.objects.of(access).filter(pk=spike_id, dismissed_at=None).select_for_update().first()
    if spike is None:
        return False
    person = access.membership.user
    Spike.objects.filter(pk=spike.pk).update(dismissed_at=now, dismissed_by=person.get_username()[:150])
    subject = spike.domain or str(spike.get_reason_display())
    audit.note(access.account, person, "suppression.warning-dismissed", subject, {"entries": spike.n})
    return True


def settle(undo: Undo, spike_id: int) -> None:
    """It was undone."""
    if undo.account_id:
        Spike.objects.filter(pk=spike_id, account=undo.account_id).update(undo=undo)
