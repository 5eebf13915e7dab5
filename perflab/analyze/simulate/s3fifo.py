"""S3-FIFO of one size.

In: numbers of keys, weights. Out: for each access, was it missed?
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perflab.analyze.simulate.rings import append, unlink
from perflab.compiled import kernel

__all__ = ["s3fifo"]

_OUT = -1
_ENOUGH, _MOST, _IN_MAIN = 2, 3, 4


@kernel
def s3fifo(
    ids: npt.NDArray[np.int32],
    keys: int,
    weights: npt.NDArray[np.int64],
    stride: int,
    size: int,
    missed: npt.NDArray[np.uint8],
) -> None:
    """Run the queues of `perflab.cache.policy.S3FIFO`: a small one of a tenth, a main one, and ghosts.

    Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP 2023. Ghosts are the keys that
    left the small queue last, as many as are held; the cache forgets older ones now and then, and so does this.
    """
    small, main, ghost = keys, keys + 1, keys + 2
    before, after = np.zeros(keys + 3, np.int32), np.zeros(keys + 3, np.int32)
    for root in (small, main, ghost):
        before[root] = after[root] = root
    uses = np.full(keys, np.int8(_OUT))
    weight_of = np.zeros(keys, np.int64)
    departure = np.zeros(keys, np.int64)  # 0: no ghost
    used, used_small = np.int64(0), np.int64(0)
    held, ghosts, departed = 0, 0, np.int64(0)
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
        while used + weight > size:
            from_small = used_small * 10 >= used and after[small] != small
            victim = after[small] if from_small or after[main] == main else after[main]
            unlink(before, after, victim)
            if uses[victim] > _IN_MAIN:
                uses[victim] -= 1
                append(before, after, main, victim)
            elif uses[victim] == _IN_MAIN or uses[victim] < _ENOUGH:
                used -= weight_of[victim]
                held -= 1
                if uses[victim] < _IN_MAIN:
                    used_small -= weight_of[victim]
                    departed += 1
                    departure[victim] = departed
                    append(before, after, ghost, victim)
                    ghosts += 1
                    if ghosts > 2 * held + 64:
                        while ghosts and departure[after[ghost]] < departed - held:
                            departure[after[ghost]] = 0
                            unlink(before, after, after[ghost])
                            ghosts -= 1
                uses[victim] = _OUT
            else:
                used_small -= weight_of[victim]
                uses[victim] = _IN_MAIN
                append(before, after, main, victim)
        used += weight
        held += 1
        weight_of[key] = weight
        left = departure[key]
        if left:
            unlink(before, after, key)
            departure[key] = 0
            ghosts -= 1
        if left and left > departed - held:
            uses[key] = _IN_MAIN
            append(before, after, main, key)
        else:
            uses[key] = 0
            used_small += weight
            append(before, after, small, key)
