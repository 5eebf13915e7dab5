"""The sketch of `perflab.cache.policy.sketch`, as rows of bytes.

In: hashes of keys. Out: how often each was asked for lately, about.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perflab.compiled import part

__all__ = ["Rows", "counted", "is_no_more_often", "rows_for"]

Rows = npt.NDArray[np.uint8]
"""Four by a power of two."""

_ROWS, _MOST, _SAMPLE, _LEAST_PLACES = 4, 15, 10, 64
_MIX = np.uint64(0x9E3779B97F4A7C15)


@part
def rows_for(keys: int) -> Rows:
    """Return a new sketch for so many keys."""
    places = _LEAST_PLACES
    while places < keys:
        places *= 2
    return np.zeros((_ROWS, places), np.uint8)


@part
def counted(rows: Rows, number: np.uint64, added: int) -> int:
    """Count a request, let the sketch age when it is time, and return how many requests it has counted since."""
    mixed = number * _MIX
    at, mask = mixed >> np.uint64(32), np.uint64(rows.shape[1] - 1)
    for row in range(_ROWS):
        if rows[row, at & mask] < _MOST:
            rows[row, at & mask] += 1
        at += mixed | np.uint64(1)
    added += 1
    if added >= _SAMPLE * rows.shape[1]:
        for row in range(_ROWS):
            for place in range(rows.shape[1]):
                rows[row, place] >>= 1
        return added // 2
    return added


@part
def is_no_more_often(rows: Rows, number: np.uint64, other: np.uint64) -> bool:
    """Return whether a key was asked for no more often than another, as far as the sketch knows."""
    return _estimate(rows, number) <= _estimate(rows, other)


@part
def _estimate(rows: Rows, number: np.uint64) -> int:
    mixed = number * _MIX
    at, mask = mixed >> np.uint64(32), np.uint64(rows.shape[1] - 1)
    least = _MOST
    for row in range(_ROWS):
        least = min(least, int(rows[row, at & mask]))
        at += mixed | np.uint64(1)
    return least
