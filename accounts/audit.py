"""Who changed what of an account. Whoever changes something says so here, in the transaction of the change."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from accounts.models import ApiKey, AuditEntry, Role, Scope, User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from django.db.models import QuerySet
    from django.utils.functional import _StrPromise

    from accounts.access import Access
    from accounts.models import Account

type Actor = User | ApiKey | None
PAGE = 50

# What was done, as it reads behind the name of who did it.
_sentences: dict[str, _StrPromise] = {
    "account.changed": gettext_lazy("changed the account's settings"),
    "account.disabled": gettext_lazy("disabled the account"),
    "account.enabled": gettext_lazy("enabled the account"),
    "account.opened": gettext_lazy("opened the account"),
    "credits.added": gettext_lazy("added %(subject)s credits"),
    "credits.removed": gettext_lazy("took away %(subject)s credits"),
    "key.created": gettext_lazy("made the API key “%(subject)s”"),
    "key.revoked": gettext_lazy("revoked the API key “%(subject)s”"),
    "member.added": gettext_lazy("let %(subject)s in"),
    "member.created": gettext_lazy("created %(subject)s and let them in"),
    "member.changed": gettext_lazy("changed the role of %(subject)s"),
    "member.removed": gettext_lazy("removed %(subject)s from the account"),
    "source.added": gettext_lazy("added the source “%(subject)s”"),
    "source.changed": gettext_lazy("changed the source “%(subject)s”"),
    "source.readdressed": gettext_lazy("gave the source “%(subject)s” a new address"),
    "source.deleted": gettext_lazy("deleted the source “%(subject)s”"),
}
_labels: dict[str, _StrPromise] = {
    "content_days": gettext_lazy("content kept for days"),
    "disabled_reason": gettext_lazy("why it is disabled"),
    "enabled": gettext_lazy("enabled"),
    "expires_at": gettext_lazy("expires"),
    "is_metered": gettext_lazy("limited by credits"),
    "name": gettext_lazy("name"),
    "networks": gettext_lazy("networks"),
    "note": gettext_lazy("note"),
    "prefix": gettext_lazy("begins with"),
    "provider": gettext_lazy("provider"),
    "retention_days": gettext_lazy("retention in days"),
    "role": gettext_lazy("role"),
    "scopes": gettext_lazy("scopes"),
    "secrets": gettext_lazy("secrets"),
    "time_zone": gettext_lazy("time zone"),
}
# What is kept as a number or word that people read as another word.
_words: dict[str, Callable[[Any], str]] = {
    "role": lambda value: str(Role(value).label),
    "scopes": lambda value: str(Scope(value).label),
    "secrets": lambda _value: _("changed"),
}


def describe(sentences: Mapping[str, _StrPromise], labels: Mapping[str, _StrPromise] | None = None) -> None:
    """Say how an app's actions read (lazy; %(subject)s is the subject), and its details. Called when it is loaded."""
    _sentences.update(sentences)
    _labels.update(labels or {})


def note(
    account: Account, actor: Actor, action: str, subject: str = "", details: Mapping[str, Any] | None = None
) -> None:
    """Keep that `actor` (None: the installation itself) did this, in the caller's transaction.

    `details` are JSON facts by name; `changes` makes those of a change. Never put secrets there.
    """
    AuditEntry.objects.create(
        account=account,
        user=actor if isinstance(actor, User) else None,
        key=actor if isinstance(actor, ApiKey) else None,
        actor_name=_name(actor),
        action=action,
        subject=subject[:300],
        details=dict(details or {}),
    )


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """For `details`: what becomes another value, by name."""
    pairs = {name: {"before": _plain(before.get(name)), "after": _plain(value)} for name, value in after.items()}
    return {name: pair for name, pair in pairs.items() if pair["before"] != pair["after"]}


def _name(actor: Actor) -> str:
    if actor is None:
        return ""
    return actor.get_username() if isinstance(actor, User) else str(actor)[:150]


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | list | None) else str(value)


# ---- Read back --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fact:
    """One detail of an entry: its name, and its value, or what it was before and is now."""

    label: str
    value: str
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as people read it."""

    entry: AuditEntry
    actor: str
    sentence: str
    facts: list[Fact]


@dataclass(frozen=True, slots=True)
class Page:
    """The newest entries below a place in the log, and from where on older ones stand (None: there are none)."""

    lines: list[Line]
    older: int | None


def page(access: Access, *, action: str = "", actor: str | None = None, before: int | None = None) -> Page:
    """A page of the account's log: of one action, of one actor's name ("": the installation), or of all."""
    found: QuerySet[AuditEntry] = AuditEntry.objects.of(access)
    if action:
        found = found.filter(action=action)
    if actor is not None:
        found = found.filter(actor_name=actor)
    if before is not None:
        found = found.filter(id__lt=before)
    entries = list(found.order_by("-id")[: PAGE + 1])
    return Page([line(entry) for entry in entries[:PAGE]], entries[PAGE - 1].id if len(entries) > PAGE else None)


def line(entry: AuditEntry) -> Line:
    sentence = _sentences.get(entry.action)
    told = str(sentence) % {"subject": entry.subject} if sentence else f"{entry.action} {entry.subject}".strip()
    facts = [_fact(name, value) for name, value in entry.details.items()]
    return Line(entry, entry.actor_name or installation(), told, facts)


def installation() -> str:
    """What the installation is called as an actor."""
    return pgettext("actor", "the installation")


def actions() -> list[tuple[str, str]]:
    """All actions there are, with their sentences, in the order of the words."""
    told = {action: str(sentence) % {"subject": "…"} for action, sentence in _sentences.items()}
    return sorted(told.items(), key=lambda pair: pair[0])


def actors(access: Access) -> list[str]:
    """The names of those who may have done something: members and keys of the account."""
    people = User.objects.filter(membership__account=access.account).order_by("username")
    keys: Iterable[ApiKey] = ApiKey.objects.of(access).order_by("-id")[:200]
    return [*(person.get_username() for person in people), *(_name(key) for key in keys)]


def _fact(name: str, value: Any) -> Fact:
    label = str(_labels.get(name, name))
    if isinstance(value, dict) and value.keys() == {"before", "after"}:
        return Fact(label, _said(name, value["after"]), _said(name, value["before"]))
    return Fact(label, _said(name, value))


def _said(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_said(name, one) for one in value) or _("none")
    if value is None or value == "":
        return _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    with suppress(ValueError):  # a word that a later version does not know any more
        return _words.get(name, str)(value)
    return str(value)
