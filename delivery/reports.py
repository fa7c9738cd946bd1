"""What a mail that came back reports, and the parts of it that say so by a standard.

RFC 3464 (delivery reports), 6522 (how they are packed), 6533 (in other scripts), 5965 (complaints), 8098 (receipts).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from delivery.mailparts import Headers, Part, cut_header
from feeds.replies import Judgement, classify, enhanced_code

if TYPE_CHECKING:
    from collections.abc import Iterable


class Kind(StrEnum):
    """What a mail is about."""

    BOUNCE = "bounce"
    DELAY = "delay"
    DELIVERED = "delivered"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    UNSUBSCRIBE = "unsubscribe"
    RECEIPT = "receipt"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Told:
    """What a report says of one recipient. `action` is failed, delayed, delivered, relayed or expanded (RFC 3464).

    `original` is the address the email was sent to where it was passed on to another; `stage` is "rcpt" or "data", the
    command that was answered, or "" where that is not known.
    """

    address: str
    action: str = "failed"
    status: str = ""
    diagnostic: str = ""
    remote: str = ""
    original: str = ""
    stage: str = ""

    @property
    def judgement(self) -> Judgement:
        """What the server's answer comes to. Where nothing says that it was for the recipient, it was for the contents:
        a report is second-hand, and in doubt nobody is suppressed.
        """
        status = "" if self.status == "5.0.0" else self.status
        return classify("", status, self.diagnostic or self.status, stage=self.stage or "data")


@dataclass(frozen=True, slots=True)
class Report:
    """What a mail reports. `by` names the reader that understood it, `feedback` is the type of a complaint.

    `original` is the header of the email it is about, as far as it came back; `envelope_id` what we called it (ENVID).
    `headers` are the report's own.
    """

    kind: Kind
    by: str = ""
    recipients: tuple[Told, ...] = ()
    original: Headers = field(default_factory=Headers)
    envelope_id: str = ""
    feedback: str = ""
    text: str = ""
    headers: Headers = field(default_factory=Headers)


ADDRESS = r"(?:\"[^\"\n]{1,64}\"|[^\s<>()\[\]\"',;:@|][^\s<>()\[\]\",;:@|]{0,127})@[\w](?:[\w.-]{0,250}\w)?"
_ADDRESS = re.compile(ADDRESS)
_FIELD = re.compile(r"^[ \t>]{0,4}([A-Za-z][\w-]{2,40}):[ \t]*(.*)$")
_COMMENT = re.compile(r"\s*\([^()]*\)\s*")
MOST_DIAGNOSTIC = 2000
MOST_RECIPIENTS = 5000
ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")
SUCCESSES = ("delivered", "relayed", "expanded")
STATUS_KINDS = ("message/delivery-status", "message/global-delivery-status")
ORIGINAL_KINDS = (
    "message/rfc822", "message/global", "text/rfc822-headers", "text/rfc822-header", "message/rfc822-headers",
    "message/global-headers", "text/rfc822", "text/rfc822-headers-only",
)  # fmt: skip


def bare(value: str) -> str:
    """The address in a field like "rfc822; <someone@example.com> (Someone)", in lower case, or ""."""
    given = value.rpartition(";")[2] if re.match(r"\s*[\w-]+\s*;", value) else value
    found = _ADDRESS.search(given)
    return found[0].strip(".").lower() if found else ""


def groups(text: str) -> list[dict[str, str]]:
    """The groups of fields in a delivery report; the first one may be about the message as a whole.

    An empty line ends a group, and so does a second recipient, as some write them all in one.
    """
    found: list[dict[str, str]] = [{}]
    last = ""
    for line in text.split("\n"):
        match = _FIELD.match(line)
        if not line.strip():
            last = ""
            if found[-1]:
                found.append({})
        elif match and not (last and line[:1] in " \t"):
            last = match[1].lower()
            if last == "final-recipient" and last in found[-1]:
                found.append({})
            found[-1].setdefault(last, match[2].strip())
        elif last and len(found[-1][last]) < MOST_DIAGNOSTIC:
            found[-1][last] += " " + line.strip()
    return [group for group in found if group]


def statuses(fields: Iterable[dict[str, str]]) -> list[Told]:
    """What these groups of a delivery report say of each recipient."""
    return [told for group in fields if (told := _status(group))][:MOST_RECIPIENTS]


def _status(group: dict[str, str]) -> Told | None:
    final, original = bare(group.get("final-recipient", "")), bare(group.get("original-recipient", ""))
    actual = bare(group.get("x-actual-recipient", ""))
    address = final or actual or original
    if not address:
        return None
    status = enhanced_code(group.get("status", ""))
    said = re.match(r"\s*([a-z]+)", group.get("action", "").lower())
    action = said[1] if said and said[1] in ACTIONS else _action(status)
    diagnostic = re.sub(r"^\s*[\w-]{1,40}\s*;\s*", "", group.get("diagnostic-code", ""))
    remote = group.get("remote-mta", "").rpartition(";")[2].strip()
    other = next((one for one in (original, actual) if one not in ("", address)), "")
    return Told(address, action, status, diagnostic.strip(), _COMMENT.sub("", remote), other)


def _action(status: str) -> str:
    return {"2": "delivered", "4": "delayed"}.get(status[:1], "failed")


def of_statuses(told: list[Told]) -> Kind:
    """What a delivery report with these recipients is."""
    actions = {one.action for one in told}
    if "failed" in actions:
        return Kind.BOUNCE
    return Kind.DELAY if "delayed" in actions else Kind.DELIVERED


def original_of(parts: list[Part]) -> Headers:
    """The header of the email that was returned, where it came in a part of its own."""
    for part in parts:
        if part.kind in ORIGINAL_KINDS:
            found = cut_header(part.text.encode(errors="replace").lstrip(b"\n"))[0]
            if found:
                return found
    return Headers()
