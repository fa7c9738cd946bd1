"""Reports that are JSON in a mail: what Amazon's notification service sends to an address instead of a webhook."""

from __future__ import annotations

import json
import re
from typing import Any

from delivery.mailparts import Headers, Part, parse_header
from delivery.reports import Kind, Report, Told, bare

_KINDS = {"bounce": Kind.BOUNCE, "complaint": Kind.COMPLAINT, "delivery": Kind.DELIVERED}
_WRAPPED = re.compile(r"!?\n\s?")


def notice(_headers: Headers, parts: list[Part]) -> Report | None:
    """The bounce, complaint or delivery that the text of this mail holds as JSON; None where it holds none."""
    for part in parts[:3]:
        text = part.text.lstrip()
        if text.startswith("{") and "mail" in text:
            return _told(_record(text))
    return None


def _record(text: str) -> dict[str, Any]:
    for candidate in (text, _WRAPPED.sub("", text), _WRAPPED.sub(" ", text)):
        try:
            found, _end = json.JSONDecoder(strict=False).raw_decode(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return {}


def _told(record: dict[str, Any]) -> Report | None:
    word = str(record.get("notificationType") or record.get("eventType") or "").lower()
    kind, details = _KINDS.get(word), record.get(word)
    if kind is None or not isinstance(details, dict):
        return None
    field = {Kind.BOUNCE: "bouncedRecipients", Kind.COMPLAINT: "complainedRecipients"}.get(kind, "recipients")
    people = details.get(field)
    general = str(details.get("smtpResponse") or "")
    told = [_person(one, general, kind) for one in people[:100]] if isinstance(people, list) else []
    mail = record.get("mail")
    feedback = str(details.get("complaintFeedbackType") or "abuse") if kind is Kind.COMPLAINT else ""
    return Report(kind, "amazon", tuple(one for one in told if one.address), _original(mail), feedback=feedback)


def _person(given: Any, general: str, kind: Kind) -> Told:
    person = given if isinstance(given, dict) else {"emailAddress": str(given)}
    action = "delivered" if kind is Kind.DELIVERED else "failed"
    diagnostic = re.sub(r"^\s*\w+\s*;\s*", "", str(person.get("diagnosticCode") or general))
    return Told(bare(str(person.get("emailAddress") or "")), action, str(person.get("status") or ""), diagnostic)


def _original(mail: Any) -> Headers:
    if not isinstance(mail, dict):
        return Headers()
    listed = mail.get("headers")
    fields = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    lines = "\n".join(f"{one.get('name')}: {' '.join(str(one.get('value')).split())}" for one in fields[:200])
    found = parse_header(lines)
    return found or parse_header(f"Message-ID: <{mail.get('messageId', '')}>")
