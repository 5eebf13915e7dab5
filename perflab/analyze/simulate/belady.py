"""Belady's rule of one size: what nobody could know beforehand, and so a bound for what can be.

In: numbers of keys, weights. Out: for each access, was it missed?
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perflab.analyze.simulate.bits import highest
from perflab.compiled import kernel, part

__all__ = ["belady"]


@kernel
def belady(
    ids: npt.NDArray[np.int32],
    keys: int,
    weights: npt.NDArray[np.int64],
    stride: int,
    size: int,
    missed: npt.NDArray[np.uint8],
) -> None:
    """Evict what is wanted again last.

    Belady: A study of replacement algorithms for a virtual-storage computer, IBM Systems Journal 5(2), 1966. No other
    policy that stores every value has more hits where all weigh alike; by bytes it is a good bound but no proven one.
    Keys are held as the times of their next accesses, in a tree of words in which each bit says whether the word below
    has any.
    """
    total = len(ids)
    soon = _next_uses(ids, keys)
    first, words = _levels(total)
    tree = np.zeros(words, np.uint64)
    held = np.full(keys, np.int64(-1))
    dead = np.empty(keys, np.int32)  # held, and never wanted again
    last = 0
    used = np.int64(0)
    for i in range(total):
        key = ids[i]
        if held[key] >= 0:
            _clear(tree, first, i)
        else:
            missed[i] = 1
            weight = weights[i * stride]
            if weight < 0 or weight > size:
                continue
            while used + weight > size:
                if last:
                    last -= 1
                    victim = dead[last]
                else:
                    time = _greatest(tree, first)
                    _clear(tree, first, time)
                    victim = ids[time]
                used -= held[victim]
                held[victim] = -1
            held[key] = weight
            used += weight
        if soon[i] < total:
            _set(tree, first, soon[i])
        else:
            dead[last] = key
            last += 1


@part
def _next_uses(ids: npt.NDArray[np.int32], keys: int) -> npt.NDArray[np.int64]:
    """Return when each access's key is wanted again; the number of accesses for never."""
    total = len(ids)
    seen = np.full(keys, np.int64(total))
    soon = np.empty(total, np.int64)
    for i in range(total - 1, -1, -1):
        soon[i] = seen[ids[i]]
        seen[ids[i]] = i
    return soon


@part
def _levels(bits: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return where each level of the tree starts, the lowest first, and how many words there are."""
    first = np.zeros(12, np.int64)
    level, words = 0, 0
    while True:
        bits = (bits + 63) >> 6
        first[level] = words
        words += bits
        level += 1
        if bits <= 1:
            return first[:level], words


@part
def _set(tree: npt.NDArray[np.uint64], first: npt.NDArray[np.int64], place: int) -> None:
    for start in first:
        tree[start + (place >> 6)] |= np.uint64(1) << np.uint64(place & 63)
        place >>= 6


@part
def _clear(tree: npt.NDArray[np.uint64], first: npt.NDArray[np.int64], place: int) -> None:
    for start in first:
        word = start + (place >> 6)
        tree[word] &= ~(np.uint64(1) << np.uint64(place & 63))
        if tree[word]:
            return
        place >>= 6


@part
def _greatest(tree: npt.NDArray[np.uint64], first: npt.NDArray[np.int64]) -> Any:
    place: Any = 0
    for level in range(len(first) - 1, -1, -1):
        place = (place << 6) | highest(tree[first[level] + place])
    return place
