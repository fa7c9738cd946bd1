"""Numbers as an overview writes them: grouped, as shares, and compared; in the language of the page."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.formats import get_format
from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    count: int
    of: int

    @property
    def percent(self) -> float | None:
        """None where it would say nothing: of none, or of fewer than there are."""
        return 100 * self.count / self.of if 0 < self.of >= self.count else None


class Numbers:
    """Writes numbers. Looks the signs of a language up once, for pages of a thousand numbers."""

    def __init__(self) -> None:
        self.group = str(get_format("THOUSAND_SEPARATOR"))
        self.point = str(get_format("DECIMAL_SEPARATOR"))

    def count(self, n: int) -> str:
        return f"{n:,}".replace(",", self.group)

    def decimal(self, value: float, places: int = 1) -> str:
        whole, _point, rest = f"{abs(value):,.{places}f}".partition(".")
        sign = "\N{MINUS SIGN}" if value < 0 else ""
        return sign + whole.replace(",", self.group) + (self.point + rest if rest else "")

    def percent(self, value: float | None) -> str:
        """“41.2%”, finer below one percent, and never 0 for what is not none; "" for None."""
        if value is None:
            return ""
        if 0 < value < 0.005:
            return f"<{self.decimal(0.01, 2)}%"
        return f"{self.decimal(value, places(value))}%"

    def points(self, value: float | None, before: float | None) -> str:
        """How far a percentage moved, in percentage points; "" where one of them is not known."""
        if value is None or before is None:
            return ""
        exact = places(max(value, before))
        moved = round(value - before, exact)
        if not moved:
            return _("as before")
        return _("%(moved)s points") % {"moved": ("+" if moved > 0 else "") + self.decimal(moved, exact)}

    def axis(self, value: float) -> str:
        """A number beside a scale, as short as it can be."""
        return self.count(round(value)) if value == round(value) else self.decimal(value, 2).rstrip("0")


def places(percent: float) -> int:
    """How many decimal places a percentage is told with."""
    return 1 if percent >= 1 or not percent else 2
