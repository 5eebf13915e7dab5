"""Watch workers, chunk size and prefetching that were applied: do the program's own operations still take as long?

In: the operations before the change, and those since. Out: whether to wait, keep it, take it back, or let it expire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from perflab.analyze.intervals import Interval, shift_ratio
from perflab.optimize.drift import HISTORY, LEAST_S, RECENT, Slowdown

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Durations = Mapping[str, NDArray[np.float64]]

__all__ = ["MOST_LOOKED_AT", "Found", "WorkWatch", "durations"]

MOST_LOOKED_AT = 1_000
"""Operations after which a setting is kept if nothing spoke against it."""

_MOST_NAMES = 32
_CONFIDENCE = 0.99
"""Of all names together, at each look; two looks in a row, at other operations, must say the same."""
_LEAST_SHARE = 0.5
"""Of the share that the known operations had before: with less of them the program does something else."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the operations since found.

    Attributes
    ----------
    verdict : str
        `waiting` for more operations, `held`, `regressed`, or `expired` where the program does other things now.
    watch : WorkWatch
        What to go on with.
    reason : str
        One sentence.
    slowest : Slowdown or None
        The operation that speaks most against the setting; None if too few were seen.
    """

    verdict: Literal["waiting", "held", "regressed", "expired"]
    watch: WorkWatch
    reason: str
    slowest: Slowdown | None = None


@dataclass(frozen=True, slots=True)
class WorkWatch:
    """The operations that ran before a change, and what was seen since.

    Attributes
    ----------
    before : mapping of str to float array of shape (n,)
        Seconds of the newest operations of each name, in their order.
    known_ratio : float
        Share of those names in all operations then.
    band_ratio : float
        Differences up to this ratio count as none.
    looked_at : int
        Operations of those names that were looked at since.
    suspects : frozenset of str
        Names that were slower at the last look.
    """

    before: Durations
    known_ratio: float
    band_ratio: float
    looked_at: int = 0
    suspects: frozenset[str] = frozenset()

    @classmethod
    def of(cls, before: pd.DataFrame, band_ratio: float) -> WorkWatch | None:
        """Return the watch against these operations; None where no name has `RECENT` of them."""
        taken = {name: seconds[-HISTORY:] for name, seconds in durations(before).items() if len(seconds) >= RECENT}
        names = sorted(taken, key=lambda name: len(taken[name]), reverse=True)[:_MOST_NAMES]
        if not names:
            return None
        return cls({name: taken[name] for name in names}, _share(before, names), band_ratio)

    def look(self, since: pd.DataFrame) -> Found:
        """Judge operations that no look has seen yet.

        Each name is held against itself, so that another mix of them is not taken for a slowdown. A slowdown must be
        surer than the band and than what the operations of that name differed among themselves before the change.
        """
        if len(since) < RECENT:
            return Found("waiting", self, f"{len(since)} operations since are too few.")
        share = _share(since, self.before)
        if share < _LEAST_SHARE * self.known_ratio:
            told = (
                f"{share:.0%} of the operations since are those that it was applied for, {self.known_ratio:.0%} before"
            )
            return Found("expired", self, f"{told}: the program does something else.")
        seen = {name: durations_ for name, durations_ in durations(since).items() if name in self.before}
        enough = {name: seconds for name, seconds in seen.items() if len(seconds) >= RECENT}
        if not enough:
            return Found("waiting", self, f"no operation has run {RECENT} times since.")
        return self._judged(enough)

    def noise_ratio(self, name: str) -> float:
        """Return by how much the first and the second half of the operations before differ, with nothing changed."""
        seconds = self.before[name]
        half = len(seconds) // 2
        return abs(shift_ratio(seconds[:half], seconds[half:]).value - 1)

    def _judged(self, since: Durations) -> Found:
        slowdowns = [self._slowdown(name, seconds, len(since)) for name, seconds in since.items()]
        against = {each.operation: each for each in slowdowns if each.low > self._allowed(each.operation)}
        again = [each for name, each in against.items() if name in self.suspects]
        slowest = max(again or slowdowns, key=lambda each: each.low)
        count = self.looked_at + sum(map(len, since.values()))
        watch = replace(self, looked_at=count, suspects=frozenset(against))
        told = _told(slowest)
        if again:
            return Found("regressed", watch, f"{told}.", slowest)
        if count >= MOST_LOOKED_AT and not against:
            return Found("held", watch, f"{told} at the worst; it is watched no more.", slowest)
        return Found("waiting", watch, f"{told} at the worst.", slowest)

    def _slowdown(self, name: str, since: NDArray[np.float64], names: int) -> Slowdown:
        found: Interval = shift_ratio(self.before[name], since[-2 * HISTORY :], 1 - (1 - _CONFIDENCE) / names)
        return Slowdown.of(name, found)

    def _allowed(self, name: str) -> float:
        return max(self.band_ratio, self.noise_ratio(name))


def durations(operations: pd.DataFrame) -> Durations:
    """Return the seconds of each name of operation, in the order of the rows, above 0."""
    import numpy as np

    named = operations.groupby("name", observed=True, sort=False)["duration_s"]
    return {str(name): np.maximum(seconds.to_numpy(dtype=float), LEAST_S) for name, seconds in named}


def _share(operations: pd.DataFrame, names: Mapping[str, object] | list[str]) -> float:
    return float(operations["name"].isin(list(names)).mean())


def _told(slowest: Slowdown) -> str:
    ratio, low, high = (1 + growth for growth in (slowest.growth, slowest.low, slowest.high))
    return f"{slowest.operation!r} takes {ratio:.2f} [{low:.2f}, {high:.2f}] times as long as before"
