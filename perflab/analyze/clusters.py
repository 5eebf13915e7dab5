"""Intervals of numbers from runs whose observations depend on each other, such as the accesses of one run.

In: observations by run, and the stratum of each run. Out: `Interval`s; whole runs are resampled, never observations.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from perflab.analyze.intervals import Interval, share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["ENOUGH", "mean", "quantile", "share_of_runs", "share_of_sampled"]

ENOUGH = 6
"""Fewest runs of each stratum that are resampled."""

_ENOUGH_SAMPLED = 30
"""Fewest sampled clusters for a normal interval."""

_RESAMPLES = 2000
_BOOTSTRAP = "bootstrap percentile interval over runs"
_TOO_FEW = f"too few runs for an interval, which takes {ENOUGH} of each workload"

Strata = Sequence[Hashable]


def share_of_runs(
    counts: Sequence[int],
    totals: Sequence[int],
    confidence: float = 0.95,
    *,
    strata: Strata | None = None,
    seed: int = 2026,
) -> Interval:
    """Return the pooled share with a bootstrap percentile interval over runs.

    Runs that all agree would give that interval no width, and too few runs cannot be resampled. Both times the
    interval is Wilson's for as many observations as one run has on average: the further runs are taken to add nothing.

    Parameters
    ----------
    counts, totals
        Of each run.
    confidence
        Confidence of the interval.
    strata
        What each run is of, such as its workload: each stratum is resampled by itself. By default all are of one.
    seed
        Of the resampling.

    Examples
    --------
    >>> share_of_runs([8, 9, 10, 9, 8, 9], [10] * 6).low < 53 / 60
    True
    >>> found = share_of_runs([100] * 6, [100] * 6)
    >>> found.value, round(found.low, 3), found.high
    (1.0, 0.963, 1.0)
    """
    import numpy as np

    hits, sizes = np.asarray(counts, dtype=np.int64), np.asarray(totals, dtype=np.int64)
    total, runs = int(sizes.sum()), len(sizes)
    if not total or runs == 1:
        return share(int(hits.sum()), total, confidence)
    drawn = _drawn(strata or [None] * runs, seed)
    if drawn is not None:
        low, high = _percentiles((drawn @ hits) / (drawn @ sizes), confidence)
        if high - low > 1e-12:
            how = f"{int(hits.sum())} of {total} in {runs} runs; {_BOOTSTRAP}"
            return Interval(float(hits.sum() / total), low, high, total, how)
    why = "too few runs to resample" if drawn is None else "all runs agree"
    return _of_one_run(int(hits.sum()), total, runs, why, confidence)


def share_of_sampled(
    counts: Sequence[int] | Ints, totals: Sequence[int] | Ints, sampled: float, confidence: float = 0.95
) -> Interval:
    """Return the pooled share of all clusters, estimated from a part of them, such as keys chosen by their hash.

    The ratio estimate with its linearized variance and the correction for a finite population (Cochran, "Sampling
    Techniques", 1977, 6.3 and 9A.1); bounds by the normal distribution, NaN below 30 clusters. A few clusters with
    most of the observations make them too narrow.

    Parameters
    ----------
    counts, totals
        Of each cluster that was drawn.
    sampled
        Share of the clusters that were drawn.
    confidence
        Confidence of the interval.

    Examples
    --------
    >>> found = share_of_sampled([1, 2] * 30, [2, 2] * 30, 0.1)
    >>> found.value, round(found.low, 2), round(found.high, 2)
    (0.75, 0.69, 0.81)
    """
    import numpy as np
    from scipy.special import ndtri

    hits, sizes = np.asarray(counts, dtype=np.float64), np.asarray(totals, dtype=np.float64)
    clusters, total = len(sizes), float(sizes.sum())
    if not total:
        return share(0, 0, confidence)
    value = float(hits.sum()) / total
    what = f"{hits.sum():.0f} of {total:.0f} to {clusters} keys"
    if clusters < _ENOUGH_SAMPLED:
        return Interval(value, math.nan, math.nan, int(total), f"{what}; too few keys for an interval")
    scatter = float(((hits - value * sizes) ** 2).sum()) * clusters / (clusters - 1)
    spread = float(ndtri(0.5 + confidence / 2)) * math.sqrt((1 - sampled) * scatter) / total
    how = f"{what}; ratio estimate of a sample of keys"
    return Interval(value, max(0.0, value - spread), min(1.0, value + spread), int(total), how)


def mean(
    runs: Sequence[Floats], confidence: float = 0.95, *, strata: Strata | None = None, seed: int = 2026
) -> Interval:
    """Return the mean of all observations with a bootstrap percentile interval over runs; parameters as `quantile`.

    Examples
    --------
    >>> import numpy as np
    >>> found = mean([np.array([1.0, 3.0]), np.array([2.0])])
    >>> found.value, found.method
    (2.0, 'mean of 3 in 2 runs; too few runs for an interval, which takes 6 of each workload')
    """
    import numpy as np

    sums, sizes = np.array([run.sum() for run in runs]), np.array([run.size for run in runs], dtype=np.int64)
    n = int(sizes.sum())
    if not n:
        return Interval(math.nan, math.nan, math.nan, 0, "no observations")
    drawn = _drawn(strata or [None] * len(runs), seed)
    resampled = None if drawn is None else (drawn @ sums) / (drawn @ sizes)
    return _resampled(float(sums.sum() / n), n, f"mean of {n} in {_runs(len(runs))}", resampled, confidence)


def quantile(
    runs: Sequence[Floats], p: float, confidence: float = 0.95, *, strata: Strata | None = None, seed: int = 2026
) -> Interval:
    """Return the nearest-rank p-quantile of all observations with a bootstrap percentile interval over runs.

    Bounds are NaN where a stratum has too few runs, or where the quantile is the greatest value: no resample can show
    what lies beyond.

    Parameters
    ----------
    runs
        The observations of each run; none is empty.
    p
        Between 0 and 1.
    confidence, strata, seed
        As for `share_of_runs`.

    Examples
    --------
    >>> import numpy as np
    >>> found = quantile([np.arange(run, 1000.0, 10) for run in range(10)], 0.95)
    >>> found.value, found.low <= 949.0 <= found.high
    (949.0, True)
    """
    import numpy as np

    pooled = np.sort(np.concatenate([*runs, np.empty(0)]))
    n = pooled.size
    if not n:
        return Interval(math.nan, math.nan, math.nan, 0, "no observations")
    rank = max(1, math.ceil(p * n))
    if rank == n:
        return Interval(float(pooled[-1]), math.nan, math.nan, n, f"greatest of {n}; too few for an interval")
    drawn = _drawn(strata or [None] * len(runs), seed)
    resampled = None if drawn is None else _quantiles(runs, pooled, p, drawn)
    what = f"{p * 100:g} % quantile of {n} in {_runs(len(runs))}"
    return _resampled(float(pooled[rank - 1]), n, what, resampled, confidence)


def _drawn(strata: Strata, seed: int) -> Ints | None:
    """Return how often each resample (a row) holds each run (a column), or None if a stratum has too few runs."""
    import numpy as np

    members = {stratum: [i for i, other in enumerate(strata) if other == stratum] for stratum in dict.fromkeys(strata)}
    if any(len(runs) < ENOUGH for runs in members.values()):
        return None
    rng = np.random.default_rng(seed)
    drawn = np.zeros((_RESAMPLES, len(strata)), dtype=np.int64)
    for runs in members.values():
        drawn[:, runs] = rng.multinomial(len(runs), np.full(len(runs), 1 / len(runs)), _RESAMPLES)
    return drawn


def _quantiles(runs: Sequence[Floats], pooled: Floats, p: float, drawn: Ints) -> Floats:
    """Return the quantile of each resample, bisecting the sorted values for all resamples at once."""
    import numpy as np

    ordered = [np.sort(run) for run in runs]
    ranks = np.maximum(1, np.ceil(p * (drawn @ np.array([run.size for run in runs]))))
    low, high = np.zeros(len(drawn), dtype=np.int64), np.full(len(drawn), pooled.size - 1)
    while (low < high).any():
        middle = (low + high) // 2
        up_to = np.array([np.searchsorted(run, pooled[middle], side="right") for run in ordered])
        enough = (drawn.T * up_to).sum(axis=0) >= ranks
        low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
    return pooled[low]


def _resampled(value: float, n: int, what: str, resampled: Floats | None, confidence: float) -> Interval:
    if resampled is None:
        return Interval(value, math.nan, math.nan, n, f"{what}; {_TOO_FEW}")
    return Interval(value, *_percentiles(resampled, confidence), n, f"{what}; {_BOOTSTRAP}")


def _of_one_run(count: int, total: int, runs: int, why: str, confidence: float) -> Interval:
    size = max(1, total // runs)
    found = share(round(size * count / total), size, confidence)
    how = f"{count} of {total} in {runs} runs; {why}: Wilson interval over the {size} of one run"
    return Interval(count / total, found.low, found.high, total, how)


def _runs(n: int) -> str:
    return "1 run" if n == 1 else f"{n} runs"


def _percentiles(resampled: Floats, confidence: float) -> tuple[float, float]:
    import numpy as np

    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)
