"""The workload `tune`: a program that reads through a badly set cache, and through the same cache after `optimize`.

In: how much is read, from how dear loads, within how much memory. Out: an `Outcome` an arm.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from perflab.bench import Outcome
from perflab.config import Config
from perflab.system.performance import PerformanceSystem

__all__ = ["as_set", "as_tuned", "optimized_before"]

_SEED = 2026
_DEAR, _CHEAP = 40, 300
_CHEAPER = 0.2
"""Cheap loads take so much of the time of dear ones."""
_VALUE_BYTES = 1_000


def optimized_before(scratch: str, accesses: int, memory_bytes: int, load_s: float, **_: Any) -> Mapping[str, Any]:
    """Read the first half of the program in a badly set system, let that optimize itself, and return its settings."""
    for old in Path(scratch).iterdir():
        shutil.rmtree(old)
    folder = Path(tempfile.mkdtemp(dir=scratch))
    with PerformanceSystem(_badly_set(memory_bytes)) as system:
        _read(system, itertools.islice(_pages(), accesses // 2), load_s)
        system.optimize()
        return {"tuned": system.config.model_dump(mode="json"), "run": str(folder / "run")}


def as_set(accesses: int, memory_bytes: int, load_s: float, run: str, **_: Any) -> Outcome:
    """Read the second half in a system that is set as badly as before."""
    return _second_half(_badly_set(memory_bytes), accesses, load_s, run)


def as_tuned(accesses: int, load_s: float, tuned: Mapping[str, Any], run: str, **_: Any) -> Outcome:
    """Read the second half in a system that is set as the optimized one was in the end."""
    return _second_half(Config(**tuned), accesses, load_s, run)


def _badly_set(memory_bytes: int) -> Config:
    return Config(
        cache={"l1_bytes": memory_bytes // 10, "l2_bytes": memory_bytes // 10, "l3_enabled": False},
        cache_targets={"max_memory_bytes": memory_bytes},
        enable_auto_optimization=False,
        predictive_prefetching_enabled=False,
        resource_monitoring={"enabled": False},
    )


def _second_half(config: Config, accesses: int, load_s: float, run: str) -> Outcome:
    half = accesses // 2
    with PerformanceSystem(config, run_dir=run) as system:
        digest = _read(system, itertools.islice(_pages(), half, accesses), load_s)
        counts = system.statistics()["cache"]
    return Outcome(digest, {name: counts[name] for name in ("hits", "misses")}, run_dir=run)


def _pages() -> Iterator[int]:
    """Yield pages: half of the reads to few that are dear, the other half round and round over many that are cheap."""
    chance, numbers = random.Random(_SEED), itertools.count()
    while True:
        yield chance.randrange(_DEAR) if chance.random() < 0.5 else _DEAR + next(numbers) % _CHEAP


def _read(system: PerformanceSystem, pages: Iterator[int], load_s: float) -> str:
    found = hashlib.blake2b(digest_size=16)
    for page in pages:
        found.update(system.cache.get_or_load(page, partial(_load, page, load_s)))
    return found.hexdigest()


def _load(page: int, load_s: float) -> bytes:
    time.sleep(load_s if page < _DEAR else load_s * _CHEAPER)
    return page.to_bytes(4, "big") * (_VALUE_BYTES // 4)
