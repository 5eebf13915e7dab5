"""The memory tier: tags, prefixes, listeners, reads, resizing, threads, and who takes over what leaves."""

from __future__ import annotations

import gc
import math
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from tier_cases import TIERS, Clock, Make, length, rows

from perflab.cache import Entry, MemoryCache, TTLCache
from perflab.cache.entry import UNBOUNDED
from perflab.errors import ConfigError, StoreError
from perflab.record import Recorder


@pytest.fixture(params=TIERS)
def make(request: pytest.FixtureRequest) -> Make:
    return TIERS[request.param]


def test_the_hook_takes_over_what_leaves_for_room() -> None:
    taken: list[tuple[object, Entry]] = []
    recorder = Recorder()
    cache = MemoryCache(1, weigh=length, recorder=recorder, on_evict=lambda key, entry: taken.append((key, entry)))
    cache["a"] = "x"
    cache["b"] = "y"
    cache.clear()
    assert [(key, entry.value) for key, entry in taken] == [("a", "x")]
    assert "evict" not in [event for _, event, _ in rows(recorder)]


def test_an_entry_that_moves_keeps_its_cost_and_its_tags() -> None:
    below = MemoryCache(max_entries=9)
    above = MemoryCache(max_entries=1, on_evict=lambda _, entry: below.admit(entry) and None)
    above.set("a", 1, cost=2.5, tags=["t"])
    above["b"] = 2
    assert above.invalidate(tag="t") == 0
    entry = below.peek("a")
    assert entry is not None
    assert entry.facts.cost == 2.5
    assert below.invalidate(tag="t") == 1


def test_tags_and_prefixes_name_what_goes_together() -> None:
    cache = MemoryCache(10_000)
    cache.set("page-1", 1, tags=["site", "old"])
    cache.set("page-2", 2, tags="site")
    cache.set(3, 3, tags={"site"})
    cache["page-4"] = 4
    assert cache.get_by_prefix("page-") == {"page-1": 1, "page-2": 2, "page-4": 4}
    cache["page-2"] = 5
    assert cache.invalidate(tag="site") == 2, "a value that replaces another has its own tags"
    assert cache.invalidate(tag="site") == cache.invalidate(tag="unknown") == 0
    assert cache.invalidate(prefix="page-") == 2
    assert cache.invalidate("page-4") == 0
    assert (len(cache), cache.nbytes, cache._stock.shelf._tags._members) == (0, 0, {})


def test_each_removal_is_told_with_its_reason() -> None:
    told: list[tuple[Any, Any, str]] = []
    cache = MemoryCache(6, weigh=length, listener=lambda *notice: told.append(notice))
    cache.update(a="xxx", b="yyy")
    cache["a"] = "zz"
    cache["c"] = "uuuu"
    cache["d"] = "v" * 7
    cache["c"] = "w" * 7
    del cache["a"]
    cache["e"] = "f"
    cache.clear()
    assert told == [
        ("a", "xxx", "replaced"),
        ("b", "yyy", "evicted"),
        ("d", "v" * 7, "rejected"),
        ("c", "w" * 7, "rejected"),
        ("c", "uuuu", "invalidated"),
        ("a", "zz", "invalidated"),
        ("e", "f", "cleared"),
    ]


def test_a_listener_that_fails_is_a_warning_and_hears_of_the_next_one() -> None:
    told = []

    def listen(key: object, *_: object) -> None:
        told.append(key)
        if key == "a":
            raise ValueError("no")

    cache = MemoryCache(max_entries=2, listener=listen)
    cache.update(a=1, b=2)
    with pytest.warns(RuntimeWarning, match="listener.*'a', which was cleared.*no"):
        assert cache.clear() == 2
    assert told == ["a", "b"]


def test_a_hit_needs_no_lock(make: Make) -> None:
    cache = make(max_entries=10)
    cache["a"] = 1
    found: list[Any] = []
    with cache._lock:
        thread = threading.Thread(target=lambda: found.extend([cache.get("a"), cache["a"]]), daemon=True)
        thread.start()
        thread.join(10)
        assert found == [1, 1]


