"""What DNS must say of a sender's domain, and what it says: the records people make, and a look at them."""

from __future__ import annotations

import base64
import binascii
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from delivery import proofs, resolver, spf
from delivery.models import SenderDomain, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

TAG = re.compile(r"\s*([a-z]+)\s*=\s*([^;]*?)\s*(?:;|$)", re.IGNORECASE)
LONGEST_SHOWN = 1000
FINE, WRONG, AT_ONCE = timedelta(days=1), timedelta(hours=1), 10
CLAIM = """
update delivery_senderdomain set checked_at = %(now)s where id in (
    select id from delivery_senderdomain
    where checked_at is null or checked_at < %(day)s
        or checked_at < %(hour)s and jsonb_path_exists(checks, '$.*.ok ? (@ == false)')
    order by checked_at nulls first limit %(most)s for update skip locked)
returning id
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A record to be made. `key` is what it is for; without `needed` mail arrives, only not as well."""

    key: str
    kind: str
    name: str
    value: str
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a record: `why` is a word of `delivery.findings`, which makes a sentence of it."""

    ok: bool
    why: str
    found: str = ""

    def as_json(self, record: Record) -> dict[str, Any]:
        return {"ok": self.ok, "why": self.why, "found": self.found[:LONGEST_SHOWN], "wanted": record.value}


def records_of(domain: SenderDomain) -> list[Record]:
    """The records of this domain, in the order they matter."""
    host = settings.SMTP_HOSTNAME
    return_path = domain.return_path
    found = [
        Record("dkim", "TXT", f"{domain.selector}._domainkey.{domain.name}", f"v=DKIM1; k=rsa; p={domain.public_key}"),
        Record("spf", "TXT", return_path or domain.name, _spf(domain)),
        Record("dmarc", "TXT", f"_dmarc.{domain.name}", "v=DMARC1; p=none"),
    ]
    if return_path:
        found.append(Record("return_path", "MX", return_path, f"10 {host}"))
    if domain.tracking_host:
        public = urlsplit(settings.LIVEFEEDS_URL).hostname or host
        found.append(Record("tracking", "CNAME", domain.tracking_host, public))
    return [record for record in found if record.key != "dkim" or domain.public_key]


def _spf(domain: SenderDomain) -> str:
    """Who may send: this server, or where it goes out by somebody else's, whatever that one asks for."""
    if is_relayed(domain):
        return ""
    return f"v=spf1 a:{settings.SMTP_HOSTNAME} ~all"


def is_relayed(domain: SenderDomain) -> bool:
    """Whether the domain's mail leaves by another server than this one."""
    transport = domain.transport
    if transport is None or not transport.enabled:
        usual = Transport.objects.filter(account_id=domain.account_id, is_default=True, enabled=True)
        transport = usual.defer("secrets").first()
    return transport is not None and transport.kind != Transport.Kind.MX


def look(domain: SenderDomain, now: datetime) -> None:
    """Look all of them up, and keep what was found; the account's key proves that the domain is its own."""
    domain.checks, domain.checked_at = check(domain), now
    SenderDomain.objects.filter(id=domain.id).update(checks=domain.checks, checked_at=now)
    proofs.note(domain, now)


def look_again(now: datetime) -> int:
    """Look after domains nobody looked after for a day, or for an hour where something is wrong; returns how many.

    A few at a time, each of them claimed before: a second one who comes at the same time takes others.
    """
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"now": now, "day": now - FINE, "hour": now - WRONG, "most": AT_ONCE})
        claimed = [domain_id for (domain_id,) in cursor.fetchall()]
    domains = SenderDomain.objects.filter(id__in=claimed).select_related("transport")
    for domain in domains.defer("private_key", "transport__secrets"):
        look(domain, now)
    return len(claimed)


def check(domain: SenderDomain) -> dict[str, dict[str, Any]]:
    """Look all of them up, afresh and at once; for `SenderDomain.checks`. Takes some seconds."""
    records = records_of(domain)
    relayed = is_relayed(domain)
    with ThreadPoolExecutor(len(records), "dns") as pool:
        findings = pool.map(lambda record: _look(record, relayed), records)
        return {
            record.key: finding.as_json(record) | _kept(domain, record, finding)
            for record, finding in zip(records, findings, strict=True)
        }


