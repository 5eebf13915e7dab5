"""The order of samples: interleaved blocks, mirrored so that drift cancels.

In: a number of arms, of blocks, a seed. Out: blocks, and the batches of slots that one process runs each.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["WARM_UP", "Batch", "Block", "Purpose", "Slot", "blocks", "isolated_batches", "shared_batch"]

Purpose = Literal["time", "memory"]
WARM_UP = -1


@dataclass(frozen=True, slots=True)
class Block:
    """One sample of every arm; `order` holds the arms' numbers, 0 is the baseline."""

    pair: int
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """One sample to take: arm number, block (-1 for a warm-up) and place in the block."""

    arm: int
    pair: int
    position: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Slots that one process runs, in groups over which the host's conditions are read."""

    purpose: Purpose
    groups: tuple[tuple[Slot, ...], ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All slots in order."""
        return tuple(slot for group in self.groups for slot in group)


def blocks(arms: int, n: int, seed: int, first: int = 0) -> tuple[Block, ...]:
    """Return n blocks: an order, its mirror, the mirror again, the order again, then a fresh order.

    For two arms these are ABBA / BAAB quads. Over every two blocks each arm stands at the same mean place, so that
    linear drift cancels.

    Parameters
    ----------
    arms
        Number of arms.
    n
        Number of blocks.
    seed
        Of the orders.
    first
        Number of the first block.

    Examples
    --------
    >>> ["".join("AB"[arm] for arm in block.order) for block in blocks(2, 4, seed=1)]
    ['BA', 'AB', 'AB', 'BA']
    """
    orders = random.Random(seed)
    made = []
    order: list[int] = list(range(arms))
    for number in range(n):
        if number % 4 == 0:
            orders.shuffle(order)
        turned = number % 4 in (1, 2)
        made.append(Block(first + number, tuple(reversed(order) if turned else order)))
    return tuple(made)


def isolated_batches(
    arms: Sequence[int], n: int, seed: int, purpose: Purpose, warmups: int = 0, first: int = 0
) -> tuple[Batch, ...]:
    """Return one batch a sample of the arms of these numbers, for fresh processes; the first blocks warm up."""
    warm = [Block(WARM_UP, block.order) for block in blocks(len(arms), warmups, seed + 1)]
    slots = [slot for block in [*warm, *blocks(len(arms), n, seed, first)] for slot in _slots(block)]
    return tuple(Batch(purpose, ((replace(slot, arm=arms[slot.arm]),),)) for slot in slots)


def shared_batch(arms: int, quads: int, seed: int, first: int, warmup_quads: int = 1) -> Batch:
    """Return quads that one process runs for fast callables, the first ones for warming up; a quad is a group."""
    warm = [Block(WARM_UP, block.order) for block in blocks(arms, 2 * warmup_quads, seed + 1)]
    order = [*warm, *blocks(arms, 2 * quads, seed, first)]
    return Batch(
        "time",
        tuple((*_slots(order[i]), *_slots(order[i + 1])) for i in range(0, len(order), 2)),
    )


def _slots(block: Block) -> Sequence[Slot]:
    return [Slot(arm, block.pair, position) for position, arm in enumerate(block.order)]
