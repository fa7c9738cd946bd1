"""Complaints: somebody pressed "this is spam". RFC 5965, and what is sent in its place."""

from __future__ import annotations

import re

from delivery.mailparts import Headers, Part
from delivery.reports import Kind, Report, Told, bare, groups, original_of

_SUBJECT = re.compile(
    r"complaint about (?:message|e-?mail)|abuse (?:report|complaint)|spam (?:report|complaint)|"
    r"feedback (?:loop|report)|e?mail (?:abuse|feedback) report",
    re.IGNORECASE,
)
# Put in front of the returned mail by those who hide the address in it.
_REPORTED = ("x-hmxmroriginalrecipient", "x-original-recipient", "x-rcpt-to", "delivered-to")
# Types that are no complaint: RFC 6430 takes one back, RFC 6591 tells that a proof failed.
NO_COMPLAINT = frozenset({"not-spam", "auth-failure", "dmarc"})


def complaint(headers: Headers, parts: list[Part]) -> Report | None:
    """A report of feedback, with its type; None where this is none."""
    for part in parts:
        if part.kind == "message/feedback-report" or (
            part.kind == "text/plain" and part.text.lstrip()[:40].lower().startswith("feedback-type:")
        ):
            return _standard(groups(part.text), parts)
    if _SUBJECT.search(headers.first("subject")):
        original = original_of(parts)
        if original:
            names = [bare(value) for value in original.every(*_REPORTED)] or _addressed(original)
            told = tuple(Told(name) for name in dict.fromkeys(names) if name)
            return Report(Kind.COMPLAINT, "complaint", told, original, feedback="abuse")
    return None


def _standard(fields: list[dict[str, str]], parts: list[Part]) -> Report:
    """RFC 5965. The recipient is often left out, and then only the returned header tells which email it is about."""
    merged = {name: value for group in reversed(fields) for name, value in group.items()}
    original = original_of(parts)
    named = [bare(merged.get(name, "")) for name in ("original-rcpt-to", "removal-recipient")]
    names = [name for name in named if name] or _addressed(original)
    feedback = re.sub(r"[^a-z-]", "", merged.get("feedback-type", "").lower())[:40] or "abuse"
    told = tuple(Told(name) for name in dict.fromkeys(names))
    return Report(Kind.COMPLAINT, "rfc5965", told, original, merged.get("original-envelope-id", ""), feedback)


def _addressed(original: Headers) -> list[str]:
    """The one whom the returned mail was for, where it was for one alone."""
    given = original.every("to")
    names = [bare(value) for value in given]
    return [name for name in names if name] if len(given) == 1 and given[0].count("@") == 1 else []
