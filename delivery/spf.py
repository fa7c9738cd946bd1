"""Whether a domain's sender policy (SPF, RFC 7208) lets this server send: as much of it as that question needs."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from delivery import resolver

if TYPE_CHECKING:
    from collections.abc import Sequence

# RFC 7208, 4.6.4.
MOST_LOOKUPS = 10
RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


class _Broken(Exception):
    """The policy is wrong, and counts as none with servers that look at it."""


def allows(domain: str, addresses: Sequence[str]) -> str:
    """What the policy of `domain` says of mail from these addresses: the worst of pass, neutral, softfail, fail, none
    and error. Raises NoAnswer."""
    order = ("error", "none", "fail", "softfail", "neutral", "pass")
    try:
        results = [_Check(address).of(domain) for address in addresses]
    except _Broken:
        return "error"
    return min(results, key=order.index, default="none")


class _Check:
    """One address, and how much was looked up for it."""

    def __init__(self, address: str) -> None:
        self.address = ip_address(address)
        self.lookups = 0

    def of(self, domain: str) -> str:
        policies = [text for text in _records(domain, "TXT") if text.lower().split(" ")[0] == "v=spf1"]
        if len(policies) != 1:
            if policies:
                raise _Broken
            return "none"
        redirect = ""
        for term in policies[0].split()[1:]:
            sign = term[0] if term[0] in RESULTS else "+"
            name, _colon, value = term.lstrip("+-~?").partition("=" if term.lower().startswith("redirect=") else ":")
            name, _slash, bits = name.lower().partition("/")
            if name == "redirect":
                redirect = value
            elif "=" not in name and self._matches(name, value or (f"/{bits}" if bits else ""), domain):
                return RESULTS[sign]
        if redirect:
            self._count()
            return self.of(redirect)
        return "neutral"

    def _matches(self, name: str, value: str, domain: str) -> bool:
        if name == "all":
            return True
        if name in ("ip4", "ip6"):
            return self._is_in(value)
        if name not in ("a", "mx", "include", "exists", "ptr"):
            raise _Broken
        self._count()
        if "%" in value or name in ("exists", "ptr"):
            return False  # macros ask for what is not known before a mail is under way
        target, _slash, bits = value.partition("/")
        target = target or domain
        if name == "include":
            found = self.of(target)
            if found == "none":
                raise _Broken
            return found == "pass"
        hosts = (
            [record.partition(" ")[2].rstrip(".") for record in _records(target, "MX")] if name == "mx" else [target]
        )
        width = bits.partition("/")[0]
        return any(
            self._is_in(f"{address}/{width}" if width and ":" not in address else address)
            for host in hosts
            for address in _addresses(host)
        )

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise _Broken

    def _is_in(self, network: str) -> bool:
        try:
            return self.address in ip_network(network, strict=False)
        except ValueError:
            raise _Broken from None


def _records(name: str, kind: str) -> Sequence[str]:
    try:
        return resolver.look_up(name, kind, afresh=True)
    except resolver.NoSuchName:
        return ()


def _addresses(host: str) -> list[str]:
    try:
        return resolver.addresses(host)
    except resolver.NoSuchName:
        return []
