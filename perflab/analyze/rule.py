"""Rules of alerts as one line: `cache.hit_rate < 80% for 5 min, again after 30 min`.

In: text. Out: a `Rule`, or a ConfigError.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from perflab.analyze.expression import UNITS, Expression, parse
from perflab.errors import ConfigError

__all__ = ["Rule", "parse_rule"]

_AGAIN_S = 600.0
_TAIL = re.compile(r"\s*(?:(?P<held>\bfor\s+[^,]+?)\s*)?(?:,\s*(?P<again>again\s+after\s+.+?)\s*)?$")
_DURATION = re.compile(r"(?:for|again\s+after)\s+(\d+(?:\.\d+)?)\s*([a-zµ]+)")


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to be told of, how long it must hold, and how soon it may be told again.

    Attributes
    ----------
    expression : Expression
        The condition, which holds if the whole interval of the metric does.
    for_s, again_s : float
        Seconds.
    text : str
        The rule as written.
    """

    expression: Expression
    for_s: float
    again_s: float
    text: str


def parse_rule(text: str) -> Rule:
    """Return a rule; without `for` it is told at once, without `again after` no sooner than after 10 minutes.

    Raises
    ------
    ConfigError
        If the text is no such rule.

    Examples
    --------
    >>> rule = parse_rule("cache.hit_rate < 80% for 5 min, again after 30 min")
    >>> rule.expression.metric, rule.expression.bound, rule.for_s, rule.again_s
    ('cache.hit_rate', 0.8, 300.0, 1800.0)
    """
    tail = _TAIL.search(text)
    assert tail is not None, "every part of the pattern may be missing"
    return Rule(
        parse(text[: tail.start()].strip()),
        _seconds(tail["held"], text, 0.0),
        _seconds(tail["again"], text, _AGAIN_S),
        text.strip(),
    )


def _seconds(part: str | None, text: str, otherwise: float) -> float:
    if part is None:
        return otherwise
    found = _DURATION.fullmatch(part)
    unit, factor = UNITS.get(found[2], ("", 0.0)) if found else ("", 0.0)
    if found is None or unit != "s":
        raise ConfigError(f"{part!r} in the rule {text!r} is no duration; write one such as 'for 5 min'")
    return float(found[1]) * factor
