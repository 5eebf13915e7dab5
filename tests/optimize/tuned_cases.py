"""Observed accesses that the tests of tuning, proving and watching share."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.optimize.price import Observed
from perflab.trace import Trace

VALUE = 1_000
"""Bytes of each value, unless said otherwise."""


def observed_of(keys: Any, *, nbytes: Any = VALUE, prices: Any = None, in_memory: Any = False) -> Observed:
    """Accesses to keys, one a second."""
    keys = np.asarray(keys)
    sizes = np.broadcast_to(np.asarray(nbytes), keys.shape)
    costs = None if prices is None else np.broadcast_to(np.asarray(prices, dtype=float), keys.shape)
    trace = Trace.of(keys, nbytes=sizes, times=np.arange(len(keys), dtype=float), costs=costs)
    answered = np.broadcast_to(np.asarray(in_memory), keys.shape).copy()
    return Observed(trace, np.ones(len(keys)) if costs is None else costs.copy(), answered, costs is not None)


def zipf_keys(count: int, seed: int, objects: int = 1_000, exponent: float = 0.9) -> np.ndarray:
    """Keys by Zipf's law."""
    shares = np.cumsum(1 / np.arange(1, objects + 1) ** exponent)
    return np.searchsorted(shares / shares[-1], np.random.default_rng(seed).random(count))


def loop_and_hot(count: int, seed: int = 1) -> np.ndarray:
    """A loop over more keys than fit, and few hot ones: LRU keeps the wrong ones."""
    random = np.random.default_rng(seed)
    hot = random.integers(0, 20, count)
    return np.where(random.random(count) < 0.5, hot, 100 + np.arange(count) % 400)
