"""Intervals of measured numbers, each by the method that its kind of data allows.

In: arrays of observations. Out: `Interval(value, low, high, n, method)`; bounds are NaN where no honest bound exists.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Interval", "at_least", "few", "median", "observed", "quantile", "share", "shift_ratio"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the bounds of its confidence interval, the number of observations and the method's name."""

    value: float
    low: float
    high: float
    n: int
    method: str


def median(values: Sequence[float] | Floats, confidence: float = 0.95) -> Interval:
    """Return the median with its exact order-statistic interval, which assumes no distribution.

    Bounds are NaN where no two order statistics reach the confidence: below 6 observations at 95 %.
    Source: inversion of the sign test, `scipy.stats.quantile_test`.

    Examples
    --------
    >>> median([3.0, 1.0, 2.0, 5.0, 4.0, 6.0])
    Interval(value=3.5, low=1.0, high=6.0, n=6, method='median of 6; exact order-statistic interval')
    >>> median([1.0, 2.0]).method
    'median of 2; too few for an exact 95 % interval'
    """
    import numpy as np
    from scipy.stats import quantile_test

    data = np.asarray(values, dtype=np.float64)
    if not data.size:
        return Interval(math.nan, math.nan, math.nan, 0, "no observations")
    bounds = quantile_test(data, q=0, p=0.5).confidence_interval(confidence)
    low, high = float(bounds.low), float(bounds.high)
    exact = math.isfinite(low) and math.isfinite(high)
    if not exact:
        low = high = math.nan
    how = "exact order-statistic interval" if exact else f"too few for an exact {confidence * 100:g} % interval"
    return Interval(float(np.median(data)), low, high, data.size, f"median of {data.size}; {how}")


def quantile(values: Sequence[float] | Floats, p: float, confidence: float = 0.95) -> Interval:
    """Return a quantile of all values with its exact order-statistic interval, which assumes no distribution.

    Bounds are NaN where the values are too few: the 95th percentile has bounds of 95 % from 72 values.
    Source: inversion of the binomial test, `scipy.stats.quantile_test`.

    Examples
    --------
    >>> found = quantile(list(range(1, 101)), 0.95)
    >>> round(found.value, 2), found.low, found.high
    (95.05, 90.0, 100.0)
    """
    import numpy as np
    from scipy.stats import quantile_test

    data = np.asarray(values, dtype=np.float64)
    name = f"{100 * p:g}th percentile of {data.size}"
    if not data.size:
        return Interval(math.nan, math.nan, math.nan, 0, "no observations")
    bounds = quantile_test(data, q=0, p=p).confidence_interval(confidence)
    low, high = float(bounds.low), float(bounds.high)
    if not (math.isfinite(low) and math.isfinite(high)):
        how = f"too few for an exact {confidence * 100:g} % interval"
        return Interval(float(np.quantile(data, p)), math.nan, math.nan, data.size, f"{name}; {how}")
    return Interval(float(np.quantile(data, p)), low, high, data.size, f"{name}; exact order-statistic interval")


def few(values: Sequence[float] | Floats, confidence: float = 0.95) -> Interval:
    """Return the median of runs that are too costly to repeat often, such as of peak memory.

    From 6 runs (at 95 %) the bounds are exact; with 2 to 5 they are the least and the greatest run, and the method
    says so; a single run has no bounds.

    Examples
    --------
    >>> few([10.0, 12.0, 11.0])
    Interval(value=11.0, low=10.0, high=12.0, n=3, method='median of 3; range of the runs, not a 95 % interval')
    """
    found = median(values, confidence)
    if found.n < 2 or not math.isnan(found.low):
        return found
    how = f"median of {found.n}; range of the runs, not a {confidence * 100:g} % interval"
    return Interval(found.value, float(min(values)), float(max(values)), found.n, how)


def shift_ratio(
    before: Sequence[float] | Floats, after: Sequence[float] | Floats, confidence: float = 0.95
) -> Interval:
    """Return by which factor the values of two independent samples differ: 1 if they do not; all values above 0.

    It is the median of the ratios of all pairs, so that a few extreme values count for little, with the bounds between
    which the rank-sum test sees no difference. Values that depend on each other make the bounds too narrow.
    Source: Hodges and Lehmann's estimator on logarithms; bounds by Moses, in Hollander and Wolfe, "Nonparametric
    Statistical Methods", 4.2 and 4.3, with the normal approximation.

    Examples
    --------
    >>> found = shift_ratio([10.0, 11.0, 12.0, 13.0, 14.0], [20.0, 22.0, 24.0, 26.0, 28.0])
    >>> round(found.value, 2), round(found.low, 2), round(found.high, 2)
    (2.0, 1.57, 2.55)
    """
    import numpy as np
    from scipy.special import ndtri

    old, new = (np.log(np.asarray(values, dtype=np.float64)) for values in (before, after))
    pairs = np.sort((new[:, None] - old[None, :]).ravel())
    if not pairs.size:
        return Interval(math.nan, math.nan, math.nan, 0, "no observations")
    spread = math.sqrt(pairs.size * (old.size + new.size + 1) / 12)
    outside = math.floor(pairs.size / 2 - float(ndtri(0.5 + confidence / 2)) * spread)
    low, high = (pairs[outside - 1], pairs[-outside]) if outside >= 1 else (math.nan, math.nan)
    method = f"ratio of {new.size} to {old.size}; Hodges-Lehmann with rank-sum bounds"
    return Interval(math.exp(np.median(pairs)), math.exp(low), math.exp(high), int(old.size + new.size), method)


def share(count: int, total: int, confidence: float = 0.95) -> Interval:
    """Return count / total with Wilson's score interval; everything is NaN where the total is 0.

    Source: Wilson, "Probable inference", JASA 22 (1927), by `scipy.stats.binomtest`.

    Examples
    --------
    >>> interval = share(90, 100)
    >>> interval.value, round(interval.low, 3), round(interval.high, 3)
    (0.9, 0.826, 0.945)
    """
    from scipy.stats import binomtest

    if not total:
        return Interval(math.nan, math.nan, math.nan, 0, "no observations")
    bounds = binomtest(count, total).proportion_ci(confidence, method="wilson")
    return Interval(count / total, float(bounds.low), float(bounds.high), total, f"{count} of {total}; Wilson interval")


def at_least(value: float, n: int, method: str) -> Interval:
    """Return a lower bound that was read, such as the greatest of values seen now and then: the upper bound is NaN."""
    return Interval(float(value), float(value), math.nan, n, method)


def observed(value: float, n: int, method: str) -> Interval:
    """Return a fact that was read rather than sampled, such as a greatest value: its bounds are itself."""
    return Interval(float(value), float(value), float(value), n, method)
