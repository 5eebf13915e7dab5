"""Bits of words of 64.

In: a word. Out: how many bits are set, which is the highest, which is the lowest.
"""

from __future__ import annotations

import numpy as np

from perflab.compiled import part

__all__ = ["count", "highest", "lowest"]


@part
def count(word: np.uint64) -> np.int64:
    """Return how many bits are set; LLVM makes one instruction of it."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@part
def lowest(word: np.uint64) -> np.int64:
    """Return the place of the lowest bit that is set; there is one."""
    return count((word & (~word + np.uint64(1))) - np.uint64(1))


@part
def highest(word: np.uint64) -> np.int64:
    """Return the place of the highest bit that is set; there is one."""
    for step in (1, 2, 4, 8, 16, 32):
        word |= word >> np.uint64(step)
    return count(word) - 1
