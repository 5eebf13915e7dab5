"""Keys in a row, each of which can leave from anywhere, as arrays.

In: two arrays of neighbours. Out: the same, changed. A ring's root stands between its last key and its first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perflab.compiled import part

__all__ = ["Neighbours", "append", "unlink"]

Neighbours = npt.NDArray[np.int32]


@part
def append(before: Neighbours, after: Neighbours, root: int, key: int) -> None:
    """Put a key that is in no ring behind the last one."""
    last = before[root]
    before[key] = last
    after[key] = root
    after[last] = key
    before[root] = key


@part
def unlink(before: Neighbours, after: Neighbours, key: int) -> None:
    """Take a key out of the ring that it is in."""
    after[before[key]] = after[key]
    before[after[key]] = before[key]
