"""FIFO, CLOCK and SIEVE: one queue, of up to eight sizes at once.

In: numbers of keys, weights, sizes. Out: for each access a bit a size: was it missed?
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perflab.analyze.simulate.bits import lowest
from perflab.analyze.simulate.leavers import Leavers, left
from perflab.compiled import inlined, kernel, part

__all__ = ["MOST_SIZES", "queues"]

MOST_SIZES = 8

_GONE = np.uint32(0xFFFFFFFF)
_STEP = np.uint64(1)
"""Places are unsigned, since a place that may be negative costs a comparison."""


@kernel
def queues(
    ids: npt.NDArray[np.uint32],
    keys: int,
    weights: npt.NDArray[np.int64] | None,
    sizes: npt.NDArray[np.int64],
    marks: bool,
    moves: bool,
    missed: npt.NDArray[np.uint8],
    leavers: Leavers | None,
) -> None:
    """Run one queue a size.

    The oldest leaves. With `marks`, a hit marks its key, and a hand that meets a mark takes it away and goes on: with
    `moves` the key goes to the end of the queue (CLOCK as FIFO with a second chance; Corbato, 1968), without it stays
    where it is (SIEVE; Zhang et al., NSDI 2024). What a key is in, and whether it is marked, stands in one byte for all
    sizes, so that an access that hits in all of them costs one look.

    Parameters
    ----------
    ids, keys
        Number of each access's key, and how many keys there are.
    weights
        Weight of each access; what weighs less than 0, or more than a size, is not stored. None: each weighs 1.
    sizes
        At most `MOST_SIZES`.
    marks, moves
        Both false for FIFO, both true for CLOCK, the first alone for SIEVE.
    missed
        A byte an access, taken over as zeros; bit `j` is set where size `j` missed.
    leavers
        Told who left; for one size alone.
    """
    gone = 0
    every = np.uint8((1 << len(sizes)) - 1)
    inside = np.zeros(keys, np.uint8)
    marked = np.zeros(keys, np.uint8)
    held = np.zeros((1 if weights is None else keys, len(sizes)), np.int64)
    starts = _starts(sizes, keys, weights is None)
    slots = np.empty(starts[-1], np.uint32)
    ends, hands, free = starts[:-1].copy(), starts[:-1].copy(), sizes.copy()
    for i in range(len(ids)):
        key = ids[i]
        hits = inside[key]
        if marks:
            marked[key] |= hits
        absent = np.uint8(every & ~hits)
        if absent == 0:
            continue
        missed[i] = absent
        stored = np.uint8(0)
        weight = np.int64(1) if weights is None else weights[i]
        while absent:
            j = lowest(np.uint64(absent))
            absent &= np.uint8(absent - 1)
            if weights is not None and (weight < 0 or weight > sizes[j]):
                continue
            bit = np.uint8(1 << j)
            # Slices of `slots` would be counted as references to it, which takes as long as all the rest.
            first, stop, end, hand = starts[j], starts[j + 1], ends[j], hands[j]
            while free[j] < weight:
                end, hand, victim = _victim(slots, first, stop, end, hand, marked, bit, moves)
                inside[victim] &= ~bit
                if leavers is not None:
                    gone = left(leavers, gone, i, victim)
                free[j] += np.int64(1) if weights is None else held[victim, j]
            if end == stop:
                end, hand = _closed_up(slots, first, end, hand)
            slots[end] = key
            ends[j], hands[j] = end + _STEP, hand
            stored |= bit
            free[j] -= weight
            if weights is not None:
                held[key, j] = weight
        inside[key] |= stored
        marked[key] &= ~stored


@part
def _starts(sizes: npt.NDArray[np.int64], keys: int, alike: bool) -> npt.NDArray[np.uint64]:
    """Return where each size's queue starts: places for twice what it holds, so that it is seldom closed up."""
    starts = np.zeros(len(sizes) + 1, np.uint64)
    for j in range(len(sizes)):
        most = min(sizes[j], keys) if alike else keys
        starts[j + 1] = starts[j] + np.uint64(2 * most + 64)
    return starts


@inlined
def _victim(
    slots: npt.NDArray[np.uint32],
    first: np.uint64,
    stop: np.uint64,
    end: np.uint64,
    hand: np.uint64,
    marked: npt.NDArray[np.uint8],
    bit: np.uint8,
    moves: bool,
) -> tuple[np.uint64, np.uint64, np.uint32]:
    """Let go of the first key at the hand without a mark; return the queue's end, the hand, and that key.

    A queue begins at `first`, ends before `end`, and has room up to `stop`.
    """
    while True:
        place = hand
        key = slots[place]
        hand = first if place + _STEP == end else place + _STEP
        if key == _GONE:
            continue
        if not marked[key] & bit:
            slots[place] = _GONE
            # Behind the newest key the hand goes back to the oldest, even if a newer one comes before it is needed.
            while hand != first and slots[hand] == _GONE:
                hand = first if hand + _STEP == end else hand + _STEP
            return end, hand, key
        marked[key] &= ~bit
        if moves:
            slots[place] = _GONE
            if end == stop:
                end, hand = _closed_up(slots, first, end, hand)
            slots[end] = key
            end += _STEP


@part
def _closed_up(
    slots: npt.NDArray[np.uint32], first: np.uint64, end: np.uint64, hand: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Take the gaps out of a queue; return its new end, and where the hand is now."""
    kept = place = first
    for i in range(first, end):
        if i == hand:
            place = kept
        if slots[i] != _GONE:
            slots[kept] = slots[i]
            kept += _STEP
    return kept, place
