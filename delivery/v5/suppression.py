"""POST, DELETE and GET /v5/suppression: the account's list, as programs keep it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import audit
from accounts.keys import Scope
from delivery.faults import invalid, missing
from delivery.orders import Refused
from delivery.v5 import answers, body
from delivery.v5.door import door
from suppression import causes, checking, removing, targets
from suppression.models import Covers, How, Origin, Reason, Suppression

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest, HttpResponse

    from accounts.keys import KeyAccess
    from delivery.orders import Fault
    from suppression.targets import Target

# As Netcore's v6 has it; v5 names no limit.
MOST = 1000
# So many are named in the audit log.
NAMED = 20
LONGEST_SHOWN = 100
PAGE = 100
WORDS = {
    Reason.HARD_BOUNCE: "hard_bounce", Reason.SPAM: "spam", Reason.UNSUBSCRIBED: "unsubscribed",
    Reason.MANUAL: "manual", Reason.INVALID: "invalid",
}  # fmt: skip
COVERED = {
    Covers.ADDRESS: "address", Covers.DOMAIN: "domain", Covers.SUBDOMAINS: "subdomains", Covers.PATTERN: "pattern",
}  # fmt: skip
DOMAINS = (Covers.DOMAIN, Covers.SUBDOMAINS)


@door(Scope.SUPPRESS, "POST", "DELETE", "GET")
def suppression(request: HttpRequest, access: KeyAccess, now: datetime) -> HttpResponse:
    """Put addresses and domains on the list, take them off, or list what is on it: 200. 400 with every value that is
    wrong, and then nothing was done; and what the door says."""
    if request.method == "GET":
        return _listed(request, access)
    named = _read(body.parse(body.read(request)))
    return _add(access, named, now) if request.method == "POST" else _take_off(access, named)


def _add(access: KeyAccess, named: list[Target], now: datetime) -> HttpResponse:
    key = access.key
    with transaction.atomic():
        added = causes.add(
            causes.Cause(
                account_id=access.account.id, target=target, reason=Reason.MANUAL, origin=Origin.KEY,
                ident=f"k{key.id}", at=now, added_at=now, key_id=key.id, actor_name=str(key)[:150],
            )
            for target in named
        )  # fmt: skip
        if added.entries:
            audit.note(access.account, key, "suppression.added", _subject(named), {"entries": added.entries})
    return answers.done(200, {"added": added.entries, "known": len(named) - added.entries})


def _take_off(access: KeyAccess, named: list[Target]) -> HttpResponse:
    """Whatever the reasons: who takes an address off the list wants to mail it. What was not on it is no error."""
    account, key = access.account, access.key
    texts = [target.text for target in named]
    with transaction.atomic():
        # Index: suppression_one_per_reason. At most one for each reason: `removing.STEP` of them.
        entries = list(Suppression.objects.filter(account=account, target__in=texts).values_list("id", flat=True))
        gone = removing.take_off(removing.begin(account.id, How.KEY, key), entries) if entries else 0
        if gone:
            audit.note(account, key, "suppression.removed", _subject(named), {"entries": gone})
        rules = checking.rules(account.id, [t.text for t in named if t.covers == Covers.ADDRESS])
    first = {address: several[0] for address, several in sorted(rules.items())}
    still = {address: rule.sentence if rule.is_everywhere else str(rule) for address, rule in first.items()}
    return answers.done(200, {"removed": gone, "still_suppressed": still})


def _subject(named: list[Target]) -> str:
    """The first of them, for the audit log."""
    return ", ".join(str(target) for target in named[:NAMED]) + (", …" if len(named) > NAMED else "")


# ---- What is asked ----------------------------------------------------------------------------------------


def _read(asked: dict[str, Any]) -> list[Target]:
    """The addresses and domains of a request, each once. Raises Refused with each value that is none."""
    faults: list[Fault] = []
    values = [(field, value) for field in ("email", "domain") for value in _values(asked, field, faults)]
    if len(values) > MOST:
        sentence = _("A request may name %(most)d addresses and domains, and this one has %(n)d.")
        faults = [invalid("email", sentence % {"most": MOST, "n": len(values)})]
    elif not values and not faults:
        faults.append(missing("email", _("Name at least one address in email, or one domain in domain.")))
    if faults:
        raise Refused(faults)
    found: dict[str, Target] = {}
    for field, value in values:
        try:
            target = _target(field, value)
        except targets.NotATarget as error:
            shown, told = value[:LONGEST_SHOWN], str(error)
            faults.append(invalid(field, told if shown in told else f"{shown}: {told}"))
        else:
            found[target.text] = target
    if faults:
        raise Refused(faults)
    return list(found.values())


def _values(asked: dict[str, Any], field: str, faults: list[Fault]) -> Iterator[str]:
    """The values between the commas, or those of a list."""
    told = asked.get(field)
    if told is None:
        return
    listed = told if isinstance(told, list) else [told]
    if not all(isinstance(value, str) for value in listed):
        faults.append(invalid(field, _("It must be a text, of several values with commas between them.")))
        return
    yield from (value.strip() for one in listed for value in one.split(",") if value.strip())


def _target(field: str, value: str) -> Target:
    target = targets.read(value)
    if field == "email" and target.covers in DOMAINS:
        raise targets.NotATarget(_("It is a domain. Send it in the field “domain”."))
    if field == "domain" and target.covers not in DOMAINS:
        raise targets.NotATarget(_("It is no domain. Send addresses in the field “email”."))
    if target.covers == Covers.PATTERN:
        raise targets.NotATarget(_("Patterns are added on the page Suppressions."))
    return target


# ---- The list ---------------------------------------------------------------------------------------------


def _listed(request: HttpRequest, access: KeyAccess) -> HttpResponse:
    """The newest first, a page at a time. Index: suppression_newest, or with a target suppression_one_per_reason."""
    found = Suppression.objects.filter(account=access.account)
    if told := request.GET.get("email") or request.GET.get("domain"):
        field = "email" if request.GET.get("email") else "domain"
        found = found.filter(target__in=[target.text for target in _read({field: told})])
    if told := request.GET.get("after"):
        at, entry_id = _place(told)
        found = found.filter(Q(added_at__lt=at) | Q(added_at=at, id__lt=entry_id), added_at__lte=at)
    limit = _limit(request.GET.get("limit") or str(PAGE))
    rows = list(found.order_by("-added_at", "-id")[: limit + 1])
    last = rows[limit - 1] if len(rows) > limit else None
    after = f"{last.added_at.isoformat()}~{last.id}" if last else None
    return answers.done(200, {"entries": [_row(row) for row in rows[:limit]], "after": after})


def _row(entry: Suppression) -> dict[str, Any]:
    return {
        "target": targets.shown(entry.target, entry.covers), "covers": COVERED[Covers(entry.covers)],
        "reason": WORDS[Reason(entry.reason)], "since": entry.since.isoformat(),
        "until": entry.until.isoformat() if entry.until else None, "added_at": entry.added_at.isoformat(),
    }  # fmt: skip


def _limit(told: str) -> int:
    if not (told.isascii() and told.isdecimal() and len(told) < 9 and 1 <= int(told) <= MOST):
        raise Refused([invalid("limit", _("It must be a number from 1 to %(most)d.") % {"most": MOST})])
    return int(told)


def _place(told: str) -> tuple[datetime, int]:
    at, _mark, entry_id = told.replace(" ", "+").partition("~")
    try:
        moment, number = datetime.fromisoformat(at), int(entry_id)
    except ValueError:
        moment, number = datetime.min, 0  # noqa: DTZ901  # refused at once
    if moment.tzinfo is None or not 0 <= number < 2**63:
        raise Refused([invalid("after", _("It must be what “after” said in the answer before."))])
    return moment, number
