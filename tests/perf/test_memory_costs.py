"""What the memory tiers cost beside cachetools: run with `make perf`.

Each line is a ratio of interleaved pairs in one process beside its bound, or a size. Nothing here asserts a time.
"""

from __future__ import annotations

import functools
import gc
import itertools
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import cachetools
import numpy as np
import pytest

from perflab.bench import Arm, run
from perflab.cache import POLICIES, MemoryCache, TTLCache
from perflab.record import Recorder

Say = Callable[[str], None]
ROUND = 5_000
"""Operations a sample."""
NEW = itertools.count(10**6)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def show(text: str) -> None:
        with capsys.disabled():
            print(text)

    return show


def ours(entries: int, policy: str = "lru") -> MemoryCache:
    return MemoryCache(max_entries=entries, policy=policy, recorder=Recorder())


MAKERS: dict[str, Callable[[], Any]] = {
    "cachetools.LRUCache": lambda: cachetools.LRUCache(1_000),
    "cachetools.TTLCache": lambda: cachetools.TTLCache(1_000, ttl=3_600),
    "TTLCache": lambda: TTLCache(max_entries=1_000),
    **{name: partial(ours, 1_000, name) for name in POLICIES},
    "1k": partial(ours, 1_000),
    "1M": partial(ours, 1_000_000),
    "1k, cachetools": lambda: cachetools.LRUCache(1_000),
    "1M, cachetools": lambda: cachetools.LRUCache(1_000_000),
}


@functools.cache
def full(kind: str) -> Any:
    """Return this process's cache of a kind, full."""
    cache = MAKERS[kind]()
    for number in range(1_000_000 if "1M" in kind else 1_000):
        cache[number] = 1
    return cache


def missing_and_setting(kind: str) -> None:
    cache = full(kind)
    get = cache.get
    for key in itertools.islice(NEW, ROUND):
        if get(key) is None:
            cache[key] = 1


def missing_setting_and_settling(kind: str) -> None:
    """Do the same often, until all rows of it are columns."""
    for _ in range(10):
        missing_and_setting(kind)
    cache = full(kind)
    if isinstance(cache, MemoryCache):
        cache._stock._access.__self__.settle()


def setting(kind: str) -> None:
    cache = full(kind)
    for key in itertools.islice(NEW, ROUND):
        cache[key] = 1


def hitting(kind: str) -> None:
    get = full(kind).get
    for _ in range(ROUND // 1_000):
        for key in range(1_000):
            get(key)


KEYS, ENTRIES, REQUESTS = 100_000, 10_000, 300_000


@functools.cache
def zipf() -> list[int]:
    weights = 1 / np.arange(1, KEYS + 1)
    drawn = np.random.default_rng(1).choice(KEYS, size=REQUESTS, p=weights / weights.sum())
    return [int(key) for key in drawn]


def replaying(make: Callable[[], Any]) -> int:
    """Replay the trace and return the hits."""
    cache, hits = make(), 0
    get = cache.get
    for key in zipf():
        if get(key) is None:
            cache[key] = 1
        else:
            hits += 1
    return hits


LRU = partial(cachetools.LRUCache, ENTRIES)
S3FIFO = partial(ours, ENTRIES, "s3fifo")

PAIRS: list[tuple[str, Callable[[], object], Callable[[], object], str]] = [
    *(
        (
            f"recorded miss + set, {name} / cachetools.LRUCache",
            partial(missing_and_setting, "cachetools.LRUCache"),
            partial(missing_and_setting, name),
            "1.0" if name == "lru" else "none",
        )
        for name in ("lru", "sieve", "s3fifo", "tinylfu")
    ),
    (
        "the same for lru, and its rows become columns",
        partial(missing_setting_and_settling, "cachetools.LRUCache"),
        partial(missing_setting_and_settling, "lru"),
        "none",
    ),
    (
        "hit, MemoryCache / cachetools.LRUCache",
        partial(hitting, "cachetools.LRUCache"),
        partial(hitting, "lru"),
        "none",
    ),
    (
        "hit, TTLCache / cachetools.TTLCache",
        partial(hitting, "cachetools.TTLCache"),
        partial(hitting, "TTLCache"),
        "0.25",
    ),
    ("evicting set at 1M entries / at 1k", partial(setting, "1k"), partial(setting, "1M"), "1.5"),
    (
        "the same, cachetools.LRUCache",
        partial(setting, "1k, cachetools"),
        partial(setting, "1M, cachetools"),
        "none",
    ),
    (
        "Zipf 1.0 replay, s3fifo with recorded sets and evictions / cachetools.LRUCache",
        partial(replaying, LRU),
        partial(replaying, S3FIFO),
        "1.1",
    ),
]


@pytest.mark.parametrize(("title", "baseline", "other", "bound"), PAIRS)
def test_ratio(title: str, baseline: Callable[[], object], other: Callable[[], object], bound: str, say: Say) -> None:
    baseline(), other()  # fills them
    arms = (
        Arm("baseline", baseline, clock="cpu", inputs="baseline"),
        Arm("optimized", other, clock="cpu", inputs="other"),
    )
    found = run(title, arms, isolated=False, pairs=12).comparisons[0].comparison
    interval = f"{found.ratio:.2f} [{found.low:.2f}, {found.high:.2f}]"
    noise = max(found.baseline_noise, found.noise)
    say(f"\n{title}: {interval}, bound {bound}, noise floor {noise:.1%}, {found.pairs} pairs")
    for kind in ("1M", "1M, cachetools"):
        if kind in title:
            full.cache_clear()


def test_s3fifo_hits_more_often_than_lru(say: Say) -> None:
    lru, s3fifo = replaying(LRU) / REQUESTS, replaying(S3FIFO) / REQUESTS
    assert s3fifo - lru >= 0.015
    say(
        f"\nhit rate of {REQUESTS:,} requests, Zipf 1.0 over {KEYS:,} keys, {ENTRIES:,} entries: "
        f"s3fifo {s3fifo:.3f}, LRU {lru:.3f}, bound +0.015"
    )


@pytest.mark.parametrize("policy", ["cachetools.LRUCache", *POLICIES])
def test_bytes_an_entry(policy: str, say: Say) -> None:
    entries = 10_000
    gc.collect()
    tracemalloc.start()
    theirs = policy == "cachetools.LRUCache"
    cache: Any = cachetools.LRUCache(entries) if theirs else MemoryCache(max_entries=entries, policy=policy)
    before = tracemalloc.get_traced_memory()[0]
    for key in range(10**6, 10**6 + entries):
        cache[key] = None
    held = (tracemalloc.get_traced_memory()[0] - before) / entries
    tracemalloc.stop()
    say(f"\nbytes an entry, {entries:,} whole-number keys, {policy}: {held:.0f}, bound 179")
    assert len(cache) == entries
