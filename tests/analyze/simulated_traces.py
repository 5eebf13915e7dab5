"""Traces of the kinds that caches meet, with sizes of values, for tests that hold two programs against each other."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

KINDS = ("random", "zipf", "loop", "scan", "shifting")


def keys_of(kind: str, length: int, keys: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    if kind == "random":
        return random.integers(0, keys, length)
    if kind == "zipf":
        return np.minimum(random.zipf(1.3, length), keys) - 1
    if kind == "loop":
        return np.arange(length) % keys
    if kind == "scan":  # what is wanted often, with a walk over everything now and then
        often = random.integers(0, max(1, keys // 4), length)
        return np.where(np.arange(length) // 50 % 2 == 0, often, np.arange(length) % keys)
    return (random.integers(0, max(1, keys // 3), length) + np.arange(length) // 40) % keys


@st.composite
def traces(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Keys, and the size of each access's value: one for all accesses of a key."""
    kind = draw(st.sampled_from(KINDS))
    keys = draw(st.integers(1, 40))
    accesses = keys_of(kind, draw(st.integers(1, 400)), keys, draw(st.integers(0, 2**32 - 1)))
    sizes = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(1, draw(st.integers(2, 60)), keys)
    return accesses, sizes[accesses]
