"""What holds whatever happens: the caller gets the result, hears of the fault once, soon, and it is recorded.

In: a block of code that meets a fault, and caches with what they acknowledged. Out: an assertion for each promise.
"""

from __future__ import annotations

import contextlib
import re
import time
import warnings
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from perflab import Config, PerformanceSystem
from perflab.cache import TieredCache

__all__ = ["LONGEST_S", "Ledger", "answered", "pipeline", "recorded", "survived"]

LONGEST_S = 5.0
"""How long nothing may hang."""


class _Frames(Protocol):
    @property
    def accesses(self) -> pd.DataFrame: ...


class _Cache(Protocol):
    def get(self, key: Hashable, /) -> Any: ...
    def set(self, key: Hashable, value: Any, /) -> bool: ...


@contextlib.contextmanager
def survived(
    cause: str, remedy: str, *, frames: _Frames | None = None, row: str = "", longest_s: float = LONGEST_S
) -> Iterator[None]:
    """Hold a block against the contract: one warning of cause and remedy, a row, and no more than five seconds.

    Parameters
    ----------
    cause, remedy
        Patterns that the one warning must hold.
    frames, row
        Where a row must be, as event and reason: `"reject: disk full"`.
    longest_s
        What is allowed instead, in seconds.
    """
    begun = time.monotonic()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    took_s = time.monotonic() - begun
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 1, texts
    assert re.search(cause, texts[0]), texts
    assert re.search(remedy, texts[0]), texts
    assert took_s < longest_s
    if frames is not None:
        assert row in recorded(frames)


def recorded(frames: _Frames) -> set[str]:
    """Return what is recorded of accesses, as event and reason."""
    rows = frames.accesses[["event", "reason"]].dropna().astype(str)
    return set(rows["event"] + ": " + rows["reason"])


def answered(cache: TieredCache, keys: Mapping[Hashable, Any]) -> None:
    """Ask for keys as a pipeline does, and hold the answers against what their loader returns."""
    for key, value in keys.items():
        assert cache.get_or_load(key, lambda value=value: value) == value


class Ledger:
    """A cache with what it acknowledged: what it gives later is that, or nothing if it acknowledged nothing."""

    def __init__(self, cache: _Cache) -> None:
        self.cache = cache
        self.known: dict[Hashable, Any] = {}

    def set(self, key: Hashable, value: Any) -> bool:
        """Set; what is refused leaves nothing behind, not even the value from before."""
        stored = self.cache.set(key, value)
        self.known[key] = value if stored else None
        return stored

    def check(self, cache: _Cache | None = None) -> None:
        """Hold every key against what was acknowledged, perhaps in another cache on the same folder."""
        asked = self.cache if cache is None else cache
        found = {key: asked.get(key) for key in self.known}
        assert found == self.known


def pipeline(folder: Path | None, run_dir: Path | None = None, **cache: Any) -> PerformanceSystem:
    """Return a system that does nothing by itself, and whose values lie in a folder alone, by default a private one."""
    config = Config(
        resource_monitoring={"enabled": False},
        enable_auto_optimization=False,
        cache_warming_enabled=False,
        predictive_prefetching_enabled=False,
        parallel={"workers": 1},
        cache={"l1_bytes": 0, "l2_bytes": 0, "l3_dir": folder, **cache},
    )
    return PerformanceSystem(config, run_dir=run_dir)
