"""What a memoized hit costs: run with `make perf`. Each line is a ratio of interleaved pairs in one process.

Nothing here asserts a time; that all calls were hits is asserted, since a miss is another thing.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import cachetools
import numpy as np
import pytest

from perflab.bench import Arm, run
from perflab.cache import MemoryCache, TieredCache, TTLCache, cached
from perflab.record import Recorder

NAMES = [f"key-{number}" for number in range(1_000)]
LOOPS = 10
SCALE = 2
Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def show(text: str) -> None:
        with capsys.disabled():
            print(text)

    return show


def plain(name: str) -> str:
    return name


def halved(name: str) -> str:
    return name[: len(name) // SCALE]


def scaled(name: str) -> str:
    """Read three global names: a constant, a function and a builtin."""
    return halved(name) * SCALE + str(len(name))


def dated(name: str) -> str:
    return name


class Page:
    def text(self, name: str) -> str:
        return name


@functools.cache
def cache() -> TieredCache:
    recorder = Recorder()
    return TieredCache(MemoryCache(50_000_000, recorder=recorder), TTLCache(0, recorder=recorder), None, recorder)


@functools.cache
def calls(kind: str) -> Any:
    """Return a function of this process, each of whose results is cached."""
    fn: Any
    if kind == "cachetools":
        fn = cachetools.cached(cachetools.LRUCache(10_000), lock=threading.RLock())(plain)
    elif kind == "cachetools method":
        locked = cachetools.cachedmethod(lambda self: self.cache, lock=lambda self: self.lock)(Page.text)
        page = type("LockedPage", (), {"text": locked})()
        page.cache, page.lock = cachetools.LRUCache(10_000), threading.RLock()
        fn = page.text
    elif kind == "method":
        fn = type("CachedPage", (Page,), {"text": cached(cache(), Page.text)})().text
    elif kind == "ttl":
        fn = cached(cache(), dated, ttl=3_600)
    else:
        fn = cached(cache(), {"plain": plain, "scaled": scaled}[kind])
    for name in NAMES:
        fn(name)
    return fn


def calling(kind: str) -> None:
    """Make 10,000 hits."""
    fn = calls(kind)
    for _ in range(LOOPS):
        for name in NAMES:
            fn(name)


@functools.cache
def known_keys() -> list[str]:
    return [calls("plain").cache_key(name) for name in NAMES]


def getting() -> None:
    """Make 10,000 hits of `cache.get`, by the keys of a function's results."""
    known, get = known_keys(), cache().get
    for _ in range(LOOPS):
        for key in known:
            get(key)


PAIRS: list[tuple[str, Callable[[], None], Callable[[], None], str]] = [
    ("hit / cachetools.cached(LRU, lock)", partial(calling, "cachetools"), partial(calling, "plain"), "1.0"),
    ("hit, 4 names / cachetools.cached(LRU, lock)", partial(calling, "cachetools"), partial(calling, "scaled"), "none"),
    ("hit / cache.get", getting, partial(calling, "plain"), "none"),
    ("method hit / cachetools.cachedmethod", partial(calling, "cachetools method"), partial(calling, "method"), "none"),
    ("hit with ttl / cachetools.cached(LRU, lock)", partial(calling, "cachetools"), partial(calling, "ttl"), "1.0"),
]


@pytest.mark.parametrize(("title", "baseline", "other", "bound"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_memoized_hits(
    title: str, baseline: Callable[[], None], other: Callable[[], None], bound: str, say: Say
) -> None:
    arms = (
        Arm("baseline", baseline, clock="cpu", inputs="baseline"),
        Arm("optimized", other, clock="cpu", inputs="other"),
    )
    baseline()
    other()
    misses = cache().recorder.totals()["miss"]
    found = run(title, arms, isolated=False, pairs=48).comparisons[0].comparison
    assert cache().recorder.totals()["miss"] == misses
    interval = f"{found.ratio:.2f} [{found.low:.2f}, {found.high:.2f}]"
    noise = max(found.baseline_noise, found.noise)
    say(f"\nmemoized {title}: {interval}, bound {bound}, noise floor {noise:.1%}")


def test_memoized_hit_over_get(say: Say) -> None:
    works = {"get": getting, "hit": partial(calling, "plain")}
    ns: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(40):
        for name, work in works.items():
            start = time.process_time_ns()
            work()
            ns[name].append((time.process_time_ns() - start) / (LOOPS * len(NAMES)))
    extra = np.array(ns["hit"]) - np.array(ns["get"])
    low, middle, high = np.quantile(extra, [0.25, 0.5, 0.75])
    say(f"\nmemoized hit: {np.median(ns['hit']):.0f} ns, of it over cache.get {middle:.0f} ns [{low:.0f}, {high:.0f}]")
