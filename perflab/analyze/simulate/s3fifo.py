"""S3-FIFO of one size.

In: numbers of keys, weights. Out: for each access, was it missed?
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perflab.analyze.simulate.leavers import Leavers, left
from perflab.analyze.simulate.rings import Neighbours, append, unlink
from perflab.compiled import kernel, part

__all__ = ["s3fifo"]

_OUT = -1
_NOBODY = np.int32(-1)
_ENOUGH, _MOST, _IN_MAIN = 2, 3, 4
_SMALL, _MAIN, _GHOST = 0, 1, 2
"""Rings; the root of each is the number of keys and this."""
_USED, _USED_SMALL, _HELD, _GHOSTS, _DEPARTED = 0, 1, 2, 3, 4
"""Places of the sums: weights, weights in the small queue, keys held, ghosts, keys that have left the small queue."""


@kernel
def s3fifo(
    ids: npt.NDArray[np.int32],
    keys: int,
    weights: npt.NDArray[np.int64],
    stride: int,
    size: int,
    missed: npt.NDArray[np.uint8],
    leavers: Leavers | None,
) -> None:
    """Run the queues of `perflab.cache.policy.S3FIFO`: a small one of a tenth, a main one, and ghosts.

    Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP 2023. Ghosts are the keys that
    left the small queue last, as many as are held; the cache forgets older ones now and then, and so does this.
    """
    before, after = np.zeros(keys + 3, np.int32), np.zeros(keys + 3, np.int32)
    for root in range(keys, keys + 3):
        before[root] = after[root] = root
    uses = np.full(keys, np.int8(_OUT))
    held = np.zeros(keys, np.int64)
    departure = np.zeros(keys, np.int64)  # 0: no ghost
    sums = np.zeros(5, np.int64)
    gone = 0
    for i in range(len(ids)):
        key = ids[i]
        if uses[key] != _OUT:
            if uses[key] != _MOST and uses[key] != _IN_MAIN + _MOST:
                uses[key] += 1
            continue
        missed[i] = 1
        weight = weights[i * stride]
        if weight < 0 or weight > size:
            continue
        while sums[_USED] + weight > size:
            passed = _pass_one(before, after, uses, held, departure, sums)
            if leavers is not None and passed != _NOBODY:
                gone = left(leavers, gone, i, passed)
        held[key] = weight
        _take_in(before, after, uses, held, departure, sums, key)


@part
def _pass_one(
    before: Neighbours,
    after: Neighbours,
    uses: npt.NDArray[np.int8],
    held: npt.NDArray[np.int64],
    departure: npt.NDArray[np.int64],
    sums: npt.NDArray[np.int64],
) -> Any:
    """Let the next key go, or on into the main queue, or round in it; return it if it went."""
    small, main = len(uses) + _SMALL, len(uses) + _MAIN
    from_small = sums[_USED_SMALL] * 10 >= sums[_USED] and after[small] != small
    key = after[small] if from_small or after[main] == main else after[main]
    unlink(before, after, key)
    if uses[key] > _IN_MAIN:
        uses[key] -= 1
        append(before, after, main, key)
        return _NOBODY
    stays = _ENOUGH <= uses[key] < _IN_MAIN
    if uses[key] < _IN_MAIN:
        sums[_USED_SMALL] -= held[key]
    if stays:
        uses[key] = _IN_MAIN
        append(before, after, main, key)
        return _NOBODY
    sums[_USED] -= held[key]
    sums[_HELD] -= 1
    if uses[key] < _IN_MAIN:
        _remember(before, after, departure, sums, key)
    uses[key] = _OUT
    return key


@part
def _remember(
    before: Neighbours, after: Neighbours, departure: npt.NDArray[np.int64], sums: npt.NDArray[np.int64], key: int
) -> None:
    """Make a key a ghost, and forget the oldest ghosts where there are too many."""
    ghost = len(departure) + _GHOST
    sums[_DEPARTED] += 1
    sums[_GHOSTS] += 1
    departure[key] = sums[_DEPARTED]
    append(before, after, ghost, key)
    if sums[_GHOSTS] > 2 * sums[_HELD] + 64:
        while sums[_GHOSTS] and departure[after[ghost]] < sums[_DEPARTED] - sums[_HELD]:
            _forget(before, after, departure, sums, after[ghost])


@part
def _forget(
    before: Neighbours, after: Neighbours, departure: npt.NDArray[np.int64], sums: npt.NDArray[np.int64], key: int
) -> None:
    departure[key] = 0
    sums[_GHOSTS] -= 1
    unlink(before, after, key)


@part
def _take_in(
    before: Neighbours,
    after: Neighbours,
    uses: npt.NDArray[np.int8],
    held: npt.NDArray[np.int64],
    departure: npt.NDArray[np.int64],
    sums: npt.NDArray[np.int64],
    key: int,
) -> None:
    """Put a key into the main queue if it left the small one not long ago, else into the small one."""
    sums[_USED] += held[key]
    sums[_HELD] += 1
    left = departure[key]
    if left:
        _forget(before, after, departure, sums, key)
    if left and left > sums[_DEPARTED] - sums[_HELD]:
        uses[key] = _IN_MAIN
        append(before, after, len(uses) + _MAIN, key)
    else:
        uses[key] = 0
        sums[_USED_SMALL] += held[key]
        append(before, after, len(uses) + _SMALL, key)
