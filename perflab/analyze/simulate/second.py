"""The second memory tier: what the first let go of, until it is asked for, is due, or room is needed.

In: what the first tier had, and who left it when. Out: what the second tier has of the rest.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perflab.analyze.simulate.leavers import Leavers
from perflab.analyze.simulate.rings import Neighbours, append, unlink
from perflab.compiled import kernel, part

__all__ = ["second"]

_ELSEWHERE = -1


@kernel
def second(
    ids: npt.NDArray[np.int32],
    keys: int,
    weights: npt.NDArray[np.int64],
    stride: int,
    first: int,
    leavers: Leavers,
    size: int,
    times: npt.NDArray[np.float64],
    ttl: float,
    found: npt.NDArray[np.uint8],
) -> None:
    """Run the second tier of `perflab.cache.TieredCache`; where it has an access, `found` becomes 2.

    What the first tier, of size `first`, misses comes into it in any case, so that it does not depend on the second.
    What is too large for the first is stored in the second, and stays there. What is due leaves for room before what
    is live; all live equally long, so that what was put in first is due first.
    """
    root = keys
    before, after = np.full(keys + 1, root, np.int32), np.full(keys + 1, root, np.int32)
    older, newer = np.full(keys + 1, root, np.int32), np.full(keys + 1, root, np.int32)
    held = np.full(keys, np.int64(_ELSEWHERE))
    weighs = np.zeros(keys, np.int64)
    due = np.full(keys + 1, np.inf)
    dated = ttl != np.inf
    used = np.int64(0)
    gone = 0
    for i in range(len(ids)):
        key = ids[i]
        if found[i]:
            continue
        now = times[i] if dated else 0.0
        weight = weights[i * stride]
        is_large = weight > first
        if held[key] != _ELSEWHERE:
            if due[key] > now:
                found[i] = 2
            if found[i] and is_large:
                unlink(before, after, key)
                append(before, after, root, key)
                continue
            used -= _let_go(key, held, before, after, older, newer)
        weighs[key] = weight
        while True:
            if is_large and not found[i]:
                comer = key
                is_large = False
            elif gone < len(leavers) and leavers[gone, 0] == i:
                comer = leavers[gone, 1]
                gone += 1
            else:
                break
            comes = weighs[comer]
            if comes < 0 or comes > size:
                continue
            while used + comes > size:
                eldest = newer[root]
                gives = eldest if due[eldest] <= now else after[root]
                used -= _let_go(gives, held, before, after, older, newer)
            append(before, after, root, comer)
            append(older, newer, root, comer)
            held[comer] = comes
            used += comes
            if dated:
                due[comer] = now + ttl


@part
def _let_go(
    key: int,
    held: npt.NDArray[np.int64],
    before: Neighbours,
    after: Neighbours,
    older: Neighbours,
    newer: Neighbours,
) -> int:
    """Take a key out of the order of uses and out of that of dates, and return what it weighed."""
    weighed: int = held[key]
    held[key] = _ELSEWHERE
    unlink(before, after, key)
    unlink(older, newer, key)
    return weighed
