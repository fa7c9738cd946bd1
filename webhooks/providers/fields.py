"""Reading other people's JSON: what is missing or of another type is empty; nothing raises but Unreadable."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parseaddr
from hashlib import blake2b
from typing import Any

from webhooks.requests import Unreadable

type Record = dict[str, Any]


def record(data: object) -> Record:
    """The one JSON object a request holds. Raises Unreadable for anything else."""
    if not isinstance(data, dict):
        raise Unreadable(f"Expected one event as a JSON object, found {_kind(data)}.")
    return data


def records(data: object) -> list[Record]:
    """The events of a request that holds a list of objects, or one alone. Raises Unreadable otherwise."""
    if isinstance(data, dict):
        return [data]
    if not isinstance(data, list):
        raise Unreadable(f"Expected a list of events, found {_kind(data)}.")
    for place, item in enumerate(data, start=1):
        if not isinstance(item, dict):
            raise Unreadable(f"Expected every event to be a JSON object, but event {place} is {_kind(item)}.")
    return data


def section(parent: Record, name: str) -> Record:
    """The object inside an object; an empty one where it is missing."""
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def entries(parent: Record, name: str) -> list[Any]:
    """The list inside an object; an empty one where it is missing."""
    value = parent.get(name)
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """Any JSON value as text: null is empty, lists and objects stay JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return compact(value) if isinstance(value, list | dict | bool) else str(value)


def bare(value: object) -> str:
    """The address alone of `Name <user@example.com>`; a text that is no address stays as it is."""
    if not isinstance(value, str):
        return ""
    return (parseaddr(value)[1] or value).strip() if "<" in value else value.strip()


def header_id(value: object) -> str:
    """A Message-ID header without its angle brackets; "" for what is no text."""
    return value.strip().removeprefix("<").removesuffix(">") if isinstance(value, str) else ""


def words(value: object) -> tuple[str, ...]:
    """Tags: a list, a single word, or JSON of either in a text."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return (str(value),)
    if isinstance(value, list):
        return tuple(text(item) for item in value if item not in (None, ""))
    word = text(value)
    return (word,) if word else ()


def argument(value: object) -> str:
    """What the sender attached to recognise the email by: one value alone as it is, several as compact JSON.

    Anymail attaches an id of its own beside the sender's values; it says nothing to people.
    """
    if isinstance(value, dict):
        value = {name: item for name, item in value.items() if name != "anymail_id"}
        if len(value) == 1:
            return text(next(iter(value.values())))
    return text(value) if value else ""


def compact(value: object) -> str:
    """JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def epoch(value: object, unit: int = 1) -> datetime | None:
    """A moment counted from 1970 in 1/unit of a second, as number or text; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return _plausible(datetime.fromtimestamp(float(value) / unit, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def iso(value: object) -> datetime | None:
    """An ISO 8601 moment; one without a zone is UTC. None where there is none."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return _plausible(moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def undated(moment: datetime | None, raw: object) -> str:
    """An event id for an event without a time: a digest of the event, so that a retry is the same event."""
    if moment is not None:
        return ""
    return blake2b(json.dumps(raw, sort_keys=True).encode(), digest_size=16).hexdigest()


def _plausible(moment: datetime) -> datetime | None:
    """No email was sent before 1971 or will be after 2199: such a date is a broken field, as good as none."""
    return moment if 1970 < moment.year < 2200 else None


def _kind(value: object) -> str:
    names = {list: "a list", dict: "an object", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
