"""DNS for tests: names that are written down here, and no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from delivery import resolver

# Instead of records: the name does not exist, or nobody answers.
MISSING, SILENT = "missing", "silent"


class Names:
    """Records by (name, kind), as in {("acme.test", "MX"): ["10 mx.acme.test."]}; `asked` has every question."""

    def __init__(self, records: Mapping[tuple[str, str], Sequence[str] | str], seconds: float = 300) -> None:
        self.records, self.seconds = dict(records), seconds
        self.asked: list[tuple[str, str]] = []

    def __call__(self, name: str, kind: str) -> resolver.Answer:
        self.asked.append((name, kind))
        found = self.records.get((name, kind))
        if found == SILENT:
            raise resolver.NoAnswer(f"{kind} of {name}: Timeout")
        exists = any(known == name and records != MISSING for (known, _kind), records in self.records.items())
        if found == MISSING or not exists:
            raise resolver.NoSuchName(name)
        return resolver.Answer(found or (), self.seconds)


@contextmanager
def names(records: Mapping[tuple[str, str], Sequence[str] | str], seconds: float = 300) -> Iterator[Names]:
    """Only these names exist during the block."""
    made = Names(records, seconds)
    resolver.forget()
    with patch.object(resolver, "ask", made):
        yield made
    resolver.forget()
