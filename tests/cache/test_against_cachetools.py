"""The memory tier against cachetools, whose LRU is the reference that Python people know."""

from __future__ import annotations

import cachetools
from hypothesis import given
from hypothesis import strategies as st

from perflab.cache import MemoryCache, entry_weight

VALUE = b"x" * 100
WEIGHT = entry_weight(0, VALUE)


@given(st.lists(st.integers(0, 12), max_size=200), st.integers(1, 8))
def test_the_same_keys_stay_as_in_an_lru_of_cachetools(keys: list[int], entries: int) -> None:
    ours = MemoryCache(entries * WEIGHT)
    theirs: cachetools.LRUCache[int, bytes] = cachetools.LRUCache(entries)
    for key in keys:
        for cache in (ours, theirs):
            if cache.get(key) is None:
                cache[key] = VALUE
        assert set(ours) == set(theirs)


def test_it_serves_as_the_cache_of_a_cachetools_decorator() -> None:
    cache = MemoryCache(100_000)
    calls: list[int] = []

    @cachetools.cached(cache)
    def double(number: int) -> int:
        calls.append(number)
        return 2 * number

    assert [double(3), double(3), double(4)] == [6, 6, 8]
    assert calls == [3, 4]
    assert len(cache) == 2