def test_many_reads_are_not_gathered_for_ever(make: Make) -> None:
    cache = make(max_entries=10)
    cache["a"] = 1
    for _ in range(10_000):
        cache.get("a")
    assert len(cache._reads) < 1_000


def test_a_cache_that_is_dropped_lets_go_of_its_values_at_once(make: Make) -> None:
    if make is TIERS["l1 cachetools.LFUCache"]:
        pytest.skip("that class refers to itself, and waits for the garbage collector")

    class Value: ...

    values = [Value() for _ in range(9)]
    watched = [weakref.ref(value) for value in values]
    cache = make(max_entries=5)
    for number, value in enumerate(values):
        cache[number] = value
        cache.get(number)
    gc.collect()
    gc.disable()
    try:
        del cache, values, value
        assert [reference() for reference in watched] == [None] * 9
    finally:
        gc.enable()


def test_a_dear_value_outlives_a_cheap_one_with_gdsf() -> None:
    cache = MemoryCache(max_entries=2, policy="gdsf")
    cache.set("dear", 1, cost=9.0)
    for number in range(5):
        cache.set(number, number, cost=0.1)
    assert "dear" in cache


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs a bound"),
        ({"max_bytes": -1}, "max_bytes is -1"),
        ({"max_entries": True}, "max_entries is True"),
        ({"max_entries": 1, "default_ttl": math.nan}, "ttl is nan"),
        ({"max_entries": 1, "policy": "mru"}, "policy is 'mru'; it must be one of lru, fifo"),
        ({"max_entries": 1, "policy": 7}, "policy is 7"),
    ],
)
def test_absurd_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MemoryCache(**options)


def test_a_negative_weight_is_refused_and_breaks_no_bound() -> None:
    cache = MemoryCache(10, weigh=lambda _, value: value)  # type: ignore[arg-type, return-value]
    cache["a"] = 4
    with pytest.raises(StoreError, match="weight of the key 'b' is -5"):
        cache["b"] = -5
    with pytest.raises(StoreError, match="key 'a'"):
        cache["a"] = -5
    assert (dict(cache), cache.nbytes) == ({"a": 4}, 4)


@pytest.mark.parametrize("cost", [-1.0, math.nan, math.inf])
def test_an_absurd_cost_is_refused(cost: float) -> None:
    with pytest.raises(ConfigError, match="cost is"):
        MemoryCache(10).set("a", 1, cost=cost)


def test_a_dirty_entry_needs_a_write_back() -> None:
    with pytest.raises(ConfigError, match="write_back"):
        MemoryCache(10).set("a", 1, dirty=True)


@pytest.mark.parametrize("key", ["a", 1, math.nan, (1, 2)])
@pytest.mark.parametrize("ttl", [None, 5])
def test_it_tells_which_entries_it_holds(make: Make, key: Any, ttl: float | None) -> None:
    cache = make(max_entries=5)
    cache.set(key, 1, ttl=ttl)
    entry = cache.peek(key)
    assert entry is not None
    assert cache.holds(entry)
    cache[key] = 2
    assert not cache.holds(entry)


@pytest.mark.parametrize("leave", ["delete", "take", "expire", "clear", "evict"])
def test_a_value_that_was_read_goes_when_it_leaves(leave: str) -> None:
    class Value: ...

    clock = Clock()
    cache = TTLCache(max_entries=3, timer=clock)
    cache["a"] = Value()
    watched = weakref.ref(cache["a"])
    if leave == "delete":
        del cache["a"]
    elif leave == "take":
        cache.take("a")
    elif leave == "expire":
        clock.now += 9_999
        cache.expire()
    elif leave == "clear":
        cache.clear()
    else:
        cache.update(b=1, c=2, d=3)
    assert watched() is None


def test_threads_leave_the_byte_count_exact(make: Make) -> None:
    cache = make(500, max_entries=60, weigh=length)

    def work(seed: int) -> None:
        for number in range(300):
            key = (seed * number) % 97
            cache[key] = "x" * (key % 13)
            cache.get((key * 7) % 97)
            cache.pop((key * 3) % 97, None)
            cache.setdefault(key, "x")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.nbytes == sum(len(str(value)) for value in cache.values()) <= 500
    assert len(cache) == len(list(cache)) == len(cache._stock.shelf) <= 60