def _kept(domain: SenderDomain, record: Record, finding: Finding) -> dict[str, Any]:
    """While nobody answers, what was right before counts as right."""
    before = domain.checks.get(record.key, {})
    return {"ok": True} if finding.why == "silent" and before.get("ok") else {}


def _look(record: Record, relayed: bool) -> Finding:
    looks: dict[str, Callable[[Record], Finding]] = {
        "dkim": _dkim,
        "spf": lambda record: _sender_policy(record, relayed),
        "dmarc": _dmarc,
        "return_path": _return_path,
        "tracking": _tracking,
    }
    try:
        return looks[record.key](record)
    except resolver.NoSuchName:
        return Finding(False, "missing")
    except resolver.NoAnswer as error:
        return Finding(False, "silent", str(error))


def _texts(name: str, begins: str) -> list[str]:
    """The texts of a name that begin so; none where the name does not exist."""
    try:
        found = resolver.look_up(name, "TXT", afresh=True)
    except resolver.NoSuchName:
        return []
    return [text for text in found if text.lower().replace(" ", "").startswith(begins)]


def tags(text: str) -> dict[str, str]:
    """The tags of a record such as v=DKIM1; p=..."""
    return {name.lower(): value for name, value in TAG.findall(text)}


def _dkim(record: Record) -> Finding:
    found = [text for text in resolver.look_up(record.name, "TXT", afresh=True) if "p=" in text.replace(" ", "")]
    if not found:
        return Finding(False, "missing")
    wanted = _key(tags(record.value)["p"])
    if any(_key(tags(text).get("p", "")) == wanted for text in found):
        return Finding(len(found) == 1, "good" if len(found) == 1 else "several", "\n".join(found))
    return Finding(False, "other_key", "\n".join(found))


def _key(text: str) -> bytes:
    try:
        return base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except (binascii.Error, ValueError):
        return text.encode()


def _sender_policy(record: Record, relayed: bool) -> Finding:
    found = _texts(record.name, "v=spf1")
    if len(found) != 1:
        return Finding(False, "several" if found else "missing", "\n".join(found))
    if relayed:
        return Finding(True, "theirs", found[0])
    verdict = spf.allows(record.name, resolver.addresses(settings.SMTP_HOSTNAME))
    return Finding(verdict == "pass", {"pass": "good", "error": "broken"}.get(verdict, "not_allowed"), found[0])


def _dmarc(record: Record) -> Finding:
    """The record of the domain, or of the nearest one above it that has one (RFC 7489, 6.6.3)."""
    labels = record.name.removeprefix("_dmarc.").split(".")
    for n in range(len(labels) - 1):
        found = _texts(f"_dmarc.{'.'.join(labels[n:])}", "v=dmarc1")
        if len(found) > 1:
            return Finding(False, "several", "\n".join(found))
        if found:
            policy = tags(found[0]).get("p", "")
            good = policy.lower() in ("none", "quarantine", "reject")
            return Finding(good, ("good" if n == 0 else "above") if good else "broken", found[0])
    return Finding(False, "missing")


def _return_path(record: Record) -> Finding:
    hosts = [host.partition(" ")[2].rstrip(".").lower() for host in resolver.look_up(record.name, "MX", afresh=True)]
    return _leads_here(hosts, settings.SMTP_HOSTNAME) if hosts else Finding(False, "missing")


def _tracking(record: Record) -> Finding:
    aliases = [host.rstrip(".").lower() for host in resolver.look_up(record.name, "CNAME", afresh=True)]
    return _leads_here(aliases or [record.name], record.value, shown="\n".join(aliases))


def _leads_here(hosts: Sequence[str], here: str, shown: str | None = None) -> Finding:
    """Whether one of these hosts is this server, by its name or its addresses."""
    told = "\n".join(hosts) if shown is None else shown
    if here.lower() in hosts:
        return Finding(True, "good", told)
    ours = set(_addresses(here))
    theirs = [address for host in hosts for address in _addresses(host)]
    if ours & set(theirs):
        return Finding(True, "good", told or "\n".join(theirs))
    return Finding(False, "elsewhere" if theirs or told else "missing", told or "\n".join(theirs))


def _addresses(host: str) -> list[str]:
    try:
        return resolver.addresses(host)
    except resolver.NoSuchName:
        return []
