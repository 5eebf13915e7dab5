"""Hit rates of one policy over all sizes.

In: a workload, the name of a policy. Out: `Curve`: for LRU exact at every size, for others simulated at some.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perflab.analyze.simulate.workload import Unit, Workload

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

__all__ = ["Curve", "grid", "lru_curve", "simulated_curve"]

_GRID = 48
_SPAN = 4_096
"""The smallest size of a grid is the footprint by this."""
_MOST_STEPS = 2_000
_SMALL_SIZES = 24


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Hit rates by size.

    Attributes
    ----------
    policy, unit
        What was simulated, and whether sizes are entries or bytes.
    sizes : int64 array
        Rising.
    hit_rates, held_out : float64 arrays
        Over the whole trace, and over its second half alone, with what the first half left in the cache; 0..1.
    saved_s : float64 array
        Seconds of loads that the hits make needless; NaN if no cost is known.
    how : str
        `exact`, `simulated` or `estimated`, and by what.
    is_stepped : bool
        Whether the rate changes at the sizes alone, and not between them.
    """

    policy: str
    unit: Unit
    sizes: Ints
    hit_rates: Floats
    held_out: Floats
    saved_s: Floats
    how: str
    is_stepped: bool = False

    def at(self, size: float) -> float:
        """Return the hit rate at a size, read off the curve: between two simulated sizes on the line between them.

        Examples
        --------
        >>> from perflab.trace import Trace
        >>> curve = lru_curve(Workload.of(Trace.of(list("abab")), "entries"))
        >>> curve.at(1), curve.at(2)
        (0.0, 0.5)
        """
        import numpy as np

        if not len(self.sizes):
            return math.nan
        if self.is_stepped:
            place = int(np.searchsorted(self.sizes, size, side="right")) - 1
            return float(self.hit_rates[place]) if place >= 0 else 0.0
        rates = np.concatenate(([0.0], self.hit_rates))
        return float(np.interp(size, np.concatenate(([0], self.sizes)), rates))

    def smallest(self, hit_rate: float) -> int | None:
        """Return the smallest size of the curve that reaches a hit rate, or None."""
        import numpy as np

        reached = np.flatnonzero(self.hit_rates >= hit_rate - 1e-12)
        return int(self.sizes[reached[0]]) if len(reached) else None

    def knee(self) -> int | None:
        """Return the size after which more room brings less than it did on average; None without any hit.

        It is the point farthest above the line from nothing to where the curve has reached its height. Satopaa,
        Albrecht, Irwin, Raghavan: Finding a "Kneedle" in a haystack, ICDCS Workshops 2011.
        """
        import numpy as np

        best = float(self.hit_rates.max()) if len(self.hit_rates) else 0.0
        if not best > 0:
            return None
        end = int(np.argmax(self.hit_rates >= best))
        shares = self.sizes[: end + 1] / self.sizes[end]
        return int(self.sizes[int(np.argmax(self.hit_rates[: end + 1] / best - shares))])

    def frame(self) -> pd.DataFrame:
        """Return a row a size at which the rate differs from that of the size before.

        Columns: `policy`, `size` (entries or bytes), `hit_rate`, `miss_ratio`, `held_out` (ratios), `saved_s`, `how`.
        """
        import numpy as np
        import pandas as pd

        kept = np.ones(len(self.sizes), dtype=bool)
        if self.is_stepped:
            kept[1:] = self.hit_rates[1:] != self.hit_rates[:-1]
        columns = {
            "policy": self.policy,
            "size": self.sizes[kept],
            "hit_rate": self.hit_rates[kept],
            "miss_ratio": 1 - self.hit_rates[kept],
            "held_out": self.held_out[kept],
            "saved_s": self.saved_s[kept],
            "how": self.how,
        }
        return pd.DataFrame(columns)


