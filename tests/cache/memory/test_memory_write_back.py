"""Dirty entries: none leaves before it is written, and a write during a flush is not taken for written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tier_cases import TIERS, Clock, length, rows

from perflab.cache import MemoryCache
from perflab.errors import StoreError
from perflab.record import Recorder


class Store:
    """What lies behind the cache; it can fail."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}
        self.fails = False

    def write(self, key: object, value: object) -> None:
        if self.fails:
            raise OSError("no space left")
        self.values[key] = value


@pytest.fixture
def store() -> Store:
    return Store()


def test_a_dirty_entry_is_written_before_it_is_evicted(store: Store) -> None:
    recorder = Recorder()
    cache = MemoryCache(max_entries=1, write_back=store.write, recorder=recorder)
    cache.set("a", 1, dirty=True)
    assert store.values == {}
    cache["b"] = 2
    assert store.values == {"a": 1}
    assert rows(recorder)[1:3] == [("a", "write_back", "capacity"), ("a", "evict", "capacity")]


def test_what_cannot_be_written_stays_and_what_needs_its_room_is_refused(store: Store) -> None:
    recorder = Recorder()
    cache = MemoryCache(max_entries=1, write_back=store.write, recorder=recorder)
    cache.set("a", 1, dirty=True)
    store.fails = True
    with pytest.warns(RuntimeWarning, match="'a'.*no space left"):
        assert cache.set("b", 2) is False
    with pytest.warns(RuntimeWarning), pytest.raises(StoreError, match="bounds stay"):
        cache.resize(max_entries=0)
    with pytest.warns(RuntimeWarning), pytest.raises(StoreError, match="'a' cannot be taken out"):
        cache.take("a")
    with pytest.warns(RuntimeWarning):
        assert cache.flush() == 0
    assert (dict(cache), cache.max_entries) == ({"a": 1}, 1)
    assert ("b", "reject", "write_back") in rows(recorder)
    store.fails = False
    assert cache.set("b", 2)
    assert store.values == {"a": 1}


def test_an_entry_that_expires_dirty_is_out_of_sight_until_it_is_written(store: Store) -> None:
    clock = Clock()
    cache = MemoryCache(100, weigh=length, timer=clock, write_back=store.write)
    cache.set("a", "x", ttl=5, dirty=True)
    clock.now += 5
    store.fails = True
    with pytest.warns(RuntimeWarning):
        assert "a" not in cache
    with pytest.warns(RuntimeWarning):
        assert len(cache) == 0
    store.fails = False
    assert cache.expire() == 1
    assert (store.values, cache.nbytes) == ({"a": "x"}, 0)


def test_a_write_during_a_flush_is_not_lost(store: Store) -> None:
    cache = MemoryCache(100, weigh=length, write_back=store.write)
    cache.set("a", "old", dirty=True)
    ((key, value, generation),) = cache.dirty()
    cache.set("a", "new", dirty=True)
    store.write(key, value)
    assert cache.mark_clean(key, generation) is False
    assert [found[1] for found in cache.dirty()] == ["new"]
    assert cache.flush() == 1
    assert (store.values, cache.dirty(), cache.flush()) == ({"a": "new"}, [], 0)


def test_a_write_inside_the_write_back_itself_stays_dirty() -> None:
    written: list[object] = []

    def write(key: object, value: object) -> None:
        written.append(value)
        if value == "old":
            cache.set(key, "new", dirty=True)  # type: ignore[arg-type]

    cache = MemoryCache(100, weigh=length, write_back=write)
    cache.set("a", "old", dirty=True)
    cache.flush()
    assert [value for _, value, _ in cache.dirty()] == ["new"]
    cache.flush()
    assert written == ["old", "new"]


def test_what_is_removed_on_request_is_not_written(store: Store) -> None:
    cache = MemoryCache(100, weigh=length, write_back=store.write)
    for key in "abc":
        cache.set(key, "x", dirty=True)
    del cache["a"]
    cache["b"] = "clean"
    cache.clear()
    assert (cache.flush(), store.values, cache.dirty()) == (0, {}, [])


def test_the_end_of_the_cache_writes_what_is_dirty(store: Store) -> None:
    cache = MemoryCache(100, weigh=length, write_back=store.write)
    cache.set("a", "x", dirty=True)
    cache.reset()
    assert store.values == {"a": "x"}


@pytest.mark.parametrize("leave", ["evict", "expire", "read", "take", "flush"])
def test_an_interrupted_write_back_changes_nothing(leave: str) -> None:
    clock, written = Clock(), list[object]()
    interrupted = True

    def write(_: object, value: object) -> None:
        if interrupted:
            raise KeyboardInterrupt
        written.append(value)

    cache = MemoryCache(max_entries=3, timer=clock, write_back=write)
    for key in "abc":
        cache.set(key, key, ttl=5, dirty=True)
    clock.now += 5 if leave in ("expire", "read") else 0
    with pytest.raises(KeyboardInterrupt):
        {
            "evict": lambda: cache.set("d", "d"),
            "expire": cache.expire,
            "read": lambda: cache.get("a"),
            "take": lambda: cache.take("a"),
            "flush": cache.flush,
        }[leave]()
    interrupted = False
    clock.now += 5
    assert cache.expire() == 3
    assert sorted(written) == ["a", "b", "c"]  # type: ignore[type-var]  # they are text
    assert (len(cache), cache.nbytes, cache.dirty(), list(cache._stock.order)) == (0, 0, [], [])


class WritesReachTheStore(RuleBasedStateMachine):
    """Whatever happens, the newest acknowledged value of a key is in the cache, dirty, or in the store."""

    keys = st.sampled_from("abcd")
    name = "l1 lru"

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = Store()
        self.number = 0
        self.newest: dict[str, int] = {}
        self.cache = TIERS[self.name](max_entries=2, timer=self.clock, write_back=self.store.write)

    @rule(key=keys, ttl=st.none() | st.integers(1, 5))
    def write(self, key: str, ttl: int | None) -> None:
        self.number += 1
        if self.cache.set(key, self.number, ttl=ttl, dirty=True):
            self.newest[key] = self.number

    @rule(key=keys)
    def read(self, key: str) -> None:
        assert self.cache.get(key) in (None, self.newest.get(key))

    @rule()
    def flush(self) -> None:
        self.cache.flush()
        assert self.store.values == self.newest

    @rule(seconds=st.integers(1, 5))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule(entries=st.integers(0, 3))
    def resize(self, entries: int) -> None:
        self.cache.resize(max_entries=entries)

    @invariant()
    def nothing_is_lost(self) -> None:
        dirty = {key: value for key, value, _ in self.cache.dirty()}
        assert {**self.store.values, **dirty} == self.newest


@pytest.mark.parametrize("name", ["l1 lru", "l1 s3fifo", "l1 tinylfu", "l2 lru", "l1 cachetools.RRCache"])
def test_no_acknowledged_write_is_lost(name: str) -> None:
    case: Any = type("Machine", (WritesReachTheStore,), {"name": name}).TestCase  # type: ignore[attr-defined]  # dynamic
    case.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
    case("runTest").runTest()
