"""What a measurement found: a table for people, and one line of JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """One way that was measured. `ratio` is its speed over the baseline's; figures that do not apply are None.

    `http_p95_ms` is of the whole page, `tenth_*` of the same in a database of a tenth of the size, and `growth` what
    the tenfold size costs: p95 over p95.
    """

    name: str
    per_second: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    peak_mb: float | None = None
    ratio: float | None = None
    http_p95_ms: float | None = None
    tenth_p50_ms: float | None = None
    tenth_p95_ms: float | None = None
    growth: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A measurement. The figures are of the headline case; `ratio` is ours over the baseline: larger is better."""

    name: str
    emails: int
    ratio: float
    per_second: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    peak_mb: float | None = None
    cases: Sequence[Case] = field(default=())


HEADINGS = {
    "name": "case", "per_second": "per second", "p50_ms": "p50 ms", "p95_ms": "p95 ms", "p99_ms": "p99 ms",
    "peak_mb": "peak MB", "ratio": "ratio", "http_p95_ms": "page p95 ms", "tenth_p50_ms": "p50 of a tenth",
    "tenth_p95_ms": "p95 of a tenth", "growth": "growth",
}  # fmt: skip


def show(result: Result) -> None:
    """Print the table, and as the last line the JSON."""
    columns = [f.name for f in fields(Case) if any(getattr(case, f.name) is not None for case in result.cases)]
    rows = [[_cell(getattr(case, name)) for name in columns] for case in result.cases]
    lines = [[HEADINGS[name] for name in columns], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(f"\n{result.name}, {result.emails:,} emails")
    for line in lines:
        rest = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        print("  ".join((line[0].ljust(widths[0]), *rest)).rstrip())
    print(as_json(result), flush=True)


def as_json(result: Result) -> str:
    """The result on one line, without the figures that do not apply."""
    return json.dumps(_told(asdict(result)))


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share (0 to 1) of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _told(figures: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in figures.items() if value is not None}
    for name, value in kept.items():
        if isinstance(value, float):
            kept[name] = round(value, 2)
        elif name == "cases":
            kept[name] = [_told(case) for case in value]
    return kept


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
