"""Bounds of what was counted over accesses, which depend on each other.

In: a number for each access, in order. Out: bounds of their mean, or of the ratio of two means, by drawing stretches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["SEGMENTS", "Segments", "mean_bounds", "ratio_bounds"]

SEGMENTS = 20
"""Stretches that are drawn as a whole: accesses that lie near each other are alike."""

_RESAMPLES = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Sums over stretches of accesses, and how many accesses each has.

    Examples
    --------
    >>> import numpy as np
    >>> Segments.of(np.ones(40)).mean
    1.0
    """

    sums: Floats
    lengths: npt.NDArray[np.int64]

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> Segments:
        """Return the sums of a number for each access over `SEGMENTS` stretches; fewer if there are fewer accesses."""
        import numpy as np

        edges = np.linspace(0, len(values), min(SEGMENTS, len(values)) + 1).astype(int)
        exact = np.int64 if values.dtype == np.bool_ else np.float64
        sums = np.add.reduceat(values, edges[:-1], dtype=exact) if len(values) else np.zeros(0)
        return cls(sums.astype(np.float64), np.diff(edges))

    @property
    def mean(self) -> float:
        """The mean over all accesses."""
        return float(self.sums.sum() / max(1, self.lengths.sum()))

    def drawn(self, seed: int) -> Floats:
        """Return the mean of each of 2,000 draws of as many stretches as there are, with replacement."""
        import numpy as np

        chosen = np.random.default_rng(seed).integers(0, len(self.sums), size=(_RESAMPLES, len(self.sums)))
        means: Floats = self.sums[chosen].sum(axis=1) / self.lengths[chosen].sum(axis=1)
        return means


def mean_bounds(values: npt.NDArray[Any], seed: int = 2026, confidence: float = 0.95) -> tuple[float, float]:
    """Return the bounds of the mean of a number for each access: a percentile bootstrap over stretches of them."""
    return _percentiles(Segments.of(values).drawn(seed), confidence)


def ratio_bounds(
    over: Segments, under: Segments, *, paired: bool, seed: int = 2026, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the bounds of `over.mean / under.mean`, by the same bootstrap; NaN where nothing is below.

    Parameters
    ----------
    paired
        Whether both count the same accesses, so that the same stretches are drawn of both.
    """
    import numpy as np

    upper, lower = over.drawn(seed), under.drawn(seed if paired else seed + 1)
    known = lower > 0
    if not known.all():
        return float("nan"), float("nan")
    return _percentiles(np.divide(upper, lower), confidence)


def _percentiles(means: Floats, confidence: float) -> tuple[float, float]:
    import numpy as np

    tail = 50 * (1 - confidence)
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)
