"""Columns over time as numbers a template draws, without scripts or styles (templates/parts/chart.html).

Drawings are stretched to the width there is, so nothing in them may depend on its shape but its height: no text, no
slanted pattern. What is told by colour is told by form as well: a whole is an outline, its part is filled.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import floor, log10
from typing import TYPE_CHECKING

from django.utils.safestring import SafeString, mark_safe

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP, GAP = 10, 2
HEIGHT = 120
# Where a scale may end: times a power of ten.
TOPS = (1, 2, 4, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class Column:
    """One step of time. `value` is a part of `whole` (None: stands alone); None where there is nothing to tell.
    `is_faint`: it rests on too little to be drawn as firmly as the others.
    """

    value: float | None
    title: str = ""
    url: str = ""
    whole: float | None = None
    is_faint: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A column as drawn: `y` and `height` of the part, and of the whole where there is one."""

    title: str
    url: str
    x: int
    y: int
    height: int
    whole_y: int
    whole_height: int
    is_faint: bool

    def markup(self, reach: int, is_tabbed: bool) -> str:
        """As SVG. `reach` is the height at which a pointer meets it."""
        title = escape(self.title)
        parts = [f"<title>{title}</title>", _rect("reach", self.x, 0, reach)]
        if self.whole_height:
            parts.append(_rect("whole", self.x, self.whole_y, self.whole_height))
        if self.height:
            parts.append(_rect("part", self.x, self.y, self.height))
        css = "chart-bar is-faint" if self.is_faint else "chart-bar"
        if not self.url:
            return f'<g class="{css}">{"".join(parts)}</g>'
        told = f'aria-label="{title}"' if is_tabbed else 'tabindex="-1"'
        return f'<a class="{css}" href="{escape(self.url)}" {told}>{"".join(parts)}</a>'


def _rect(name: str, x: int, y: int, height: int) -> str:
    return f'<rect class="chart-{name}" x="{x}" y="{y}" width="{STEP - GAP}" height="{height}"/>'


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars from the oldest to the newest. `top` is the value at the upper edge; `ends` stand below: what the first,
    the middle and the last step are called. `is_tabbed`: its bars are reached with the Tab key, and read out.
    """

    bars: tuple[Bar, ...]
    top: float
    ends: tuple[str, ...]
    width: int
    height: int = HEIGHT
    is_tabbed: bool = False

    @property
    def middle(self) -> float:
        return self.top / 2

    @property
    def lines(self) -> tuple[int, int, int]:
        """Where top, middle and bottom of the scale are."""
        return 0, self.height // 2, self.height

    @property
    def drawn(self) -> SafeString:
        """The bars. Put together from strings: a page has a thousand of them."""
        # Titles and addresses go through escape(), all else is a number or ours.
        return mark_safe("".join(bar.markup(self.height, self.is_tabbed) for bar in self.bars))  # noqa: S308


def draw(
    columns: Sequence[Column],
    names: Sequence[str],
    height: int = HEIGHT,
    most: float | None = None,
    is_tabbed: bool = False,
) -> Chart:
    """The chart of these columns, each with its name; the scale begins at none and ends at `most` at the latest."""
    top = scale(max((max(c.value or 0, c.whole or 0) for c in columns), default=0))
    if most is not None:
        top = min(top, most)
    bars = tuple(_bar(n, column, top, height) for n, column in enumerate(columns))
    ends = (names[0], names[len(names) // 2], names[-1]) if len(names) > 2 else tuple(names)
    return Chart(bars, top, ends, max(1, len(columns)) * STEP - GAP, height, is_tabbed)


def scale(largest: float) -> float:
    """A round number to end a scale at: not below the largest value, and at most twice as large."""
    if largest <= 0:
        return 1
    power = 10.0 ** floor(log10(largest))
    return next((n * power for n in TOPS if n * power >= largest * 0.9999999), 10 * power)


def _bar(n: int, column: Column, top: float, height: int) -> Bar:
    part, whole = _height(column.value, top, height), _height(column.whole, top, height)
    return Bar(
        column.title, column.url, n * STEP, height - part, part, height - whole, whole, column.is_faint
    )  # fmt: skip


def _height(value: float | None, top: float, height: int) -> int:
    # The smallest number must be seen to be more than none.
    return max(2, round(height * value / top)) if value else 0
