"""Where a series of runs changed its level.

In: one value a run, in order of time. Out: the places at which a new level begins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LEAST_RUNS", "change_points", "pettitt"]

LEAST_RUNS = 30
"""Fewer runs say too little of what is usual."""
_LEAST_PART = 5


def change_points(values: Sequence[float], alpha: float = 0.05) -> list[int]:
    """Return the index of the first value of each new level; empty with fewer than 30 values.

    The series is cut where Pettitt's test finds the clearest change, and both parts are looked at again, until no part
    has one at this level of significance. A level has 5 values at least.
    Source: Pettitt, "A non-parametric approach to the change-point problem", Applied Statistics 28 (1979); cut in two
    again and again as by Vostrikova (1981).

    Examples
    --------
    >>> change_points([10.0, 10.1, 9.9] * 6 + [12.0, 12.1, 11.9] * 6)
    [18]
    """
    import numpy as np

    data = np.asarray(values, dtype=np.float64)
    if data.size < LEAST_RUNS:
        return []
    found, waiting = [], [(0, data.size)]
    while waiting:
        start, stop = waiting.pop()
        if stop - start < 2 * _LEAST_PART:
            continue
        place, chance = pettitt(data[start:stop])
        if chance < alpha and _LEAST_PART <= place <= stop - start - _LEAST_PART:
            found.append(start + place)
            waiting += [(start, start + place), (start + place, stop)]
    return _placed_anew(data, sorted(found))


def _placed_anew(data: NDArray[np.float64], found: list[int]) -> list[int]:
    """Place each change between its neighbours: where it was found, others still lay in its part."""
    for number in range(len(found)):
        start = found[number - 1] if number else 0
        stop = found[number + 1] if number + 1 < len(found) else data.size
        found[number] = start + pettitt(data[start:stop])[0]
    return found


def pettitt(values: NDArray[np.float64]) -> tuple[int, float]:
    """Return where the two parts of a series differ most, and the chance of so much without a change.

    Examples
    --------
    >>> import numpy as np
    >>> place, chance = pettitt(np.array([1.0] * 10 + [2.0] * 10))
    >>> place, chance < 0.01
    (10, True)
    """
    import numpy as np
    from scipy.stats import rankdata

    n = values.size
    # U of the first k values against the rest: 2 x the sum of their ranks - k (n + 1), Pettitt's (1979) equation 2.3.
    u = 2 * np.cumsum(rankdata(values))[:-1] - np.arange(1, n) * (n + 1)
    place = int(np.argmax(np.abs(u)))
    k = float(abs(u[place]))
    return place + 1, min(1.0, 2 * math.exp(-6 * k * k / (n**3 + n**2)))
