"""What the pages of the sources show: what came lately, how late, and each source's state in words."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, OuterRef, Subquery
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.origins import Standing
from feeds.models import InboxDue, InboxRow, SourceHour
from webhooks import providers, silence
from webhooks.durations import every, in_words
from webhooks.models import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accounts.access import Access
    from webhooks.models import SourceQuerySet
    from webhooks.providers.base import Provider, SecretField

HOURS_SHOWN = 24
# Who sent within this time is said to be receiving; later it is told how long ago the last request was.
LATELY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class State:
    """One sentence on how a source does, with the icon and the colour that go with it."""

    name: str
    icon: str
    tone: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Overview:
    """A source with what its pages tell about it. `hours` are those with something, oldest first."""

    source: Source
    provider: Provider | None
    last_at: datetime | None
    failed: int
    hours: Sequence[SourceHour]
    now: datetime

    @property
    def provider_name(self) -> str:
        return self.provider.name if self.provider else self.source.provider

    @property
    def missing(self) -> list[SecretField]:
        """Secrets without which every request is refused."""
        return missing(self.provider, self.source.secrets) if self.provider else []

    @property
    def secrets(self) -> list[tuple[SecretField, bool]]:
        """The secrets a source of this provider may hold, and whether this one holds them."""
        held = self.source.secrets
        return [(field, bool(held.get(field.name))) for field in (self.provider.secrets if self.provider else ())]

    def since(self, moment: datetime) -> list[SourceHour]:
        return [hour for hour in self.hours if hour.starts_at >= silence.hour_of(moment)]

    @property
    def this_hour(self) -> int:
        """Events since the clock last struck the hour."""
        return sum(hour.events for hour in self.since(self.now))

    @property
    def last_day(self) -> int:
        """Events in the last 24 clock hours, this one among them."""
        return sum(hour.events for hour in self.lately)

    @property
    def lately(self) -> list[SourceHour]:
        return self.since(self.now - timedelta(hours=HOURS_SHOWN - 1))

    @property
    def duplicates(self) -> int:
        return sum(hour.duplicates for hour in self.lately)

    @property
    def wait(self) -> str:
        """How long requests waited here until they were read, on average over the last day, in words."""
        requests = sum(hour.requests for hour in self.lately)
        return _mean(sum(hour.waited_ms for hour in self.lately), requests)

    @property
    def lateness(self) -> str:
        """How long after they occurred events arrived here, on average over the last day, in words."""
        return _mean(sum(hour.late_ms for hour in self.lately), self.last_day)

    @property
    def states(self) -> list[State]:
        """What there is to say of the source, the most telling first; never empty."""
        troubles = [state for state in (self._off(), self._missing(), self._failed()) if state]
        refuses = not self.source.enabled or self.provider is None or self.missing
        return troubles if refuses else [*troubles, self._flow()]

    def _off(self) -> State | None:
        if self.source.enabled:
            return None
        return State("off", "player-pause", "secondary", _("Switched off: requests are refused."))

    def _missing(self) -> State | None:
        if self.provider is None:
            return State(
                "unknown", "help-circle", "red", _("This version does not know the provider: requests are refused.")
            )
        if not self.missing:
            return None
        labels = ", ".join(str(field.label) for field in self.missing)
        return State(
            "incomplete", "key", "red", _("Requests are refused until you add: %(labels)s.") % {"labels": labels}
        )

    def _failed(self) -> State | None:
        if not self.failed:
            return None
        sentence = ngettext(
            "%(n)s request could not be read.", "%(n)s requests could not be read.", self.failed
        ) % {"n": number_format(self.failed)}  # fmt: skip
        return State("failed", "alert-triangle", "orange", sentence)

    def _flow(self) -> State:
        if self.last_at is None:
            return State("waiting", "clock", "azure", _("Waiting for the first request."))
        requests = {hour.starts_at: hour.requests for hour in self.hours}
        fell_silent = silence.silence(requests, self.last_at, self.now)
        if fell_silent:
            told = {"lasts": in_words(fell_silent.lasts), "usual": every(fell_silent.usual)}
            return State(
                "silent", "alert-triangle", "red", _("Silent for %(lasts)s: usually a request %(usual)s.") % told
            )
        if self.now - self.last_at <= LATELY:
            return State("receiving", "circle-check", "green", _("Receiving."))
        told = {"ago": in_words(self.now - self.last_at)}
        return State("quiet", "clock", "secondary", _("Quiet: the last request came %(ago)s ago.") % told)


def missing(provider: Provider, secrets: dict[str, str]) -> list[SecretField]:
    """The required secrets of the provider that the source has not got."""
    return [field for field in provider.secrets if field.required and not secrets.get(field.name)]


def _mean(sum_ms: int, count: int) -> str:
    return in_words(timedelta(milliseconds=sum_ms / count)) if count else ""


def overviews(sources: SourceQuerySet, now: datetime) -> list[Overview]:
    """What there is to tell of these sources, in three queries however many they are.

    Indexes: feeds_inbox_source, feeds_source_hour's primary key, feeds_inbox_due_failed.
    """
    newest = InboxRow.objects.filter(source_id=OuterRef("pk")).order_by("-id").values("received_at")[:1]
    found = list(sources.annotate(last_at=Subquery(newest)))
    ids = [source.id for source in found]
    hours: dict[int, list[SourceHour]] = defaultdict(list)
    recent = SourceHour.objects.filter(source_id__in=ids, starts_at__gte=silence.hour_of(now - silence.KEPT))
    for hour in recent.order_by("source_id", "starts_at"):
        hours[hour.source_id].append(hour)
    unread = InboxDue.objects.filter(source_id__in=ids, failed_at__isnull=False).values("source_id")
    failed = dict(unread.annotate(n=Count("inbox_id")).values_list("source_id", "n"))
    return [
        Overview(
            source, providers.PROVIDERS.get(source.provider), getattr(source, "last_at", None),
            failed.get(source.id, 0), hours[source.id], now,
        )
        for source in found
    ]  # fmt: skip


def standings(access: Access, now: datetime) -> list[Standing]:
    """How the account's sources do, for the overview of its emails."""
    return [
        Standing(
            found.source.name, reverse("source", args=[access.account.slug, found.source.id]), found.states,
            found.lateness, found.wait,
        )
        for found in overviews(Source.objects.of(access), now)
    ]  # fmt: skip
