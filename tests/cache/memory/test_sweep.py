"""The background sweep: dead entries leave memory untouched by anyone, and the thread leaves with the cache."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import pytest

from perflab.cache import MemoryCache, TieredCache, TTLCache, build, build_tiers
from perflab.config import Config
from perflab.errors import ConfigError, StoreError


def sweepers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "perflab-cache-sweep"]


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if condition():
            return
        threading.Event().wait(0.001)
    raise AssertionError("it did not come to pass within 10 s")


def make(now: list[float]) -> TieredCache:
    tiers = (MemoryCache(1_000, timer=lambda: now[0]), TTLCache(1_000, default_ttl=50, timer=lambda: now[0]))
    return TieredCache(*tiers, None)


def test_what_is_due_leaves_both_memory_tiers_untouched() -> None:
    now = [0.0]
    with make(now) as cache:
        for number in range(6):
            cache.set(number, "x" * 50, ttl=10)
        assert min(cache.l1.nbytes, cache.l2.nbytes) > 0
        assert not sweepers()
        cache.start_sweep(0.001)
        cache.start_sweep(0.001)
        assert len(sweepers()) == 1
        now[0] = 11.0
        wait_until(lambda: cache.l1.nbytes == cache.l2.nbytes == 0)
    assert not sweepers()


def test_an_interval_is_above_zero_and_a_closed_cache_starts_nothing() -> None:
    cache = make([0.0])
    with pytest.raises(ConfigError, match="interval_s"):
        cache.start_sweep(0)
    cache.close()
    with pytest.raises(StoreError, match="closed"):
        cache.start_sweep(1)
    assert not sweepers()


def test_built_tiers_are_swept_until_they_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "SWEEP_S", 0.001)
    now = [0.0]
    with build_tiers(Config(cache={"l3_enabled": False}), timer=lambda: now[0]) as cache:
        cache.set("page", "x", ttl=10)
        now[0] = 11.0
        wait_until(lambda: cache.l1.nbytes == 0)
    assert not sweepers()


def test_a_cache_that_is_dropped_unclosed_is_not_kept_alive_by_its_sweep() -> None:
    cache = make([0.0])
    cache.start_sweep(0.001)
    del cache
    gc.collect()
    wait_until(lambda: not sweepers())
