"""Quantities that cannot both be true: one subject and attribute, two values.

In: the statements of two documents. Out: a finding for each contradicting pair of quantity lines.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from perflab.workloads.crossvalidate.finding import Finding
from perflab.workloads.crossvalidate.statements import Statements
from perflab.workloads.document import Quantity

__all__ = ["UNITS", "Unit", "contradict", "contradictions", "key", "step", "subject"]


@dataclass(frozen=True, slots=True)
class Unit:
    """What a unit measures, how many base units it is, and whether a value in it is a whole count."""

    dimension: str
    factor: float
    exact: bool = False


UNITS: dict[str, Unit] = {
    "": Unit("count", 1, exact=True),
    "count": Unit("count", 1, exact=True),
    "line": Unit("lines", 1, exact=True),
    "lines": Unit("lines", 1, exact=True),
    "B": Unit("bytes", 1, exact=True),
    "byte": Unit("bytes", 1, exact=True),
    "bytes": Unit("bytes", 1, exact=True),
    "kB": Unit("bytes", 1e3),
    "MB": Unit("bytes", 1e6),
    "GB": Unit("bytes", 1e9),
    "KiB": Unit("bytes", 2**10),
    "MiB": Unit("bytes", 2**20),
    "GiB": Unit("bytes", 2**30),
    "ns": Unit("s", 1e-9),
    "us": Unit("s", 1e-6),
    "ms": Unit("s", 1e-3),
    "s": Unit("s", 1),
    "min": Unit("s", 60),
    "h": Unit("s", 3600),
    "ratio": Unit("ratio", 1),
    "%": Unit("ratio", 0.01),
}
"""Every unit that converts into another. Any other text is a unit of its own that counts whole things."""

_ROUNDING = 1e-9  # relative; what converting a float between two units may cost


def key(quantity: Quantity) -> tuple[str, str]:
    """Return what a quantity is about, so that quantities with unequal keys never contradict each other."""
    return quantity.subject, quantity.attribute.casefold()


def subject(quantity: Quantity) -> str:
    """Return the key of a quantity as a finding's subject."""
    return " | ".join(key(quantity))


def contradict(a: Quantity, b: Quantity) -> bool:
    """Tell whether two quantities with one key exclude each other.

    A value in a scaled unit was rounded to the digits that are written, so it stands for all values within half
    of its last digit; whole counts (`lines`, `bytes`, no unit) stand for themselves. Two quantities contradict
    each other if these ranges are disjoint, or if their units measure different things.

    Examples
    --------
    >>> size = lambda value, unit: Quantity("a.py", "size", value, unit, 1)
    >>> contradict(size(12.5, "kB"), size(12_466, "bytes")), contradict(size(12.5, "kB"), size(12.5, "KiB"))
    (False, True)
    """
    mine, its = _unit(a.unit), _unit(b.unit)
    if mine.dimension != its.dimension:
        return True
    if not (math.isfinite(a.value) and math.isfinite(b.value)):
        return a.value != b.value
    left, right = a.value * mine.factor, b.value * its.factor
    slack = _half_digit(a.value, mine) + _half_digit(b.value, its)
    return abs(left - right) > slack + _ROUNDING * max(abs(left), abs(right))


def contradictions(a: Statements, b: Statements) -> Iterator[Finding]:
    """Yield a finding in `b` for each of its quantities that one of `a` contradicts; `a` may be `b` itself."""
    stated: dict[tuple[str, str], list[Quantity]] = {}
    for quantity in a.quantities:
        stated.setdefault(key(quantity), []).append(quantity)
    for its in b.quantities:
        for mine in stated.get(key(its), ()):
            if (a.path != b.path or mine.line < its.line) and contradict(mine, its):
                yield Finding(b.path, its.line, "contradicting-quantity", subject(its), _message(a, mine, its))


def step(quantity: Quantity) -> float:
    """Return the least change of a value, in its own unit, that is certainly no rounding.

    Examples
    --------
    >>> step(Quantity("a.py", "lines", 356, "lines", 1)), step(Quantity("a.py", "size", 12.5, "kB", 1))
    (1.0, 0.2)
    """
    unit = _unit(quantity.unit)
    return 1.0 if unit.exact else 2 * _last_digit(quantity.value)


def _message(a: Statements, mine: Quantity, its: Quantity) -> str:
    return f"{subject(its)} is {_text(its)} here and {_text(mine)} in {a.path} line {mine.line}"


def _text(quantity: Quantity) -> str:
    return f"{quantity.value:.15g} {quantity.unit}".rstrip()


def _unit(name: str) -> Unit:
    return UNITS.get(name) or Unit(f"other: {name}", 1, exact=True)


def _half_digit(value: float, unit: Unit) -> float:
    return 0.0 if unit.exact else 0.5 * _last_digit(value) * unit.factor


def _last_digit(value: float) -> float:
    """Return what one more in the last decimal of a value is worth; 1 for a whole number."""
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return 10.0 ** min(0, int(exponent))
