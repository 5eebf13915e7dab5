"""Which cache to take: the smallest that does what is wanted, and how sure that is.

In: curves, and what is wanted. Out: `Recommendation`, with the settings between which there is a choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from perflab.analyze.curve import Curve
from perflab.errors import ConfigError
from perflab.trace import Setting
from perflab.units import format_bytes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEAST_ACCESSES", "Constraints", "Objective", "Recommendation", "checked_constraints", "choose", "front"]

Objective = Literal["hit_rate", "latency", "memory"]

LEAST_ACCESSES = 200
"""Below this a hit rate's 95 % interval is wider than 14 points, and no size can be told from another."""

_SAME_LATENCY = 1.01
"""What waits up to so many times the least counts as the least: the last percent may cost as much as all others."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a setting must keep.

    Attributes
    ----------
    hit_rate
        At least, 0..1.
    max_size
        At most, in the unit of the sizes.
    latency_s
        Seconds of loads for an access, on average and at most.
    """

    hit_rate: float = 0.0
    max_size: int | None = None
    latency_s: float = math.inf


@dataclass(frozen=True, slots=True, eq=False)
class Recommendation:
    """A setting, or why there is none.

    Attributes
    ----------
    verdict : str
        `recommended`, `not reachable` or `not enough data`.
    reason : str
        One sentence.
    setting : Setting or None
        Policy and size.
    unit : str
        `entries` or `bytes`.
    hit_rate, held_out, low, high : float
        Predicted over the whole trace; over its second half, with the bounds of that (95 %); NaN without a setting.
    saved_s : float
        Seconds of loads that the hits make needless; NaN if no cost is known.
    holds : str
        `yes`, `no` or `unclear`: whether the second half alone, which the first could not know, reaches the hit rate
        that was asked for too; empty if none was.
    front : pandas.DataFrame
        Settings that no smaller one is as good as: `policy`, `size`, `hit_rate`, `held_out`, `saved_s`.
    """

    verdict: str
    reason: str
    unit: str
    setting: Setting | None = None
    hit_rate: float = math.nan
    held_out: float = math.nan
    low: float = math.nan
    high: float = math.nan
    saved_s: float = math.nan
    holds: str = ""
    front: pd.DataFrame = field(default_factory=lambda: front([]))

    def __str__(self) -> str:
        if self.setting is None:
            return f"{self.verdict}: {self.reason}"
        size = format_bytes(self.setting.size) if self.unit == "bytes" else f"{self.setting.size:,} entries"
        sure = f"{self.held_out:.1%} in the second half ({self.low:.1%} to {self.high:.1%})"
        held = {"": "", "yes": "; it holds there", "no": "; it does not hold there", "unclear": "; unclear there"}
        told = held[self.holds]
        return f"{self.setting.policy} with {size}: hit rate {self.hit_rate:.1%}, {sure}{told}. {self.reason}"


def checked_constraints(constraints: Mapping[str, Any] | None) -> Constraints:
    """Return constraints as given by name.

    Raises
    ------
    ConfigError
        If a name or value is not allowed.
    """
    given = dict(constraints or {})
    unknown = set(given) - {"hit_rate", "max_size", "latency_s"}
    if unknown:
        raise ConfigError(f"{min(unknown)!r} is no constraint; the constraints are hit_rate, max_size and latency_s")
    found = Constraints(**given)
    if not _is_number(found.hit_rate) or not 0 <= found.hit_rate <= 1:
        raise ConfigError(f"hit_rate is {found.hit_rate!r}; it must be a ratio from 0 to 1")
    if not _is_number(found.latency_s) or not found.latency_s >= 0:
        raise ConfigError(f"latency_s is {found.latency_s!r}; it must be seconds, 0 or more")
    return found


def choose(
    candidates: pd.DataFrame, objective: Objective, wanted: Constraints, accesses: int
) -> tuple[Setting | None, str]:
    """Return the setting of the candidates that serves an objective best, and why; None if none keeps the constraints.

    Parameters
    ----------
    candidates
        `policy`, `size`, `hit_rate`, `lost_s` (seconds of loads over the trace, NaN if not known).
    objective
        `hit_rate`: the smallest setting with the hit rate that is asked for. `memory`: the same, so that what is held
        now can be given back. `latency`: the smallest whose loads take the least time, to a percent.
    """
    if objective not in get_args(Objective):
        raise ConfigError(f"objective is {objective!r}; it must be one of {', '.join(get_args(Objective))}")
    rows = candidates[candidates["hit_rate"] >= wanted.hit_rate - 1e-12]
    if wanted.max_size is not None:
        rows = rows[rows["size"] <= wanted.max_size]
    if objective == "latency" and candidates["lost_s"].isna().all():
        return None, "The trace knows no cost of a load, so that no latency can be told."
    if math.isfinite(wanted.latency_s):
        rows = rows[rows["lost_s"] <= wanted.latency_s * accesses]
    if not len(rows):
        return None, _out_of_reach(candidates, wanted)
    if objective == "latency":
        rows = rows[rows["lost_s"] <= rows["lost_s"].min() * _SAME_LATENCY]
    best = rows.sort_values(["size", "hit_rate"], ascending=[True, False], kind="stable").iloc[0]
    why = "whose loads take the least time" if objective == "latency" else f"that reaches {wanted.hit_rate:.1%}"
    return Setting(str(best["policy"]), int(best["size"])), f"It is the smallest of {len(candidates):,} settings {why}."


def front(curves: Sequence[Curve]) -> pd.DataFrame:
    """Return the settings to which no other one of at most their size has as many hits, smallest first.

    The curves should have the same sizes: one that has more of them would seem to be better in between.
    """
    import pandas as pd

    columns = ["policy", "size", "hit_rate", "held_out", "saved_s"]
    frames = [curve.frame()[columns] for curve in curves]
    rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
    rows = rows.sort_values(["size", "hit_rate"], ascending=[True, False], kind="stable")
    best = rows["hit_rate"].cummax().shift(fill_value=0.0)
    return rows[rows["hit_rate"] > best].reset_index(drop=True)


def smallest(hit_rate_of: Callable[[int], float], reached: int, missed: int, wanted: float, steps: int = 12) -> int:
    """Return the smallest size, between one that misses a hit rate and one that reaches it, by halving the gap."""
    for _ in range(steps):
        middle = (reached + missed) // 2
        if middle in (reached, missed):
            break
        if hit_rate_of(middle) >= wanted - 1e-12:
            reached = middle
        else:
            missed = middle
    return reached


def holds(low: float, high: float, wanted: float) -> str:
    """Return whether a hit rate between two bounds reaches what is wanted: `yes`, `no`, `unclear`; empty for 0."""
    if wanted <= 0:
        return ""
    return "yes" if low >= wanted else "no" if high < wanted else "unclear"


def _out_of_reach(candidates: pd.DataFrame, wanted: Constraints) -> str:
    within = candidates if wanted.max_size is None else candidates[candidates["size"] <= wanted.max_size]
    best = within["hit_rate"].max() if len(within) else 0.0
    room = "" if wanted.max_size is None else f" within {wanted.max_size:,}"
    asked = f"a hit rate of {wanted.hit_rate:.1%}" if wanted.hit_rate else "what is asked for"
    return f"No setting{room} reaches {asked}; the highest is {best:.1%}."


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
