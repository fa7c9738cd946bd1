"""What the simulator's journal says was accepted, beside what the feed holds of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

# Source, message, recipient, kind, second: the simulated world never has two events of which all these are the same.
type Fact = tuple[int, str, str, int, int]

STORED = """
select event.source_id, email.message_id, email.recipient, event.kind, extract(epoch from event.occurred_at)::bigint
from feeds_event event join feeds_email email on email.id = event.email_id
"""


def accepted(journal: Path) -> set[Fact]:
    """Every event in a request that was answered with 2xx."""
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    return {
        (line["source"], fact["message_id"], fact["recipient"], fact["kind"], fact["at"])
        for line in lines
        for fact in line["events"]
    }


def stored(cursor: Any) -> Counter[Fact]:
    """How often each event is in the feed."""
    cursor.execute(STORED)
    return Counter(cursor.fetchall())
