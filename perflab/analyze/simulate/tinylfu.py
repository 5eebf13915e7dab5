"""W-TinyLFU of one size.

In: numbers of keys, weights. Out: for each access, was it missed?
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perflab.analyze.simulate.rings import append, unlink
from perflab.compiled import kernel, part

__all__ = ["tinylfu"]

_NONE, _WINDOW, _PROBATION, _PROTECTED = 0, 1, 2, 3
_ROWS, _MOST, _SAMPLE, _LEAST_PLACES = 4, 15, 10, 64
_MIX = np.uint64(0x9E3779B97F4A7C15)


@kernel
def tinylfu(
    ids: npt.NDArray[np.int32],
    hashes: npt.NDArray[np.uint64],
    weights: npt.NDArray[np.int64],
    stride: int,
    size: int,
    missed: npt.NDArray[np.uint8],
) -> None:
    """Run the parts of `perflab.cache.policy.TinyLFU`: a window of 1 %, and a segmented LRU that a sketch guards.

    Einziger, Friedman, Manes: TinyLFU: A highly efficient cache admission policy, ACM TOS 13(4), 2017. `hashes` has one
    a key, which the sketch goes by.
    """
    keys = len(hashes)
    before, after = np.zeros(keys + 4, np.int32), np.zeros(keys + 4, np.int32)
    for root in range(keys, keys + 4):
        before[root] = after[root] = root
    part = np.zeros(keys, np.int8)
    weight_of = np.zeros(keys, np.int64)
    shares = np.zeros(4, np.int64)
    rows = np.zeros((_ROWS, _LEAST_PLACES), np.uint8)
    added = 0
    held = 0
    newcomer = np.int32(-1)
    for i in range(len(ids)):
        key = ids[i]
        if part[key] != _NONE:
            added = _counted(rows, hashes[key], added)
            if key == newcomer:
                newcomer = np.int32(-1)
            if part[key] == _WINDOW:
                _move(before, after, part, shares, weight_of, key, _WINDOW)
                continue
            _move(before, after, part, shares, weight_of, key, _PROTECTED)
            while shares[_PROTECTED] > 4 * shares[_PROBATION]:
                first = after[keys + _PROTECTED]
                if first == keys + _PROTECTED or after[first] == keys + _PROTECTED:
                    break
                if first == newcomer:
                    newcomer = np.int32(-1)
                _move(before, after, part, shares, weight_of, first, _PROBATION)
            continue
        missed[i] = 1
        weight = weights[i * stride]
        if weight < 0 or weight > size:
            continue
        while shares.sum() + weight > size:
            victim = _oldest(after, keys)
            if newcomer >= 0 and newcomer != victim and _is_rarer(rows, hashes[newcomer], hashes[victim]):
                victim = newcomer
            newcomer = np.int32(-1)
            unlink(before, after, victim)
            shares[part[victim]] -= weight_of[victim]
            part[victim] = _NONE
            held -= 1
        held += 1
        if held > rows.shape[1]:
            rows = np.zeros((_ROWS, _places(2 * held)), np.uint8)
            added = 0
        added = _counted(rows, hashes[key], added)
        weight_of[key] = weight
        part[key] = _WINDOW
        shares[_WINDOW] += weight
        append(before, after, keys + _WINDOW, key)
        total = shares.sum()
        while shares[_WINDOW] * 100 > total:
            first = after[keys + _WINDOW]
            if first == key or first == keys + _WINDOW:
                break
            _move(before, after, part, shares, weight_of, first, _PROBATION)
            newcomer = first


@part
def _move(
    before: npt.NDArray[np.int32],
    after: npt.NDArray[np.int32],
    part: npt.NDArray[np.int8],
    shares: npt.NDArray[np.int64],
    weight_of: npt.NDArray[np.int64],
    key: int,
    to: int,
) -> None:
    """Make a key the last of a part."""
    unlink(before, after, key)
    shares[part[key]] -= weight_of[key]
    part[key] = to
    shares[to] += weight_of[key]
    append(before, after, len(part) + to, key)


@part
def _oldest(after: npt.NDArray[np.int32], keys: int) -> Any:
    for root in (keys + _PROBATION, keys + _PROTECTED):
        if after[root] != root:
            return after[root]
    return after[keys + _WINDOW]


@part
def _places(wanted: int) -> int:
    places = _LEAST_PLACES
    while places < wanted:
        places *= 2
    return places


@part
def _counted(rows: npt.NDArray[np.uint8], number: np.uint64, added: int) -> int:
    """Count a request in the sketch, let it age when it is time, and return how many it has counted since."""
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
def _is_rarer(rows: npt.NDArray[np.uint8], number: np.uint64, other: np.uint64) -> bool:
    """Return whether a key was asked for no more often than another, as far as the sketch knows."""
    return bool(_estimate(rows, number) <= _estimate(rows, other))


@part
def _estimate(rows: npt.NDArray[np.uint8], number: np.uint64) -> Any:
    mixed = number * _MIX
    at, mask = mixed >> np.uint64(32), np.uint64(rows.shape[1] - 1)
    least = np.int64(_MOST)
    for row in range(_ROWS):
        least = min(least, np.int64(rows[row, at & mask]))
        at += mixed | np.uint64(1)
    return least
