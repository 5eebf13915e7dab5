"""Whether a series of figures is flat: what grows without bound is told from what wanders.

In: times and figures. Out: how much the series grows from its first to its last time, with an interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import theilslopes

__all__ = ["Growth", "growth"]

WARM_UP = 1 / 3
BLOCKS = 40
"""Medians of so many stretches are fitted: neighbouring samples tell much the same, which would narrow the interval."""


@dataclass(frozen=True)
class Growth:
    """Growth of a figure over the part behind the warm-up: estimate and 95 % interval, and its median there."""

    estimate: float
    low: float
    high: float
    median: float


def growth(times: Sequence[float], figures: Sequence[float]) -> Growth:
    """Return how much figures grow behind the first third, by the slope of Theil and Sen (Sen 1968).

    Examples
    --------
    >>> growth(range(300), [5.0] * 300)
    Growth(estimate=0.0, low=0.0, high=0.0, median=5.0)
    >>> round(growth(range(300), range(300)).estimate)
    195
    """
    t, y = np.asarray(times, dtype=float), np.asarray(figures, dtype=float)
    warm = t >= t[0] + WARM_UP * (t[-1] - t[0])
    t, y = t[warm], y[warm]
    parts = min(BLOCKS, len(t))
    middles = [float(np.median(part)) for part in np.array_split(t, parts)]
    levels = [float(np.median(part)) for part in np.array_split(y, parts)]
    slope, _, low, high = theilslopes(levels, middles)
    span = middles[-1] - middles[0]
    return Growth(float(slope * span), float(low * span), float(high * span), float(np.median(y)))
