"""What a trace recommends: which settings there are, which one to take, and how sure that is.

In: a `WhatIf`, an objective, constraints. Out: a `Recommendation`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perflab import compiled
from perflab.analyze.recommend import (
    LEAST_ACCESSES,
    Constraints,
    Objective,
    Recommendation,
    checked_constraints,
    choose,
    front,
    holds,
    smallest,
)
from perflab.analyze.resample import mean_bounds
from perflab.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from perflab.analyze.curve import Curve
    from perflab.system.what_if import WhatIf
    from perflab.trace import Setting

__all__ = ["recommended"]

_DEFAULT_HIT_RATE = 0.9


def recommended(
    what_if: WhatIf, objective: Objective, constraints: Mapping[str, Any], policies: Sequence[str]
) -> Recommendation:
    """Return the smallest setting that does what is wanted, or why there is none; see `WhatIf.recommend`."""
    wanted = _wanted(what_if, objective, constraints)
    lacking = _lacking(len(what_if.trace), what_if.trace.keys)
    if lacking:
        return Recommendation("not enough data", lacking, what_if.unit)
    candidates = _candidates(what_if, policies, wanted)
    setting, reason = choose(candidates, objective, wanted, len(what_if.trace))
    choices = front([_on_grid(what_if, policy) for policy in policies])
    if setting is None:
        return Recommendation("not reachable", reason, what_if.unit, front=choices)
    return _told(what_if, setting, reason, wanted, choices)


def _wanted(what_if: WhatIf, objective: Objective, constraints: Mapping[str, Any]) -> Constraints:
    given = dict(constraints)
    if "hit_rate" not in given and objective == "hit_rate":
        given["hit_rate"] = _DEFAULT_HIT_RATE
    if "hit_rate" not in given and objective == "memory":
        if what_if.current is None:
            raise ConfigError("no current setting is known to keep the hit rate of; give hit_rate as a constraint")
        rate = what_if.hit_rate(what_if.current.policy, what_if.current.size)
        given["hit_rate"] = 0.0 if math.isnan(rate) else rate
    return checked_constraints(given)


def _lacking(accesses: int, keys: int) -> str:
    """Return why nothing can be recommended, or nothing."""
    if accesses < LEAST_ACCESSES:
        return f"The trace has {accesses:,} accesses; {LEAST_ACCESSES} are needed."
    if keys == 1:
        return f"All {accesses:,} accesses are to one key, which any cache has."
    if keys == accesses:
        return f"No key is wanted twice in {accesses:,} accesses, so that no cache has a hit."
    return ""


def _candidates(what_if: WhatIf, policies: Sequence[str], wanted: Constraints) -> pd.DataFrame:
    """Return the settings of all curves, and of each the smallest size that reaches the hit rate."""
    import pandas as pd

    frames = []
    for policy in policies:
        curve = what_if.curve(policy)
        frames.append(curve.frame())
        exact = _smallest(what_if, curve, wanted.hit_rate)
        if exact is not None and compiled.is_available():
            row = {"policy": policy, "size": exact, "hit_rate": what_if.hit_rate(policy, exact)}
            frames.append(pd.DataFrame([{**row, "saved_s": _saved(what_if, policy, exact)}]))
    candidates = pd.concat(frames, ignore_index=True)
    return candidates.assign(lost_s=what_if.total_seconds() - candidates["saved_s"])


def _smallest(what_if: WhatIf, curve: Curve, wanted: float) -> int | None:
    """Return the smallest size that reaches a hit rate, between two sizes of the curve if need be."""
    import numpy as np

    found = curve.smallest(wanted)
    if found is None or curve.is_stepped or wanted <= 0 or not compiled.is_available():
        return found
    place = int(np.searchsorted(curve.sizes, found))
    missed = int(curve.sizes[place - 1]) if place else 0
    return smallest(lambda size: what_if.hit_rate(curve.policy, size), found, missed, wanted)


def _on_grid(what_if: WhatIf, policy: str) -> Curve:
    """Return the curve of a policy at the sizes that all are compared at."""
    return (
        what_if.curve(policy, what_if.sizes()) if policy == "lru" and compiled.is_available() else what_if.curve(policy)
    )


def _told(what_if: WhatIf, setting: Setting, reason: str, wanted: Constraints, choices: pd.DataFrame) -> Recommendation:
    if not compiled.is_available():
        rate = what_if.hit_rate(setting.policy, setting.size)
        said = f"{reason} The curve is estimated."
        return Recommendation("recommended", said, what_if.unit, setting, rate, front=choices)
    hits = what_if.hits(setting.policy, setting.size)
    second = hits[len(hits) // 2 :]
    low, high = mean_bounds(second)
    rates = float(hits.mean()), float(second.mean()), low, high
    saved, sure = _saved(what_if, setting.policy, setting.size), holds(low, high, wanted.hit_rate)
    return Recommendation("recommended", reason, what_if.unit, setting, *rates, saved, sure, choices)


def _saved(what_if: WhatIf, policy: str, size: int) -> float:
    """Return the seconds of loads that a setting saves, against no cache."""
    import numpy as np

    costs = what_if.trace.costs
    return math.nan if costs is None else float(np.nansum(costs[what_if.hits(policy, size)]))
