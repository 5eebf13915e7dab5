"""What loads, batches and writes of the tiered cache cost, as ratios of interleaved pairs: run with `make perf`.

Nothing here asserts a time; each line is for people to read, with its bound, its interval and the noise floor.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import cachetools
import pytest

from perflab.bench import Arm, run
from perflab.cache import DiskCache, MemoryCache, TieredCache, TTLCache
from perflab.cache.loading.turns import Turns
from perflab.record import Recorder

KEYS = [f"key-{number}" for number in range(1_000)]
ROUNDS = 20
DISK_KEYS = KEYS[:200]


def load() -> int:
    return 1


def tiers(folder: str | None = None, policy: str = "through") -> TieredCache:
    recorder = Recorder()
    disk = None if folder is None else DiskCache(folder, recorder=recorder)
    cache = TieredCache(MemoryCache(10_000_000, recorder=recorder), TTLCache(0, recorder=recorder), disk, recorder)
    cache.write_policy = policy
    return cache


def decorated() -> dict[str, Any]:
    """Return cachetools' way to load what is missing, with everything loaded."""

    @cachetools.cached(cachetools.LRUCache(10_000), lock=threading.RLock())
    def loaded(_: str) -> int:
        return 1

    for key in KEYS:
        loaded(key)
    return {"loaded": loaded}


def filled() -> dict[str, Any]:
    cache = tiers()
    cache.set_many((key, 1) for key in KEYS)
    return {"cache": cache}


def cached_hits(loaded: Callable[[str], int]) -> None:
    for _ in range(ROUNDS):
        for key in KEYS:
            loaded(key)


def loaded_hits(cache: TieredCache) -> None:
    get_or_load = cache.get_or_load
    for _ in range(ROUNDS):
        for key in KEYS:
            get_or_load(key, load)


def plain_hits(cache: TieredCache) -> None:
    get = cache.get
    for _ in range(ROUNDS):
        for key in KEYS:
            get(key)


def batched_hits(cache: TieredCache) -> None:
    for _ in range(ROUNDS):
        cache.get_many(KEYS)


def loads() -> None:
    cache = tiers()
    for key in KEYS:
        cache.get_or_load(key, load)


def gets_and_sets() -> None:
    cache = tiers()
    for key in KEYS:
        if cache.get(key) is None:
            cache.set(key, load())


def misses(shared: bool) -> Callable[[], None]:
    def work() -> None:
        with tempfile.TemporaryDirectory() as folder, tiers(folder) as cache:
            if not shared:
                cache._through._turns = None
            for key in DISK_KEYS:
                cache.get_or_load(key, load)

    return work


def writes(policy: str) -> Callable[[], None]:
    def work() -> None:
        with tempfile.TemporaryDirectory() as folder, tiers(folder, policy) as cache:
            for _ in range(3):
                for key in DISK_KEYS:
                    cache[key] = 1

    return work


def batched_writes() -> None:
    with tempfile.TemporaryDirectory() as folder, tiers(folder) as cache:
        for _ in range(3):
            cache.set_many((key, 1) for key in DISK_KEYS)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def show(text: str) -> None:
        with capsys.disabled():
            print(text)

    return show


HITS = "20,000 hits of get_or_load"
RATIOS = {
    "cachetools": (f"{HITS} / cachetools.cached(LRU, lock=RLock())", "<= 1.0", cached_hits, loaded_hits),
    "get": (f"{HITS} / of get", "", plain_hits, loaded_hits),
    "get_many": ("20,000 hits of get_many, a thousand at a time / of get", "", plain_hits, batched_hits),
    "loads": ("1,000 loads into memory / get and set", "", gets_and_sets, loads),
    "lock": ("200 loads onto disk with a lock file each / without", "", misses(shared=False), misses(shared=True)),
    "write-back": ("600 sets of 200 keys, write-back / write-through", "", writes("through"), writes("back")),
    "set_many": ("600 sets, set_many / set", "", writes("through"), batched_writes),
}
SETUPS = {cached_hits: decorated, loaded_hits: filled, plain_hits: filled, batched_hits: filled}


@pytest.mark.parametrize("name", RATIOS)
def test_ratio(name: str, say: Callable[[str], None]) -> None:
    title, bound, baseline, other = RATIOS[name]
    arms = (
        Arm("baseline", baseline, setup=SETUPS.get(baseline), clock="cpu", inputs="baseline"),
        Arm("optimized", other, setup=SETUPS.get(other), clock="cpu", inputs="other"),
    )
    found = run(title, arms, isolated=False, pairs=48).comparisons[0].comparison
    assert found.pairs >= 48
    interval = f"{found.ratio:.2f} [{found.low:.2f}, {found.high:.2f}]"
    wanted = f" (bound {bound})" if bound else ""
    noise = max(found.baseline_noise, found.noise)
    say(f"\n{title}: {interval}{wanted}, noise floor {noise:.1%}, {found.pairs} pairs")


def test_a_turn_of_its_own(tmp_path: Path, say: Callable[[str], None]) -> None:
    turns, seconds = Turns(tmp_path / "loads"), []
    for key in KEYS:
        start = perf_counter()
        with turns.take(key):
            pass
        seconds.append(perf_counter() - start)
    seconds.sort()
    say(f"\na turn at loading among processes: {seconds[0] * 1e6:.0f} us at best, {seconds[500] * 1e6:.0f} us median")
