"""W-TinyLFU of one size.

In: numbers of keys, weights. Out: for each access, was it missed?
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perflab.analyze.simulate.leavers import Leavers, left
from perflab.analyze.simulate.rings import Neighbours, append, unlink
from perflab.analyze.simulate.sketch import Rows, counted, is_no_more_often, rows_for
from perflab.compiled import kernel, part

__all__ = ["tinylfu"]

_NONE, _WINDOW, _PROBATION, _PROTECTED = 0, 1, 2, 3
"""Where a key is; the root of each ring is the number of keys and this."""
_NEWCOMER = 0
"""Place of the sums, which are the weights of the three parts, where the key that stands for admission is."""
_NOBODY = -1


@kernel
def tinylfu(
    ids: npt.NDArray[np.int32],
    hashes: npt.NDArray[np.uint64],
    weights: npt.NDArray[np.int64],
    stride: int,
    size: int,
    missed: npt.NDArray[np.uint8],
    leavers: Leavers | None,
) -> None:
    """Run the parts of `perflab.cache.policy.TinyLFU`: a window of 1 %, and a segmented LRU that a sketch guards.

    Einziger, Friedman, Manes: TinyLFU: A highly efficient cache admission policy, ACM TOS 13(4), 2017. `hashes` has one
    a key, which the sketch goes by.
    """
    keys = len(hashes)
    before, after = np.zeros(keys + 4, np.int32), np.zeros(keys + 4, np.int32)
    for root in range(keys, keys + 4):
        before[root] = after[root] = root
    where, weighs, sums = np.zeros(keys, np.int8), np.zeros(keys, np.int64), np.zeros(4, np.int64)
    sums[_NEWCOMER] = _NOBODY
    rows = rows_for(1)
    added = held = gone = 0
    for i in range(len(ids)):
        key = ids[i]
        if where[key] != _NONE:
            added = counted(rows, hashes[key], added)
            _use(before, after, where, weighs, sums, key)
            continue
        missed[i] = 1
        weight = weights[i * stride]
        if weight < 0 or weight > size:
            continue
        while _total(sums) + weight > size:
            victim = _evict(before, after, where, weighs, sums, rows, hashes)
            held -= 1
            if leavers is not None:
                gone = left(leavers, gone, i, victim)
        held += 1
        if held > rows.shape[1]:
            rows, added = rows_for(2 * held), 0
        added = counted(rows, hashes[key], added)
        weighs[key] = weight
        _enter(before, after, where, weighs, sums, key)


@part
def _use(
    before: Neighbours,
    after: Neighbours,
    where: npt.NDArray[np.int8],
    weighs: npt.NDArray[np.int64],
    sums: npt.NDArray[np.int64],
    key: int,
) -> None:
    """Make a key the most recent of its part; at most four fifths of what is behind the window are protected."""
    if where[key] == _WINDOW:
        _move(before, after, where, weighs, sums, key, _WINDOW)
        return
    _move(before, after, where, weighs, sums, key, _PROTECTED)
    root = len(where) + _PROTECTED
    while sums[_PROTECTED] > 4 * sums[_PROBATION]:
        first = after[root]
        if first == root or after[first] == root:
            break
        _move(before, after, where, weighs, sums, first, _PROBATION)


@part
def _evict(
    before: Neighbours,
    after: Neighbours,
    where: npt.NDArray[np.int8],
    weighs: npt.NDArray[np.int64],
    sums: npt.NDArray[np.int64],
    rows: Rows,
    hashes: npt.NDArray[np.uint64],
) -> Any:
    """Let the newcomer go, or the oldest key in whose place it is admitted; return who went."""
    victim, newcomer = _oldest(after, len(where)), sums[_NEWCOMER]
    if newcomer != _NOBODY and newcomer != victim and is_no_more_often(rows, hashes[newcomer], hashes[victim]):
        victim = newcomer
    sums[_NEWCOMER] = _NOBODY
    unlink(before, after, victim)
    sums[where[victim]] -= weighs[victim]
    where[victim] = _NONE
    return victim


@part
def _enter(
    before: Neighbours,
    after: Neighbours,
    where: npt.NDArray[np.int8],
    weighs: npt.NDArray[np.int64],
    sums: npt.NDArray[np.int64],
    key: int,
) -> None:
    """Take a key into the window; what that has no room for stands for admission."""
    root = len(where) + _WINDOW
    where[key] = _WINDOW
    sums[_WINDOW] += weighs[key]
    append(before, after, root, key)
    total = _total(sums)
    while sums[_WINDOW] * 100 > total and after[root] != key:
        first = after[root]
        _move(before, after, where, weighs, sums, first, _PROBATION)
        sums[_NEWCOMER] = first


@part
def _move(
    before: Neighbours,
    after: Neighbours,
    where: npt.NDArray[np.int8],
    weighs: npt.NDArray[np.int64],
    sums: npt.NDArray[np.int64],
    key: int,
    to: int,
) -> None:
    """Make a key the last of a part; it no longer stands for admission."""
    if sums[_NEWCOMER] == key:
        sums[_NEWCOMER] = _NOBODY
    unlink(before, after, key)
    sums[where[key]] -= weighs[key]
    where[key] = to
    sums[to] += weighs[key]
    append(before, after, len(where) + to, key)


@part
def _oldest(after: Neighbours, keys: int) -> Any:
    for root in (keys + _PROBATION, keys + _PROTECTED):
        if after[root] != root:
            return after[root]
    return after[keys + _WINDOW]


@part
def _total(sums: npt.NDArray[np.int64]) -> Any:
    return sums[_WINDOW] + sums[_PROBATION] + sums[_PROTECTED]
