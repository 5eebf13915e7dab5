"""Watch a setting that was applied: does it hold in the program's own accesses?

In: what the program read before, and reads since. Out: whether to wait, keep it, take it back, or prove it anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from perflab.analyze.resample import Segments, mean_bounds, ratio_bounds
from perflab.optimize.price import Observed
from perflab.optimize.setting import MemorySetting
from perflab.optimize.traffic import digest, has_drifted

__all__ = ["LEAST_WATCHED", "MOST_WATCHED", "Watch", "Watched"]

LEAST_WATCHED = 500
"""Accesses after which it is looked at for the first time; then again at twice as many, and so on."""
MOST_WATCHED = 8_000
"""Accesses after which it is kept if nothing spoke against it."""

_CONFIDENCE = 0.99
"""It is looked at up to five times, so that each look must be surer than 95 %."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a look at an applied setting found.

    Attributes
    ----------
    verdict : str
        `waiting` for more accesses, `held`, `regressed`, or `expired` where the program reads other keys now.
    ratio, low, high : float
        Time that an access waits now / before, and its bounds (99 %).
    before, measured, measured_low, measured_high : float
        The metric before, and since with its bounds (99 %).
    n : int
        Accesses since.
    reason : str
        One sentence.
    """

    verdict: Literal["waiting", "held", "regressed", "expired"]
    ratio: float
    low: float
    high: float
    before: float
    measured: float
    measured_low: float
    measured_high: float
    n: int
    reason: str


@dataclass(frozen=True, slots=True)
class Watch:
    """An applied setting, and what it is held against.

    Attributes
    ----------
    old, new : MemorySetting
        What was in force before, and what is since.
    before : Observed
        The accesses that it was proved on; their digest names what the proof is bound to.
    band_ratio : float
        Differences up to this ratio count as none.
    looked : int
        Accesses since it was applied, at the last look.
    """

    old: MemorySetting
    new: MemorySetting
    before: Observed
    band_ratio: float = 0.03
    looked: int = 0

    @property
    def bound_to(self) -> str:
        """Name of the trace that it was proved on."""
        return digest(self.before.trace)

    @property
    def due(self) -> int:
        """How many accesses since it was applied the next look needs."""
        return max(LEAST_WATCHED, 2 * self.looked)

    def seen(self, count: int) -> Watch:
        """Return the watch after a look at so many accesses."""
        return replace(self, looked=count)

    def look(self, since: Observed) -> Watched:
        """Judge the accesses since the setting was applied.

        Whether they wait longer is judged by unpaired stretches of both: their traffic is not the same, so that a
        difference of the band says something only while they read the same keys.
        """
        before = self.before.last(max(len(since), LEAST_WATCHED))
        since = _priced_as(self.before, since)
        old, new = (Segments.of(_waits(each)) for each in (before, since))
        ratio = new.mean / old.mean if old.mean else 1.0
        low, high = ratio_bounds(new, old, paired=False, confidence=_CONFIDENCE) if old.mean else (1.0, 1.0)
        bounds = mean_bounds(_saved(since), confidence=_CONFIDENCE)
        numbers = (ratio, low, high, float(_saved(before).mean()), float(_saved(since).mean()), *bounds, len(since))
        drifted, distance, allowed = has_drifted(self.before.trace, since.trace)
        if drifted:
            return Watched(
                "expired",
                *numbers,
                f"the program reads other keys than the trace {self.bound_to} that it was proved on: their distance is "
                f"{distance:.2f}, of {allowed:.2f} that count as the same.",
            )
        told = f"{len(since):,} accesses since wait {ratio:.2f} [{low:.2f}, {high:.2f}] times as long as before"
        if low > 1 + self.band_ratio:
            return Watched("regressed", *numbers, f"{told}.")
        if len(since) >= MOST_WATCHED:
            return Watched("held", *numbers, f"{told}; it is watched no more.")
        return Watched("waiting", *numbers, f"{told}.")


def _waits(observed: Observed) -> Any:
    import numpy as np

    return np.where(observed.in_memory, 0.0, observed.prices)


def _saved(observed: Observed) -> Any:
    import numpy as np

    return np.where(observed.in_memory, observed.prices, 0.0)


def _priced_as(before: Observed, since: Observed) -> Observed:
    """Return accesses at the prices that their keys had before: slower loads are not the setting's doing."""
    import numpy as np
    import pandas as pd

    labels = [[str(label) for label in observed.trace.labels] for observed in (before, since)]
    by_key = pd.Series(before.prices).groupby(before.trace.ids).mean()
    known = pd.Series(by_key.to_numpy(), index=[labels[0][number] for number in by_key.index])
    prices = known.reindex(labels[1]).to_numpy()[since.trace.ids]
    shared = ~np.isnan(prices)
    then, now = float(prices[shared].sum()), float(since.prices[shared].sum())
    return replace(since, prices=np.where(shared, prices, since.prices * (then / now if now else 1.0)))
