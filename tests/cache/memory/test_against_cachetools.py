"""The memory tier and cachetools: the same evictions, its caches as policies, and this one in its decorators."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import cachetools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tier_cases import Clock

from perflab.cache import MemoryCache, TTLCache, entry_weight
from perflab.errors import ConfigError

VALUE = b"x" * 100
WEIGHT = entry_weight(0, VALUE)
requests = st.lists(st.integers(0, 12), max_size=200)

SAME: dict[str, tuple[Any, Any]] = {
    "lru": ("lru", cachetools.LRUCache),
    "fifo": ("fifo", cachetools.FIFOCache),
    "LRUCache": (cachetools.LRUCache, cachetools.LRUCache),
    "LFUCache": (cachetools.LFUCache, cachetools.LFUCache),
    "FIFOCache": (cachetools.FIFOCache, cachetools.FIFOCache),
}


@pytest.mark.parametrize("name", SAME)
@settings(deadline=None)
@given(keys=requests, entries=st.integers(1, 8))
def test_the_same_keys_stay_as_in_a_cache_of_cachetools(name: str, keys: list[int], entries: int) -> None:
    policy, kind = SAME[name]
    ours = MemoryCache(entries * WEIGHT, policy=policy)
    theirs = kind(entries)
    for key in keys:
        for cache in (ours, theirs):
            if cache.get(key) is None:
                cache[key] = VALUE
        assert set(ours._stock.shelf.hot) == set(theirs)


@given(keys=requests, entries=st.integers(1, 8))
def test_an_instance_brings_its_bound_and_its_choices_along(keys: list[int], entries: int) -> None:
    def chosen(seed: int) -> Any:
        # Only what to choose from differs: entries here, keys there.
        number = random.Random(seed)
        return lambda found: sorted(found, key=lambda item: getattr(item, "key", item))[number.randrange(len(found))]

    ours = MemoryCache(policy=cachetools.RRCache(entries, choice=chosen(1)))
    theirs = cachetools.RRCache(entries, choice=chosen(1))
    for key in keys:
        for cache in (ours, theirs):
            if cache.get(key) is None:
                cache[key] = VALUE
        assert set(ours) == set(theirs)
    ours.clear()
    ours[1] = VALUE
    assert list(ours) == [1]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), max_size=100))
def test_an_instances_sizes_count(items: list[tuple[int, int]]) -> None:
    ours = MemoryCache(policy=cachetools.LRUCache(10, getsizeof=len))
    theirs = cachetools.LRUCache(10, getsizeof=len)
    for key, size in items:
        if size > 10:
            assert ours.set(key, "x" * size) is False
            theirs.pop(key, None)  # cachetools goes on serving the value that could not be replaced
            continue
        if key in theirs:
            # It makes room before it lets go of what is replaced; here that goes first, and nothing else needs to.
            del theirs[key]
        ours[key] = theirs[key] = "x" * size
        assert (dict(ours), ours.nbytes) == (dict(theirs), theirs.currsize)


def test_its_times_to_live_count() -> None:
    clock = Clock()
    item_times = cachetools.TLRUCache(9, ttu=lambda _, value, now: now + value, timer=clock)
    cache = MemoryCache(policy=item_times, timer=clock)
    cache.update(a=5, b=10)
    assert cache.set("c", 0) is False
    clock.now += 5
    assert dict(cache) == {"b": 10}
    one_time = MemoryCache(max_entries=2, policy=cachetools.TTLCache(9, ttl=5, timer=clock), timer=clock)
    one_time.update(a=1, b=2, c=3)
    one_time.set("c", 3, ttl=7)
    clock.now += 5
    assert dict(one_time) == {"c": 3}


def test_a_cache_that_cannot_be_a_policy_is_refused() -> None:
    full: cachetools.LFUCache[str, int] = cachetools.LFUCache(2)
    full["a"] = 1
    with pytest.raises(ConfigError, match="LFUCache with entries"):
        MemoryCache(policy=full)
    with pytest.raises(ConfigError, match=r"class TLRUCache.*give an empty cache"):
        MemoryCache(policy=cachetools.TLRUCache, max_entries=1)


MEMORY: dict[str, Any] = {
    "l1": partial(MemoryCache, 100_000),
    "l1 s3fifo": partial(MemoryCache, 100_000, policy="s3fifo"),
    "l2": partial(TTLCache, 100_000),
}


@pytest.mark.parametrize("name", MEMORY)
def test_it_serves_as_the_cache_of_a_cachetools_decorator(name: str) -> None:
    cache = MEMORY[name]()
    calls: list[tuple[Any, ...]] = []

    @cachetools.cached(cache)
    def join(*parts: object, last: object = None) -> tuple[object, ...]:
        calls.append(parts)
        return (*parts, last)

    assert [join(3), join(3), join(3, last="x"), join("3")] == [(3, None), (3, None), (3, "x"), ("3", None)]
    assert len(calls) == len(cache) == 3
    assert join.cache is cache
    join.cache_clear()
    assert len(cache) == 0


def test_it_keeps_typed_keys_of_cachetools_apart() -> None:
    cache = MemoryCache(100_000)

    @cachetools.cached(cache, key=cachetools.keys.typedkey)
    def kind(value: object) -> str:
        return type(value).__name__

    assert [kind(1), kind(1.0), kind(True)] == ["int", "float", "bool"]