def grid(work: Workload, count: int = _GRID) -> Ints:
    """Return sizes, evenly apart by their logarithms, up to one in which everything has room."""
    import numpy as np

    most = max(1, work.footprint)
    return np.unique(np.geomspace(max(1, most // _SPAN), most, count).round().astype(np.int64))


def simulated_curve(policy: str, work: Workload, sizes: Sequence[int] | Ints, workers: int | None = None) -> Curve:
    """Return the curve of any policy at some sizes, on all cores."""
    import numpy as np

    from perflab.analyze.simulate.run import misses

    wanted = np.unique(np.asarray(sizes, dtype=np.int64))
    found = misses(policy, work, wanted, workers)
    lengths = len(work) // 2, len(work) - len(work) // 2
    total = float(work.known_costs.sum()) if work.cost_stride else math.nan
    hit_rates = 1 - found.counts.sum(axis=1) / max(1, len(work))
    held_out = 1 - found.counts[:, 1] / max(1, lengths[1])
    return Curve(policy, work.unit, wanted, hit_rates, held_out, total - found.lost_s, "simulated, each size by itself")


def lru_curve(work: Workload, workers: int | None = None) -> Curve:
    """Return the exact curve of LRU: by entries at every size, by bytes at up to 2,000 of them.

    By bytes, sizes below the largest value are simulated: a cache that refuses such a value is none of those that
    stack distances are about.
    """
    return _by_entries(work) if work.unit == "entries" else _by_bytes(work, workers)


def _by_entries(work: Workload) -> Curve:
    import numpy as np

    from perflab.analyze.simulate.stack import distances, tally

    cut, stored = _stored(work)
    found = np.zeros(len(stored.ids), dtype=np.int32)
    distances(stored.ids, stored.keys, found)
    halves = np.zeros((2, work.keys + 1), dtype=np.int64)
    tally(found[:cut], halves[0])
    tally(found[cut:], halves[1])
    halves[:, 0] = 0  # first accesses
    saved = np.full(work.keys + 1, np.nan)
    if work.cost_stride:
        saved = np.bincount(found, weights=stored.known_costs, minlength=work.keys + 1)
        saved[0] = 0.0
    return _cumulated(work, np.arange(work.keys + 1), halves, saved, "exact, by stack distances")


def _by_bytes(work: Workload, workers: int | None) -> Curve:
    import numpy as np

    from perflab.analyze.simulate.stack import weighed_distances

    cut, stored = _stored(work)
    found = np.zeros(len(stored.ids), dtype=np.int64)
    weighed_distances(stored.ids, stored.keys, stored.weights, found)
    sizes = _steps(found, work.heaviest)
    bins = np.searchsorted(sizes, found)
    bins[found < 0] = len(sizes)
    halves = np.array([np.bincount(part, minlength=len(sizes) + 1)[:-1] for part in (bins[:cut], bins[cut:])])
    saved = np.full(len(sizes), np.nan)
    if work.cost_stride:
        saved = np.bincount(bins, weights=stored.known_costs, minlength=len(sizes) + 1)[:-1]
    how = "exact, by stack distances" if _is_constant(stored) else "estimated, by stack distances of sizes that change"
    exact = _cumulated(work, sizes, halves, saved, how)
    small = simulated_curve("lru", work, _below(work), workers)
    return Curve(
        "lru",
        work.unit,
        np.concatenate((small.sizes, exact.sizes)),
        np.concatenate((small.hit_rates, exact.hit_rates)),
        np.concatenate((small.held_out, exact.held_out)),
        np.concatenate((small.saved_s, exact.saved_s)),
        f"{how}; below the largest value simulated",
    )


def _cumulated(work: Workload, sizes: Ints, halves: Ints, saved: Floats, how: str) -> Curve:
    import numpy as np

    risen = np.cumsum(halves, axis=1)
    second = max(1, len(work) - len(work) // 2)
    rates = risen.sum(axis=0) / max(1, len(work))
    return Curve("lru", work.unit, sizes, rates, risen[1] / second, np.cumsum(saved), how, work.unit == "entries")


def _stored(work: Workload) -> tuple[int, Workload]:
    """Return the accesses to what is ever stored, and how many of them are in the first half."""
    cut = len(work) // 2
    if not work.stride or work.weights.min(initial=0) >= 0:
        return cut, work
    known = work.weights >= 0
    return int(known[:cut].sum()), work.only(known)


def _steps(found: Ints, heaviest: int) -> Ints:
    """Return sizes from the largest value on at which hits are added, at most so many."""
    import numpy as np

    ordered = np.sort(found)
    ordered = ordered[np.searchsorted(ordered, 0) :]
    np.maximum(ordered, max(1, heaviest), out=ordered)
    rises = np.ones(len(ordered), dtype=bool)
    rises[1:] = ordered[1:] != ordered[:-1]
    if np.count_nonzero(rises) <= _MOST_STEPS:
        return ordered[rises]
    chosen = ordered[np.linspace(0, len(ordered) - 1, _MOST_STEPS // 2).astype(np.int64)]
    spaced = np.geomspace(ordered[0], ordered[-1], _MOST_STEPS // 2).astype(np.int64)
    return np.unique(np.concatenate((chosen, spaced, ordered[-1:])))


def _below(work: Workload) -> Ints:
    """Return sizes below the largest value."""
    import numpy as np

    if work.heaviest < 2:
        return np.zeros(0, dtype=np.int64)
    least = max(1, work.heaviest // 1_000)
    return np.unique(np.geomspace(least, work.heaviest - 1, _SMALL_SIZES).astype(np.int64))


def _is_constant(work: Workload) -> bool:
    import numpy as np

    last = np.zeros(work.keys, dtype=np.int64)
    last[work.ids] = work.weights
    return bool((last[work.ids] == work.weights).all())
