"""LRU of one size, also with a time to live.

In: numbers of keys, weights, times. Out: for each access, was it missed?
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perflab.analyze.simulate.leavers import Leavers, left
from perflab.analyze.simulate.rings import append, unlink
from perflab.compiled import kernel, part

__all__ = ["lru"]


@kernel
def lru(
    ids: npt.NDArray[np.int32],
    keys: int,
    weights: npt.NDArray[np.int64],
    stride: int,
    size: int,
    times: npt.NDArray[np.float64],
    ttl: float,
    missed: npt.NDArray[np.uint8],
    leavers: Leavers | None,
) -> None:
    """Evict what was used longest ago; what is due leaves when it is asked for, and first when room is needed.

    A time to live begins when a value is stored. With an infinite one `times` is not looked at.
    `leavers` is told who left for room.
    """
    room = keys + 1
    root = keys
    before, after = np.full(room, root, np.int32), np.full(room, root, np.int32)
    # Stored one after the other with one time to live, so that the first of these is due first.
    earlier, later = np.full(room, root, np.int32), np.full(room, root, np.int32)
    held = np.full(keys, np.int64(-1))
    due = np.full(keys, np.inf)
    dated = ttl != np.inf
    used = np.int64(0)
    gone = 0
    for i in range(len(ids)):
        key = ids[i]
        now = times[i] if dated else 0.0
        if held[key] >= 0:
            if due[key] > now:
                unlink(before, after, key)
                append(before, after, root, key)
                continue
            used -= _taken_out(before, after, earlier, later, held, key)
        missed[i] = 1
        weight = weights[i * stride]
        if weight < 0 or weight > size:
            continue
        if used + weight > size:
            while dated and later[root] != root and due[later[root]] <= now:
                used -= _taken_out(before, after, earlier, later, held, later[root])
        while used + weight > size:
            if leavers is not None:
                gone = left(leavers, gone, i, after[root])
            used -= _taken_out(before, after, earlier, later, held, after[root])
        append(before, after, root, key)
        append(earlier, later, root, key)
        held[key] = weight
        used += weight
        if dated:
            due[key] = now + ttl


@part
def _taken_out(
    before: npt.NDArray[np.int32],
    after: npt.NDArray[np.int32],
    earlier: npt.NDArray[np.int32],
    later: npt.NDArray[np.int32],
    held: npt.NDArray[np.int64],
    key: int,
) -> Any:
    """Take a key out and return what it weighed."""
    unlink(before, after, key)
    unlink(earlier, later, key)
    weight = held[key]
    held[key] = -1
    return weight
