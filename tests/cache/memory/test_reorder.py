"""A tier that goes by another policy from now on keeps what it holds, and goes on as if it had been filled that way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.cache import POLICIES, MemoryCache
from perflab.errors import ConfigError

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 12)),
        st.tuples(st.just("get"), st.integers(0, 12)),
        st.tuples(st.just("delete"), st.integers(0, 12)),
        st.tuples(st.just("reorder"), st.sampled_from(sorted(POLICIES))),
    ),
    max_size=60,
)


def cache_of(policy: str) -> MemoryCache:
    return MemoryCache(max_entries=6, policy=policy, weigh=lambda *_: 1)


@pytest.mark.parametrize("old", POLICIES)
@pytest.mark.parametrize("new", POLICIES)
def test_it_goes_on_as_one_that_was_filled_in_the_old_order(old: str, new: str) -> None:
    changed = cache_of(old)
    for key in (1, 2, 3, 2, 4, 5, 1, 6):
        if changed.get(key) is None:
            changed[key] = key
    kept = [entry.key for entry in changed.entries()]
    changed.reorder(new)
    fresh = cache_of(new)
    for key in kept:
        fresh[key] = key
    for key in (2, 7, 2, 8, 3, 9, 1, 2, 10, 11, 4, 12):
        assert changed.get(key) == fresh.get(key)
        changed[key] = fresh[key] = key
        assert set(changed) == set(fresh)


@given(st.sampled_from(sorted(POLICIES)), STEPS)
def test_shelf_and_order_hold_the_same_at_any_time(first: str, steps: list[tuple[str, int | str]]) -> None:
    cache = cache_of(first)
    for step, key in steps:
        if step == "set":
            cache[key] = key
        elif step == "get":
            cache.get(key)
        elif step == "delete":
            cache.pop(key, None)
        else:
            before = set(cache)
            cache.reorder(str(key))
            assert set(cache) == before
        assert {entry.key for entry in cache.entries()} == {key for key in range(13) if cache.peek(key) is not None}
        assert len(cache) == cache.nbytes <= 6


def test_an_unknown_policy_is_refused_and_the_old_one_stays() -> None:
    cache = cache_of("fifo")
    cache.update(dict.fromkeys(range(6)))
    with pytest.raises(ConfigError, match="policy is 'random'; it must be one of"):
        cache.reorder("random")
    cache.get(0)
    cache[7] = None
    assert 0 not in cache


def test_entries_from_now_on_live_as_long_as_is_said() -> None:
    now = 0.0
    cache = MemoryCache(max_entries=6, default_ttl=10, timer=lambda: now)
    cache["before"] = 1
    cache.live_for(None)
    cache["after"] = 1
    now = 11.0
    assert list(cache) == ["after"]
    cache.live_for(5)
    cache["later"] = 1
    now = 16.0
    assert list(cache) == ["after"]
