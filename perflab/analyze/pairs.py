"""Two arms measured in interleaved blocks: how much faster, how sure, against which noise.

In: the two arms' samples of the same blocks. Out: a `Comparison`, its verdict, outlier flags and the noise floor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from perflab.analyze.intervals import Interval, median

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "Comparison",
    "Verdict",
    "compare",
    "flag_outliers",
    "judge_ratio",
    "log_ratios",
    "noise_floor",
    "outliers",
    "ratio",
]

Verdict = Literal["faster", "slower", "same", "unclear"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How an arm does against the baseline of the same blocks.

    Attributes
    ----------
    ratio : float
        Time of the arm / time of the baseline; below 1 is faster.
    low, high : float
        Bounds of the ratio; NaN where there are too few pairs.
    pairs : int
        Blocks in which both arms were measured.
    baseline_noise, noise : float
        Noise floor of the baseline and of the arm, see `noise_floor`.
    note : str
        The method, and what limits it.
    """

    ratio: float
    low: float
    high: float
    pairs: int
    verdict: Verdict
    baseline_noise: float
    noise: float
    note: str


def compare(
    baseline: Mapping[int, float],
    other: Mapping[int, float],
    *,
    confidence: float = 0.95,
    band_ratio: float = 0.03,
    quads: bool = False,
) -> Comparison:
    """Compare two arms by their samples, keyed by the block in which they were measured.

    Parameters
    ----------
    baseline, other
        Seconds by block. Blocks that only one arm has are left out.
    confidence
        Confidence of the interval.
    band_ratio
        Differences up to this ratio count as the same.
    quads
        Whether blocks come in quads, each in one process, see `noise_floor`.

    Examples
    --------
    >>> found = compare(dict(enumerate([2.0] * 6)), dict(enumerate([1.0, 1.1, 0.9, 1.0, 1.05, 0.95])))
    >>> found.ratio, found.verdict, found.pairs
    (0.5, 'faster', 6)
    """
    interval = ratio(log_ratios(baseline, other), confidence)
    return Comparison(
        ratio=interval.value,
        low=interval.low,
        high=interval.high,
        pairs=interval.n,
        verdict=judge_ratio(interval.low, interval.high, band_ratio),
        baseline_noise=noise_floor(baseline, quads=quads),
        noise=noise_floor(other, quads=quads),
        note=interval.method,
    )


def log_ratios(baseline: Mapping[int, float], other: Mapping[int, float]) -> NDArray[np.float64]:
    """Return log(other / baseline) of each block that has both, in the order of the blocks."""
    import numpy as np

    shared = sorted(baseline.keys() & other.keys())
    return np.array([math.log(other[block] / baseline[block]) for block in shared], dtype=np.float64)


def ratio(logs: Sequence[float] | NDArray[np.float64], confidence: float = 0.95) -> Interval:
    """Return exp of the median log-ratio, and of its exact order-statistic interval."""
    found = median(logs, confidence)
    return Interval(
        math.exp(found.value), math.exp(found.low), math.exp(found.high), found.n, f"paired ratios: {found.method}"
    )


def judge_ratio(low: float, high: float, band_ratio: float = 0.03) -> Verdict:
    """Return the three-way verdict, and `unclear` where the interval allows none.

    Examples
    --------
    >>> judge_ratio(0.80, 0.96), judge_ratio(0.98, 1.02), judge_ratio(0.90, 1.01), judge_ratio(1.04, 1.2)
    ('faster', 'same', 'unclear', 'slower')
    """
    if high < 1 - band_ratio:
        return "faster"
    if low > 1 + band_ratio:
        return "slower"
    if low >= 1 - band_ratio and high <= 1 + band_ratio:
        return "same"
    return "unclear"


def noise_floor(samples: Mapping[int, float], *, quads: bool = False) -> float:
    """Return the median spread of an arm against itself in neighbouring blocks, as a ratio above 0.

    With `quads`, only blocks 2i and 2i + 1 are neighbours: the two halves of one ABBA quad. NaN where no two
    neighbours were measured.

    Examples
    --------
    >>> round(noise_floor({0: 1.0, 1: 1.1, 2: 1.0, 3: 1.0 / 1.1}), 3)
    0.1
    """
    import numpy as np

    spreads = [
        abs(math.log(samples[block + 1] / samples[block]))
        for block in sorted(samples)
        if block + 1 in samples and not (quads and block % 2)
    ]
    return math.expm1(float(np.median(spreads))) if spreads else math.nan


def outliers(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which values lie outside Tukey's fences: 1.5 quartile ranges beyond the quartiles.

    Source: Tukey, "Exploratory Data Analysis" (1977). Fewer than 4 values have no quartiles worth the name.

    Examples
    --------
    >>> outliers([1.0, 1.1, 0.9, 1.0, 5.0]).tolist()
    [False, False, False, False, True]
    """
    import numpy as np

    data = np.asarray(values, dtype=np.float64)
    if data.size < 4:
        return np.zeros(data.size, dtype=np.bool_)
    first, third = np.quantile(data, [0.25, 0.75])
    reach = 1.5 * (third - first)
    return np.asarray((data < first - reach) | (data > third + reach), dtype=np.bool_)


def flag_outliers(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the `samples` frame with `outlier` filled in; no row is dropped.

    Each workload's arm in each state, with its number of workers, has its own fences. Warm-ups, failed samples and
    memory runs have no time to judge: theirs is missing.
    """
    import pandas as pd

    flagged = samples.copy()
    flags = pd.Series(pd.NA, index=samples.index, dtype="boolean")
    timed = samples[(samples["purpose"] == "time") & (samples["pair"] >= 0) & samples["wall_s"].notna()]
    arm = ["workload", "state", "arm", "workers"]
    for _, rows in timed.groupby(arm, observed=True, dropna=False):
        flags[rows.index] = outliers(rows["wall_s"].to_numpy(dtype=float))
    flagged["outlier"] = flags
    return flagged
