"""LFU and GDSF: the key with the lowest priority leaves.

In: numbers of keys, weights, costs. Out: for each access, was it missed?
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perflab.analyze.simulate.leavers import Leavers, left
from perflab.compiled import kernel, part

__all__ = ["priority"]


@kernel
def priority(
    ids: npt.NDArray[np.int32],
    keys: int,
    weights: npt.NDArray[np.int64],
    stride: int,
    size: int,
    costs: npt.NDArray[np.float64],
    cost_stride: int,
    greedy: bool,
    missed: npt.NDArray[np.uint8],
    leavers: Leavers | None,
) -> None:
    """Evict the lowest priority, by a heap that hears of a risen one when the key comes up in it.

    Without `greedy` (LFU) the priority is the number of uses. With it (GDSF; Cherkasova, HPL-98-69R1) it is `clock +
    uses * cost / weight`, and the clock is the priority of what left last. Of several the one used longest ago leaves.
    """
    uses = np.zeros(keys, np.int64)
    held = np.zeros(keys, np.int64)
    dear = np.ones(keys)
    rank = np.zeros(keys)
    turn = np.zeros(keys, np.int64)
    heap_rank, heap_turn, heap_key = np.zeros(keys + 1), np.zeros(keys + 1, np.int64), np.zeros(keys + 1, np.int32)
    count = gone = 0
    clock = 0.0
    used = np.int64(0)
    for i in range(len(ids)):
        key = ids[i]
        if uses[key] > 0:
            uses[key] += 1
            rank[key] = clock + uses[key] * dear[key] / max(1, held[key]) if greedy else uses[key]
            turn[key] = i
            continue
        missed[i] = 1
        weight = weights[i * stride]
        if weight < 0 or weight > size:
            continue
        while used + weight > size:
            victim = _lowest(heap_rank, heap_turn, heap_key, count, rank, turn)
            count -= 1
            if greedy:
                clock = rank[victim]
            uses[victim] = 0
            used -= held[victim]
            if leavers is not None:
                gone = left(leavers, gone, i, victim)
        uses[key] = 1
        held[key] = weight
        used += weight
        dear[key] = costs[i * cost_stride]
        rank[key] = clock + dear[key] / max(1, weight) if greedy else 1.0
        turn[key] = i
        _rise(heap_rank, heap_turn, heap_key, count, rank[key], i, key)
        count += 1


@part
def _lowest(
    ranks: npt.NDArray[np.float64],
    turns: npt.NDArray[np.int64],
    held: npt.NDArray[np.int32],
    count: int,
    rank: npt.NDArray[np.float64],
    turn: npt.NDArray[np.int64],
) -> Any:
    """Take the key that is truly lowest off the heap and return it."""
    while True:
        key = held[0]
        if ranks[0] == rank[key] and turns[0] == turn[key]:
            _sink(ranks, turns, held, count - 1, ranks[count - 1], turns[count - 1], held[count - 1])
            return key
        _sink(ranks, turns, held, count, rank[key], turn[key], key)


@part
def _rise(
    ranks: npt.NDArray[np.float64],
    turns: npt.NDArray[np.int64],
    held: npt.NDArray[np.int32],
    place: int,
    rank: float,
    turn: int,
    key: int,
) -> None:
    """Put a key into the free place at the end, and up to where it belongs."""
    while place > 0:
        parent = (place - 1) >> 1
        if ranks[parent] < rank or (ranks[parent] == rank and turns[parent] < turn):
            break
        ranks[place], turns[place], held[place] = ranks[parent], turns[parent], held[parent]
        place = parent
    ranks[place], turns[place], held[place] = rank, turn, key


@part
def _sink(
    ranks: npt.NDArray[np.float64],
    turns: npt.NDArray[np.int64],
    held: npt.NDArray[np.int32],
    count: int,
    rank: float,
    turn: int,
    key: int,
) -> None:
    """Put a key into the free place at the top of so many, and down to where it belongs."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= count:
            break
        right = child + 1
        if right < count and (
            ranks[right] < ranks[child] or (ranks[right] == ranks[child] and turns[right] < turns[child])
        ):
            child = right
        if rank < ranks[child] or (rank == ranks[child] and turn < turns[child]):
            break
        ranks[place], turns[place], held[place] = ranks[child], turns[child], held[child]
        place = child
    ranks[place], turns[place], held[place] = rank, turn, key