@pytest.mark.parametrize("weight", [1.5, np.int64(2), np.float64(1.01), True])
def test_a_weight_of_any_kind_of_number_counts_as_whole_bytes(weight: Any) -> None:
    cache = MemoryCache(4, weigh=lambda *_: weight)
    for number in range(5):
        assert cache.set(number, "x")
        assert 0 < cache.nbytes <= 4
    assert cache.nbytes == len(cache) * math.ceil(weight)
    cache.clear()
    assert cache.nbytes == 0


@pytest.mark.parametrize("weight", [math.nan, math.inf, "heavy", None])
def test_a_weight_that_is_no_number_is_refused_and_nothing_changes(weight: Any) -> None:
    weights = {"a": 1}
    cache = MemoryCache(4, weigh=lambda key, _: weights.get(key, weight))
    cache["a"] = 1
    with pytest.raises(StoreError, match=r"The weight of the key 'b' is .*; it must be a number"):
        cache["b"] = 2
    assert (dict(cache), cache.nbytes, len(list(cache._stock.order))) == ({"a": 1}, 1, 1)


@pytest.mark.parametrize("bound", [2**63, 2**70])
def test_a_bound_that_nothing_reaches_may_be_any_number(bound: int) -> None:
    cache = MemoryCache(10_000)
    cache["a"] = 1
    cache.resize(bound, bound)
    cache["b"] = 2
    assert (list(cache), cache.max_bytes) == (["a", "b"], UNBOUNDED)
    cache.resize(max_entries=1)
    assert list(cache) == ["b"]


@pytest.mark.parametrize("policy", ["lru", "sieve"])
@pytest.mark.parametrize("ttl", [None, 60.0])
@pytest.mark.parametrize("stored", ["c", "d", b"d"])
def test_who_takes_over_an_entry_may_store_another_in_the_same_tier(
    policy: str, ttl: float | None, stored: Any
) -> None:
    cache = MemoryCache(max_entries=2, policy=policy)
    cache["a"], cache["b"] = 1, 2
    told: list[Any] = []

    def take_over(key: Any, _: object) -> None:
        told.append(key)
        if len(told) == 1:
            cache[stored] = "from within"

    cache.on_evict = take_over
    assert cache.set("c", "from without", ttl=ttl)
    assert cache["c"] == "from without"
    held = list(cache)
    assert len(held) == len(set(held)) == len(cache) == len(list(cache._stock.order)) <= 2
    assert cache.nbytes == sum(entry.nbytes for entry in cache.entries())


def test_a_value_that_cannot_be_stored_after_all_is_rejected_once() -> None:
    recorder = Recorder()

    def fail(*_: object) -> None:
        raise OSError("no disk")

    cache = MemoryCache(3, weigh=lambda _, value: value, recorder=recorder, write_back=fail)
    cache["small"], cache["replaced"] = 1, 1

    def take_over(key: Any, _: object) -> None:
        if key == "small":
            cache.set("dirty", 2, dirty=True)

    cache.on_evict = take_over
    recorder.settle()
    before = len(recorder.frames.accesses)
    with pytest.warns(RuntimeWarning, match="write-back"):
        assert cache.set("replaced", 3) is False
    rows = recorder.frames.accesses.iloc[before:]
    found = [(row.key, row.event) for row in rows.itertuples()]
    assert found == [("dirty", "set"), ("replaced", "reject"), ("replaced", "invalidate")]
    assert (dict(cache), cache.nbytes) == ({"dirty": 2}, 2)


@pytest.mark.parametrize("policy", ["lru", "fifo", "sieve", "s3fifo", "lfu"])
def test_an_interrupt_inside_a_policy_leaves_a_tier_that_works(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = MemoryCache(max_entries=3, policy=policy)
    for key in "abc":
        cache[key] = 1
    order: Any = cache._stock.order

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(type(order), "remove", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cache.invalidate("a")
    for key in "defgh":
        cache[key] = 1
        assert len(cache) <= 3
        assert cache.nbytes == sum(entry.nbytes for entry in cache.entries())
