"""Curves that are estimated: where nothing can be compiled, and from a sample of the keys where that is asked for.

In: a workload. Out: `Curve` whose `how` says `estimated`; for a sample a frame with bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.analyze.curve import Curve, lru_curve
from perflab.analyze.simulate.workload import Workload
from perflab.trace.trace import chosen_keys, hashed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

__all__ = ["aet_curve", "shards"]

_MOST_POINTS = 2_000
_GROUPS = 8
_T_QUANTILE = 2.365
"""Student's t, 97.5 %, 7 degrees of freedom: for `_GROUPS` estimates."""


def aet_curve(work: Workload) -> Curve:
    """Estimate LRU's curve from how long keys are not wanted.

    A value that is not used moves through the cache at the pace at which other accesses miss it; the average eviction
    time of a size is when it has gone through. Hu, Wang, Li, et al.: Kinetic modeling of data eviction in cache, USENIX
    ATC 2016. It errs by up to a point on most traces, and misses the cliffs of loops.
    """
    import numpy as np

    gaps = _reuse_times(work)
    weights = np.maximum(np.broadcast_to(work.weights, len(work)), 0)
    if work.stride:
        gaps[work.weights < 0] = 0
    passing = _outlasting(gaps, weights, len(work))
    sizes = np.cumsum(passing)[:-1]  # once a size has gone through, keys are held that were wanted one access later
    kept = np.unique(np.geomspace(1, max(1, len(sizes)), _MOST_POINTS).astype(int))[: len(sizes)] - 1
    cut = len(work) // 2
    whole, second = (_reused(part, len(work))[kept + 1] for part in (gaps, gaps[cut:]))
    saved = np.full(len(kept), np.nan)
    rounded = np.maximum(1, sizes[kept].round().astype(np.int64))
    return Curve("lru", work.unit, rounded, whole, second, saved, "estimated, by reuse times (AET)")


def shards(work: Workload, ratio: float, *, seed: int = 2026, workers: int | None = None) -> pd.DataFrame:
    """Estimate LRU's curve from a share of the keys, and show how far that may be off.

    Waldspurger, Park, Garthwaite, Ahmad: Efficient MRC construction with SHARDS, FAST 2015, with their correction for
    keys that are wanted far more often than others (SHARDS-adj).

    Returns
    -------
    pandas.DataFrame
        `size`, `miss_ratio`, `low`, `high` (95 %, by Student's t from eight groups of the sampled keys; the bounds do
        not know of an error that all groups share) and `how`.

    Raises
    ------
    ConfigError
        If the ratio is not above 0 and at most 1.
    """
    import numpy as np
    import pandas as pd

    from perflab.analyze.curve import grid

    chosen = chosen_keys(work.keys, ratio, seed)
    group = (hashed(work.keys, seed + 1) * _GROUPS).astype(int)
    sizes = grid(work)
    whole = _scaled(work, chosen, ratio, sizes, workers)
    parts = [_scaled(work, chosen & (group == each), ratio / _GROUPS, sizes, workers) for each in range(_GROUPS)]
    half = _T_QUANTILE * np.nanstd(parts, axis=0, ddof=1) / np.sqrt(_GROUPS)
    bounds = {"low": np.clip(whole - half, 0, 1), "high": np.clip(whole + half, 0, 1)}
    return pd.DataFrame({"size": sizes, "miss_ratio": whole, **bounds, "how": f"estimated, by SHARDS at {ratio:g}"})


def _scaled(
    work: Workload, chosen: npt.NDArray[np.bool_], ratio: float, sizes: npt.NDArray[np.int64], workers: int | None
) -> Floats:
    """Return the miss ratio at each size, from the accesses to the chosen keys and caches that are as much smaller."""
    import numpy as np

    part = work.only(chosen[work.ids])
    if not len(part):
        return np.full(len(sizes), np.nan)
    curve = lru_curve(part, workers)
    missing = len(work) * ratio - len(part)  # hits of the hottest keys that the sample has too few or too many of
    hits = np.array([curve.at(size * ratio) for size in sizes]) * len(part)
    clipped: Floats = np.clip(1 - (hits + missing) / (len(work) * ratio), 0, 1)
    return clipped


def _reuse_times(work: Workload) -> npt.NDArray[np.int64]:
    """Return how many accesses ago each access's key was wanted last; 0 for never."""
    import numpy as np

    order = np.argsort(work.ids, kind="stable")
    same = work.ids[order][1:] == work.ids[order][:-1]
    gaps = np.zeros(len(work), dtype=np.int64)
    gaps[order[1:]] = np.where(same, np.diff(order), 0)
    return gaps


def _outlasting(gaps: npt.NDArray[np.int64], weights: npt.NDArray[np.int64], total: int) -> Floats:
    """Return for each age the weight of accesses, per access, whose key is not wanted again up to that age."""
    import numpy as np

    reused = np.bincount(gaps, weights=weights, minlength=total + 1)[: total + 1]
    reused[0] = 0
    left: Floats = (weights.sum() - np.cumsum(reused)) / max(1, total)
    return left


def _reused(gaps: npt.NDArray[np.int64], total: int) -> Floats:
    """Return for each age the share of accesses whose key was wanted at most so long ago."""
    import numpy as np

    counts = np.bincount(gaps, minlength=total + 1)[: total + 1]
    counts[0] = 0
    shares: Floats = np.cumsum(counts) / max(1, len(gaps))
    return shares
