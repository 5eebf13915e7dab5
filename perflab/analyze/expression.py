"""Targets as one-line expressions: `cache.hit_rate > 0.90`, `memory.peak < 150 MB`.

In: text. Out: an `Expression` whose bound is in the base unit (seconds, bytes, ratio or count), or a ConfigError.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from perflab.errors import ConfigError

__all__ = ["UNITS", "Expression", "parse"]

Outcome = Literal["pass", "fail", "unclear"]

UNITS: dict[str, tuple[str, float]] = {
    "": ("", 1.0),
    "%": ("ratio", 0.01),
    "ns": ("s", 1e-9),
    "us": ("s", 1e-6),
    "ms": ("s", 1e-3),
    "s": ("s", 1.0),
    "min": ("s", 60.0),
    "h": ("s", 3600.0),
    "B": ("bytes", 1.0),
    "kB": ("bytes", 1e3),
    "MB": ("bytes", 1e6),
    "GB": ("bytes", 1e9),
    "KiB": ("bytes", 1024.0),
    "MiB": ("bytes", 1024.0**2),
    "GiB": ("bytes", 1024.0**3),
}
"""Unit as written: base unit (empty for a bare number, which is a ratio or a count) and its factor."""

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")
_OPERATOR = re.compile(r"[<>]=?")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_UNIT = re.compile(r"[A-Za-z%]*")
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Expression:
    """A bound on one metric.

    Attributes
    ----------
    metric : str
        Name of the metric.
    comparison : str
        `<`, `<=`, `>` or `>=`.
    bound : float
        The bound in the base unit.
    unit : str
        Base unit of the bound: `s`, `bytes`, `ratio`, or empty for a bare number.
    text : str
        The expression as written.
    """

    metric: str
    comparison: str
    bound: float
    unit: str
    text: str

    def accepts(self, unit: str) -> bool:
        """Return whether a metric in this unit can be held against the bound."""
        return unit in ("ratio", "count") if self.unit == "" else unit == self.unit

    def judge(self, low: float, high: float) -> Outcome:
        """Return `pass` if the whole interval keeps the bound, `fail` if none of it does, else `unclear`.

        A bound of the interval that is not known, NaN, counts as infinite: what is at least 160 MB is not below 150 MB,
        and whether what is at least 100 MB is, is unclear.

        Examples
        --------
        >>> target = parse("cache.hit_rate > 90%")
        >>> target.judge(0.91, 0.95), target.judge(0.85, 0.95), target.judge(0.80, 0.90)
        ('pass', 'unclear', 'fail')
        >>> parse("memory.peak < 150 MB").judge(160e6, math.nan), parse("memory.peak < 150 MB").judge(100e6, math.nan)
        ('fail', 'unclear')
        """
        keeps = _OPERATORS[self.comparison]
        least = -math.inf if math.isnan(low) else low
        greatest = math.inf if math.isnan(high) else high
        kept = keeps(least, self.bound), keeps(greatest, self.bound)
        return "pass" if all(kept) else "unclear" if any(kept) else "fail"


def parse(text: str) -> Expression:
    """Return the expression `metric comparison number [unit]`.

    Raises
    ------
    ConfigError
        With the position, from 1, of what is wrong, and what is allowed there.

    Examples
    --------
    >>> found = parse("memory.peak < 150 MB")
    >>> found.metric, found.comparison, found.bound, found.unit
    ('memory.peak', '<', 150000000.0, 'bytes')
    >>> parse("memory.peak = 150 MB")
    Traceback (most recent call last):
    ...
    perflab.errors.ConfigError: The target 'memory.peak = 150 MB' has '= 150 MB' at position 13; \
allowed there is one of <=, >=, <, >.
    """
    reader = _Reader(text)
    metric = reader.take(_NAME, "a metric's name such as cache.hit_rate")
    comparison = reader.take(_OPERATOR, f"one of {', '.join(_OPERATORS)}")
    number = float(reader.take(_NUMBER, "a number such as 0.90"))
    start = reader.position
    unit = reader.take(_UNIT, "a unit")
    if unit not in UNITS:
        raise reader.error(f"one of {', '.join(filter(None, UNITS))} or nothing", start)
    reader.end()
    base, factor = UNITS[unit]
    return Expression(metric, comparison, _scaled(number, factor), base, text)


def _scaled(number: float, factor: float) -> float:
    # 47 * 0.01 is 0.47000000000000003; dividing by the whole number 100 is exact to the last digit.
    return number / round(1 / factor) if factor < 1 else number * factor


class _Reader:
    """Takes one token after the other from a line."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._skip_space()

    def take(self, token: re.Pattern[str], allowed: str) -> str:
        match = token.match(self.text, self.position)
        if match is None:
            raise self.error(allowed, self.position)
        self.position = match.end()
        self._skip_space()
        return match[0]

    def end(self) -> None:
        if self.position < len(self.text):
            raise self.error("nothing, the expression has ended", self.position)

    def error(self, allowed: str, position: int) -> ConfigError:
        found = repr(self.text[position:]) if position < len(self.text) else "nothing"
        return ConfigError(
            f"The target {self.text!r} has {found} at position {position + 1}; allowed there is {allowed}."
        )

    def _skip_space(self) -> None:
        match = _SPACE.match(self.text, self.position)
        self.position = self.position if match is None else match.end()
