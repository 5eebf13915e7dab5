"""Who left a simulated cache for room, and when.

In: numbers of keys, in the order in which they leave. Out: an array of the access at which, and the key that, left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perflab.compiled import part

__all__ = ["Leavers", "left"]

Leavers = npt.NDArray[np.int32]
"""A row for each key that left: number of the access, number of the key; -1 in rows that are not taken."""


@part
def left(leavers: Leavers, count: int, access: int, key: Any) -> Any:
    """Note that a key left, as one after so many others; return how many that are now."""
    leavers[count, 0] = access
    leavers[count, 1] = key
    return count + 1
