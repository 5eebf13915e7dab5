"""What a target demands, as it is drawn and written.

In: a target's expression, read by `perflab.analyze.expression`. Out: sign, value and unit of its bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from perflab.analyze import expression
from perflab.errors import ConfigError
from perflab.units import format_quantity

__all__ = ["Bound", "parse"]

_SIGNS = {"<=": "≤", ">=": "≥"}


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound on a metric. `sign` is one of `< ≤ ≥ >`, `value` is in `unit`."""

    sign: str
    value: float
    unit: str

    @property
    def wants_more(self) -> bool:
        """Whether larger values are better."""
        return self.sign in ("≥", ">")

    def share(self, actual: float) -> float:
        """Return `actual` over the bound; NaN where that says nothing (a bound of zero, or not finite)."""
        return actual / self.value if math.isfinite(self.value) and self.value > 0 else math.nan

    def __str__(self) -> str:
        return f"{self.sign} {format_quantity(self.value, self.unit)}"


def parse(text: str, unit: str) -> Bound | None:
    """Return the bound of an expression, in the metric's unit, or None if it holds none.

    Examples
    --------
    >>> str(parse("cache.hit_rate > 0.90", "ratio")), str(parse("memory.peak <= 150MB", "bytes"))
    ('> 90.0 %', '≤ 150 MB')
    >>> parse("as good as it gets", "s") is None
    True
    """
    try:
        found = expression.parse(text)
    except ConfigError:
        return None
    return Bound(_SIGNS.get(found.comparison, found.comparison), found.bound, unit)
