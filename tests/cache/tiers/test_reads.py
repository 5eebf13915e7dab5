"""The quick way of a read: one row an access, the evictions of an eager LRU, and no value that outlives both."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from perflab.cache import MISSING, Entry, MemoryCache, TieredCache, TTLCache
from perflab.cache.memory.aged import AgedEntry
from perflab.cache.memory.tier import LEFT_BYTES
from perflab.cache.tiers import reads
from perflab.config import Config, RecordSettings
from perflab.record import Operation, Recorder
from perflab.record.tape import Timestamps
from perflab.system import PerformanceSystem

MODES: tuple[Timestamps, ...] = ("exact", "chunk", "off")
MB = 1_000_000


def size(_: object, value: object) -> int:
    return value if isinstance(value, int) else MB


def make(
    l1: int = 100 * MB, mode: Timestamps = "exact", chunk_rows: int = 4096, recorder: Recorder | None = None
) -> TieredCache:
    recorder = recorder or Recorder(settings=RecordSettings(timestamps=mode, chunk_rows=chunk_rows))
    return TieredCache(
        MemoryCache(l1, weigh=size, recorder=recorder),
        TTLCache(0, weigh=size, recorder=recorder),
        None,
        recorder,
    )


def events(cache: TieredCache) -> list[str]:
    events: list[str] = cache.recorder.rows("accesses")["event"].to_pylist()
    return events


KEYS: tuple[Hashable, ...] = ("1", 1, True, 1.0, (1,), (1.0,), b"1", float("nan"), "a", 2)
places = st.integers(0, len(KEYS) - 1)  # `1`, `1.0` and `True` are equal, their places are not


class AgainstEagerLRU(RuleBasedStateMachine):
    """A cache whose hits are noted, and the same cache with an order that every read changes at once."""

    mode: Timestamps = "exact"

    def __init__(self) -> None:
        super().__init__()
        self.cache = make(6, self.mode, chunk_rows=16)
        self.model: OrderedDict[int, int] = OrderedDict()
        self.bound = 6
        self.operations: list[Operation] = []

    def use(self, place: int) -> int | None:
        if place in self.model:
            self.model.move_to_end(place)
        return self.model.get(place)

    def make_room(self, nbytes: int) -> None:
        while self.model and sum(self.model.values()) > self.bound - nbytes:
            self.model.popitem(last=False)

    @rule(place=places)
    def get(self, place: int) -> None:
        assert self.cache.get(KEYS[place]) == self.use(place)

    @rule(place=places)
    def subscribe(self, place: int) -> None:
        found = None
        with suppress(KeyError):
            found = self.cache[KEYS[place]]
        assert found == self.use(place)

    @rule(place=places, times=st.integers(1, 20))
    def get_often(self, place: int, times: int) -> None:
        for _ in range(times):
            assert self.cache.get(KEYS[place]) == self.use(place)

    @rule(place=places)
    def read_l1_itself(self, place: int) -> None:
        assert self.cache.l1.get(KEYS[place]) == self.use(place)

    @rule(place=places, nbytes=st.integers(1, 3))
    def set(self, place: int, nbytes: int) -> None:
        self.cache.set(KEYS[place], nbytes)
        self.model.pop(place, None)
        if nbytes <= self.bound:
            self.make_room(nbytes)
            self.model[place] = nbytes

    @rule(place=places)
    def delete(self, place: int) -> None:
        assert self.cache.delete(KEYS[place]) == (self.model.pop(place, None) is not None)

    @rule(place=places, ttl=st.sampled_from([None, 1e6]))
    def touch(self, place: int, ttl: float | None) -> None:
        assert self.cache.touch(KEYS[place], ttl) == (place in self.model)

    @rule(bound=st.integers(0, 8))
    def resize(self, bound: int) -> None:
        self.bound = bound
        self.make_room(0)
        self.cache.l1.resize(bound)

    @rule()
    def clear(self) -> None:
        assert self.cache.clear() == len(self.model)
        self.model.clear()

    @rule(settle=st.booleans())
    def look(self, settle: bool) -> None:
        if settle:
            self.cache.recorder.settle()
        self.cache.recorder.rows("accesses")

    @precondition(lambda self: len(self.operations) < 4)
    @rule()
    def enter(self) -> None:
        self.operations.append(self.cache.recorder.operation("work").__enter__())

    @precondition(lambda self: self.operations)
    @rule()
    def leave(self) -> None:
        self.operations.pop().__exit__(None, None, None)

    @invariant()
    def same_entries(self) -> None:
        # `in` does not bring the order up to date, as iteration would.
        assert {place for place, key in enumerate(KEYS) if key in self.cache.l1} == set(self.model)

    def teardown(self) -> None:
        while self.operations:
            self.leave()


@pytest.mark.parametrize("mode", MODES)
def test_evictions_are_those_of_an_eager_lru(mode: Timestamps) -> None:
    case: Any = type("Machine", (AgainstEagerLRU,), {"mode": mode}).TestCase  # type: ignore[attr-defined]  # dynamic
    case.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
    case("runTest").runTest()


def test_what_was_set_last_does_not_leave_before_what_was_read_earlier() -> None:
    cache = make(3)
    cache["a"] = 1
    cache.get("a")
    cache["b"] = 1  # there is room, so nobody needs to know the order
    cache["c"] = 2
    assert list(cache.l1) == ["b", "c"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_every_read_is_one_row(key: Hashable, mode: Timestamps) -> None:
    cache = make(mode=mode)
    ways: list[Callable[[], Any]] = [lambda: cache.get(key), lambda: cache.get(key, 5), lambda: cache[key]]
    for read in ways:
        with suppress(KeyError):
            read()
    cache.set(key, 7)
    for read in ways * 2:
        assert read() == 7
    cache.touch(key, 1e6)
    for read in ways:
        assert read() == 7
    cache.delete(key)
    assert cache.get(key, MISSING) is MISSING
    assert events(cache) == ["miss"] * 3 + ["set"] + ["hit"] * 9 + ["invalidate", "miss"]
    assert cache.recorder.totals() == {"miss": 4, "set": 1, "hit": 9, "invalidate": 1}


def test_keys_that_are_equal_keep_their_own_values_and_rows() -> None:
    cache = make()
    for place, key in enumerate(KEYS):
        cache[key] = place + 1
    assert [cache[key] for key in KEYS] == [place + 1 for place in range(len(KEYS))]
    assert [cache.get(other) for other in (0, False, 2.0, "2", (True,))] == [None] * 5
    assert events(cache).count("hit") == len(KEYS)


class Text(str):
    """A text that equals a key."""

    __slots__ = ()


def test_a_text_of_another_type_finds_no_other_keys_value() -> None:
    cache = make()
    cache["a"] = 1
    with suppress(Exception):  # whether such a key is allowed is another matter
        assert cache.get(Text("a")) is None


def test_an_unhashable_key_is_refused_without_a_row() -> None:
    cache = make()
    with pytest.raises(TypeError):
        cache.get([])  # type: ignore[arg-type]
    assert events(cache) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_closed_cache_refuses_quick_reads(mode: Timestamps) -> None:
    cache = make(mode=mode)
    cache["a"] = 1
    cache.get("a")
    cache.close()
    with pytest.raises(Exception, match="closed"):
        cache.get("a")
    assert events(cache) == ["set", "hit"]


in_python = pytest.mark.skipif(
    reads.Reads is not reads.PythonReads, reason="what it falls between is one call of perflab._native"
)


class Calls:
    """A clock that calls back at one of its reads."""

    def __init__(self, at: int, call: Callable[[], object]) -> None:
        self.left, self.call = at, call

    def __call__(self) -> float:
        self.left -= 1
        if self.left == 0:
            self.call()
        return time.perf_counter()


@pytest.mark.parametrize("key", [1.0, (1,), b"1"])
@pytest.mark.parametrize("settles", [False, True])
def test_a_hit_of_an_odd_key_counts_for_the_order_of_eviction(key: Hashable, settles: bool) -> None:
    cache = make(2 * MB)
    cache[key], cache["b"] = MB, MB
    cache.get(key)
    if settles:
        cache.recorder.settle()
    cache["c"] = MB
    assert key in cache
    assert "b" not in cache


@pytest.mark.parametrize("policy", ["lfu", "s3fifo", "gdsf"])
@pytest.mark.parametrize("settles", [False, True])
def test_a_policy_that_counts_is_told_of_each_hit_though_rows_are_settled(policy: str, settles: bool) -> None:
    recorder = Recorder()
    l1 = MemoryCache(100 * MB, weigh=size, policy=policy, recorder=recorder)
    cache = TieredCache(l1, TTLCache(0, recorder=recorder), None, recorder)
    cache["often"], cache["seldom"] = MB, MB
    for key in ("often", "often", "often", "seldom"):
        cache.get(key)
        if settles:
            recorder.settle()
    l1.resize(MB)
    assert list(l1) == ["often"]


@pytest.mark.parametrize("policy", ["lru", "lfu"])
def test_hits_that_wait_are_bounded_whatever_is_read(policy: str) -> None:
    recorder = Recorder()
    l1 = MemoryCache(100 * MB, weigh=size, policy=policy, recorder=recorder)
    cache = TieredCache(l1, TTLCache(0, recorder=recorder), None, recorder)
    cache["a"] = cache["b"] = 1
    for _ in range(20):
        for _ in range(1_000):
            cache.get("a")
            cache.get("b")
        recorder.settle()
    waiting = [entry for uses in recorder.tapes._followers for batch in uses.batches for entry in batch]
    assert 2 <= len(waiting) <= 2 * l1.counted


@in_python
def test_a_key_that_leaves_while_its_hit_is_timed_is_one_access(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = make()
    cache["a"] = 1
    cache.get("a")
    monkeypatch.setattr(cache, "_due_s", 0.0)
    monkeypatch.setattr(reads, "perf_counter", Calls(2, lambda: cache.delete("a")))  # as another thread may
    assert cache.get("a") == 1
    assert events(cache) == ["set", "hit", "hit", "invalidate"]


@in_python
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_tape_that_is_cut_while_a_hit_is_noted_loses_nothing(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = make()
    cache["a"] = 1
    cache.get("a")
    monkeypatch.setattr(cache, "_due_s", 0.0)
    monkeypatch.setattr(reads, "perf_counter", Calls(at, cache.recorder.settle))
    assert cache.get("a") == 1
    cache.get("absent")
    assert events(cache) == ["set", "hit", "hit", "miss"]
    cache.get("a")
    cache.recorder.settle()
    assert events(cache) == ["set", "hit", "hit", "miss", "hit"]


class Value:
    """Something large that says when it is gone."""

    alive = 0

    def __init__(self) -> None:
        type(self).alive += 1

    def __del__(self) -> None:
        type(self).alive -= 1


@pytest.fixture
def values() -> type[Value]:
    gc.collect()

    class Counted(Value):
        alive = 0

    return Counted


SPARE = LEFT_BYTES // MB + 2


@pytest.mark.parametrize("mode", MODES)
def test_evicted_values_are_gone(mode: Timestamps, values: type[Value]) -> None:
    cache = make(2 * MB, mode)
    for number in range(60):
        cache.set(number, values())
        cache.get(number)
        assert values.alive <= 2 + SPARE


@pytest.mark.parametrize("mode", MODES)
def test_values_that_leave_inside_an_operation_are_gone(mode: Timestamps, values: type[Value]) -> None:
    cache = make(2 * MB, mode)
    with cache.recorder.operation("work"):
        for number in range(60):
            cache.set(number, values())
            cache.get(number)
            assert values.alive <= 2 + SPARE


def replace(cache: TieredCache, new: Callable[[], Value]) -> None:
    cache.set("same", new())
    cache.get("same")


def remove(cache: TieredCache, new: Callable[[], Value]) -> None:
    cache.set("same", new())
    cache.get("same")
    cache.delete("same")


def clear(cache: TieredCache, new: Callable[[], Value]) -> None:
    cache.set("same", new())
    cache.get("same")
    cache.clear()


def expire(cache: TieredCache, new: Callable[[], Value]) -> None:
    cache.set("same", new(), ttl=1e-9)
    cache.get("same")


@pytest.mark.parametrize("leave", [replace, remove, expire, clear])
def test_values_that_leave_while_there_is_room_are_gone(
    leave: Callable[[TieredCache, Callable[[], Value]], None], values: type[Value]
) -> None:
    cache = make()
    for _ in range(60):
        leave(cache, values)
    gc.collect()
    assert values.alive <= 2 + SPARE


def test_an_idle_cache_does_not_hold_the_values_of_another(values: type[Value]) -> None:
    busy = make(2 * MB)
    idle = make(recorder=busy.recorder)
    for number in range(60):
        busy.set(number, values())
        busy.get(number)
    assert values.alive <= 2 + SPARE
    assert len(idle) == 0


def test_a_closed_cache_does_not_hold_the_values_of_another(values: type[Value]) -> None:
    busy = make(2 * MB)
    closed = make(recorder=busy.recorder)
    closed.close()
    for number in range(60):
        busy.set(number, values())
        busy.get(number)
    assert values.alive <= 2 + SPARE


def test_a_cache_that_is_only_read_holds_no_more_with_time() -> None:
    cache = make()
    cache["a"] = 1
    uses = list(cache.recorder.tapes._followers)
    for _ in range(50):
        for _ in range(5_000):
            cache.get("a")
        cache.recorder.settle()  # as the thread does that brings rows into a run folder
    assert sum(len(batch) for known in uses for batch in known.batches) < 10


@pytest.mark.parametrize("mode", MODES)
def test_a_closed_cache_lets_go_of_its_values(mode: Timestamps, values: type[Value]) -> None:
    cache = make(mode=mode)
    cache["a"] = values()
    cache.get("a")
    cache.close()
    gc.collect()
    assert values.alive == 0


@pytest.mark.parametrize("mode", MODES)
def test_caches_and_recorders_are_garbage_after_close(mode: Timestamps, values: type[Value]) -> None:
    cache = make(mode=mode)
    cache["a"] = values()
    with cache.recorder.operation("work"):
        cache.get("a")
    cache.get("a")
    cache.close()
    cache.recorder.close()
    ends: list[Callable[[], object]] = [weakref.ref(part) for part in (cache, cache.recorder, cache.l1)]
    del cache
    gc.collect()
    assert [end() for end in ends] == [None, None, None]
    assert values.alive == 0


def test_a_cache_without_a_recorder_is_garbage_too(values: type[Value]) -> None:
    cache = TieredCache(MemoryCache(100 * MB, weigh=size), TTLCache(0), None)
    cache["a"] = values()
    cache.get("a")
    del cache
    gc.collect()
    assert values.alive == 0


def test_a_closed_system_lets_go_of_its_values(values: type[Value]) -> None:
    with PerformanceSystem(Config(cache={"l3_enabled": False})) as system:
        system.cache["a"] = values()
        system.cache.get("a")
    del system
    gc.collect()
    assert values.alive == 0


@pytest.mark.parametrize("mode", MODES)
def test_threads_that_read_and_write_make_one_row_an_access(mode: Timestamps) -> None:
    cache = make(20, mode, chunk_rows=32)
    read = [0] * 4

    def work(thread: int) -> None:
        for number in range(3_000):
            key = (number * 7 + thread) % 30
            if number % 5 == 0:
                cache.set(key, 1)
            else:
                cache.get(key)
                read[thread] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = events(cache)
    assert found.count("set") == 4 * 600
    assert found.count("hit") + found.count("miss") == sum(read)
    assert cache.recorder.totals() == {event: found.count(event) for event in set(found)}


@pytest.mark.parametrize("kind", [reads.Reads, reads.PythonReads], ids=lambda kind: kind.__module__)
def test_the_quick_way_finds_what_is_not_due_and_notes_nothing_else(kind: Any) -> None:
    class Bare(kind):  # type: ignore[misc]
        def _after_hit(self, tape: object, duration_s: float) -> None: ...

        def _look(self, key: Hashable, default: Any) -> Any:
            return "slow", key, default

    recorder, bare, now = Recorder(), Bare(), time.monotonic()
    tape = recorder.tapes.tape()
    hot = {"hot": Entry("hot", 1, 8)}
    ends = {"late": now + 3_600, "due": now, 7: now + 3_600, b"bytes": now + 3_600}
    dated: dict[Hashable, Any] = {key: Entry(key, key, 8, expires=end) for key, end in ends.items()}
    dated["aged"] = AgedEntry("aged", 2, 8, expires=now + 3_600)
    bare._watch(hot, dated, recorder.current, Entry, 100, True)
    keys = ("hot", "late", 7, "due", True, 7.0, b"bytes", "aged", "absent")
    assert [bare.held(key, None) for key in keys] == [1, "late", 7, None, None, None, None, None, None]
    assert tape.rows == 3
    assert [bare.get(key) for key in ("late", "due")] == ["late", ("slow", "due", None)]
    assert tape.rows == 4
    with pytest.raises(TypeError, match="held"):
        bare.held("hot")


def test_a_value_with_a_time_to_live_is_read_until_it_is_due_by_whatever_clock() -> None:
    now = [1_000.0]
    for timer in (time.monotonic, lambda: now[0]):
        recorder = Recorder()
        l1, l2 = MemoryCache(MB, timer=timer, recorder=recorder), TTLCache(0, timer=timer, recorder=recorder)
        cache = TieredCache(l1, l2, None, recorder)
        cache.set("key", "value", ttl=0.05)
        assert cache["key"] == "value"
        assert cache.get("key") == "value"
        now[0] += 0.05
        time.sleep(0.06)
        assert cache.get("key") is None
        assert events(cache) == ["set", "hit", "hit", "expire", "miss"]
