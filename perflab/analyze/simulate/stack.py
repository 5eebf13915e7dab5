"""Stack distances of a whole trace in one pass.

In: numbers of keys, and weights. Out: for each access the size of the smallest LRU cache in which it hits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perflab.analyze.simulate.bits import count
from perflab.compiled import kernel, part

__all__ = ["distances", "tally", "weighed_distances"]

_AHEAD = 16
"""Accesses ahead of which a key's place is touched, so that it is in the processor's cache when it is needed."""
_BLOCK = 2
"""Words of a leaf of the tree, as a power of two."""
_LEAF = 16
"""Places of a leaf of the weighed tree."""


@kernel
def distances(ids: npt.NDArray[np.int32], keys: int, found: npt.NDArray[np.int32]) -> np.int64:
    """Write each access's distance in entries; 0 for the first access of a key.

    Mattson, Gecsei, Slutz, Traiger: Evaluation techniques for storage hierarchies, 1970; Bennett, Kruskal: LRU stack
    processing, 1975: a bit for each key stands at the time of its last access, and a distance is the number of bits
    behind one, counted by words in a leaf of a Fenwick tree, and by the tree before that. Times are counted anew,
    without gaps, when there is no place left: there are three for every two keys, so that all stays in fast memory.
    The number returned only keeps the compiler from leaving out the touches.
    """
    leaves = (keys + keys // 2 + 1024 >> (6 + _BLOCK)) + 1
    bits = np.zeros(leaves << _BLOCK, np.uint64)
    tree = np.zeros(leaves + 1, np.int32)
    last = np.full(keys, np.int32(-1))
    now, seen, touched = 0, 0, np.int64(0)
    for i in range(len(ids)):
        if i + _AHEAD < len(ids):
            touched += last[ids[i + _AHEAD]]
        if now == len(bits) << 6:
            _renumber(bits, tree, last, seen)
            now = seen
        place = last[ids[i]]
        last[ids[i]] = now
        if place < 0:
            found[i] = 0
            seen += 1
            _add(tree, now >> (6 + _BLOCK), 1)
        else:
            word, bit = place >> 6, np.uint64(1) << np.uint64(place & 63)
            found[i] = seen - _before(bits, tree, word) - count(bits[word] & (bit - np.uint64(1)))
            bits[word] &= ~bit
            old, new = word >> _BLOCK, now >> (6 + _BLOCK)
            if old != new:
                _add(tree, old, -1)
                _add(tree, new, 1)
        bits[now >> 6] |= np.uint64(1) << np.uint64(now & 63)
        now += 1
    return touched


@kernel
def weighed_distances(
    ids: npt.NDArray[np.int32], keys: int, weights: npt.NDArray[np.int64], found: npt.NDArray[np.int64]
) -> None:
    """Write each access's distance in bytes, its own among them; -1 for the first access of a key.

    As `distances`, with the weight of a key in the place of a bit.
    """
    leaves = (2 * keys + 1024) // _LEAF + 1
    places = np.zeros(leaves * _LEAF, np.int64)
    owners = np.zeros(leaves * _LEAF, np.int32)
    tree = np.zeros(leaves + 1, np.int64)
    last = np.full(keys, np.int64(-1))
    now, total = 0, np.int64(0)
    for i in range(len(ids)):
        if now == len(places):
            now = _close_up(places, owners, tree, last)
        key, weight = ids[i], weights[i]
        place = last[key]
        last[key] = now
        if place < 0:
            found[i] = -1
        else:
            leaf = place // _LEAF
            upto = _weight_before(tree, leaf) + places[leaf * _LEAF : place + 1].sum()
            found[i] = total - upto + weight
            total -= places[place]
            _add(tree, leaf, -places[place])
            places[place] = 0
        total += weight
        places[now] = weight
        owners[now] = key
        _add(tree, now // _LEAF, weight)
        now += 1


@kernel
def tally(found: npt.NDArray[np.int32], counts: npt.NDArray[np.int64]) -> None:
    """Count how often each distance occurs."""
    for distance in found:
        counts[distance] += 1


@part
def _before(bits: npt.NDArray[Any], tree: npt.NDArray[Any], word: int) -> np.int64:
    """Return how many bits are set in the words before one."""
    leaf = word >> _BLOCK
    total = np.int64(0)
    for other in range(leaf << _BLOCK, word):
        total += count(bits[other])
    while leaf > 0:
        total += tree[leaf]
        leaf &= leaf - 1
    return total


@part
def _weight_before(tree: npt.NDArray[Any], leaf: int) -> np.int64:
    total = np.int64(0)
    while leaf > 0:
        total += tree[leaf]
        leaf &= leaf - 1
    return total


@part
def _add(tree: npt.NDArray[Any], leaf: int, amount: int) -> None:
    leaf += 1
    while leaf < len(tree):
        tree[leaf] += amount
        leaf += leaf & -leaf


@part
def _renumber(bits: npt.NDArray[Any], tree: npt.NDArray[Any], last: npt.NDArray[Any], seen: int) -> None:
    """Give the keys that were seen the first times, in the order that they have."""
    ranks = np.zeros(len(bits), np.int32)
    total = np.int64(0)
    for word in range(len(bits)):
        ranks[word] = total
        total += count(bits[word])
    for key in range(len(last)):
        if last[key] >= 0:
            word, bit = last[key] >> 6, np.uint64(1) << np.uint64(last[key] & 63)
            last[key] = ranks[word] + count(bits[word] & (bit - np.uint64(1)))
    bits[:] = 0
    bits[: seen >> 6] = ~np.uint64(0)
    if seen & 63:
        bits[seen >> 6] = (np.uint64(1) << np.uint64(seen & 63)) - np.uint64(1)
    tree[:] = 0
    for word in range(len(bits)):
        tree[(word >> _BLOCK) + 1] += count(bits[word])
    _sum_up(tree)


@part
def _close_up(
    places: npt.NDArray[Any],
    owners: npt.NDArray[Any],
    tree: npt.NDArray[Any],
    last: npt.NDArray[Any],
) -> int:
    """Move what is still the last use of a key to the front, and return how many places that takes."""
    kept = 0
    for place in range(len(places)):
        key = owners[place]
        if last[key] == place:
            places[kept], owners[kept], last[key] = places[place], key, kept
            kept += 1
    places[kept:] = 0
    tree[:] = 0
    for place in range(kept):
        tree[place // _LEAF + 1] += places[place]
    _sum_up(tree)
    return kept


@part
def _sum_up(tree: npt.NDArray[Any]) -> None:
    """Make a Fenwick tree of the sums of its leaves."""
    for leaf in range(1, len(tree)):
        above = leaf + (leaf & -leaf)
        if above < len(tree):
            tree[above] += tree[leaf]
