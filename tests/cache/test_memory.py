"""The memory tiers: one contract, a dict model, and the rows that they record."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from perflab.cache import Entry, MemoryCache, TTLCache
from perflab.cache.deadlines import Deadlines
from perflab.errors import ConfigError
from perflab.record import Recorder


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def length(_: object, value: object) -> int:
    return len(value)  # type: ignore[arg-type]


def rows(recorder: Recorder) -> list[tuple[str, str, str | None]]:
    frame = recorder.frames.accesses
    return [(row.key, row.event, row.reason if isinstance(row.reason, str) else None) for row in frame.itertuples()]


@pytest.mark.parametrize("tier", [MemoryCache, TTLCache])
class TestContract:
    def test_replacing_a_key_evicts_nothing_else(self, tier: Callable[..., MemoryCache]) -> None:
        cache = tier(10, weigh=length)
        cache.update({"a": "xxxxx", "b": "yyyyy"})
        cache["a"] = "zzzzz"
        assert dict(cache) == {"a": "zzzzz", "b": "yyyyy"}
        assert cache.nbytes == 10

    def test_the_least_recently_used_leaves_first(self, tier: Callable[..., MemoryCache]) -> None:
        recorder = Recorder()
        cache = tier(3, weigh=length, recorder=recorder)
        cache.update(dict.fromkeys("abc", "x"))
        assert cache["a"] == "x"
        assert "b" in cache, "a membership test is no use of the entry"
        cache["d"] = "x"
        assert set(cache) == {"a", "c", "d"}
        assert rows(recorder)[-2:] == [("b", "evict", "capacity"), ("d", "set", None)]

    def test_an_oversize_value_touches_nothing_else_and_is_not_served_stale(
        self, tier: Callable[..., MemoryCache]
    ) -> None:
        recorder = Recorder()
        cache = tier(5, weigh=length, recorder=recorder)
        cache.update({"a": "xx", "b": "yyy"})
        assert cache.set("c", "z" * 6) is False
        assert dict(cache) == {"a": "xx", "b": "yyy"}
        assert cache.set("a", "z" * 6) is False
        assert dict(cache) == {"b": "yyy"}
        assert rows(recorder)[2:] == [
            ("c", "reject", "oversize"),
            ("a", "reject", "oversize"),
            ("a", "invalidate", "oversize"),
        ]

    def test_no_room_and_no_time_store_nothing(self, tier: Callable[..., MemoryCache]) -> None:
        nothing = tier(0, weigh=lambda *_: 0)
        nothing["a"] = 1
        assert len(nothing) == 0
        cache = tier(10, weigh=length)
        assert cache.set("a", "x", ttl=0) is False
        assert "a" not in cache

    def test_expired_entries_leave_before_live_ones(self, tier: Callable[..., MemoryCache]) -> None:
        clock, recorder = Clock(), Recorder()
        cache = tier(3, weigh=length, timer=clock, recorder=recorder)
        cache["old"] = "x"
        cache.set("brief", "x", ttl=5)
        cache["new"] = "x"
        clock.now += 5
        cache["more"] = "x"
        assert set(cache) == {"old", "new", "more"}
        assert [row[:2] for row in rows(recorder)][-2:] == [("brief", "expire"), ("more", "set")]

    def test_what_is_due_is_gone_everywhere(self, tier: Callable[..., MemoryCache]) -> None:
        clock, recorder = Clock(), Recorder()
        cache = tier(100, weigh=length, timer=clock, recorder=recorder)
        for key in "abcd":
            cache.set(key, "x", ttl=5)
        clock.now += 4.999
        assert len(cache) == 4
        clock.now += 0.001
        assert cache.get("a") is None
        assert "b" not in cache
        assert list(cache) == []
        assert (len(cache), cache.nbytes) == (0, 0)
        assert sorted(key for key, event, _ in rows(recorder) if event == "expire") == list("abcd")

    def test_resize_evicts_at_once(self, tier: Callable[..., MemoryCache]) -> None:
        cache = tier(4, weigh=length)
        cache.update(dict.fromkeys("abcd", "x"))
        cache.resize(2)
        assert (list(cache), cache.max_bytes) == (["c", "d"], 2)
        with pytest.raises(ConfigError, match="-1"):
            cache.resize(-1)

    def test_odd_keys_stay_apart(self, tier: Callable[..., MemoryCache]) -> None:
        cache = tier(100_000)
        keys = [1, 1.0, True, (1,), (1.0,), math.nan, "\ud800", "\0", "", None]
        for number, key in enumerate(keys):
            cache[key] = number
        assert [cache[key] for key in keys] == list(range(len(keys)))
        assert cache[float("nan")] == 5
        with pytest.raises(TypeError):
            cache[[1]] = 1
        assert [1] not in cache

    def test_clear_and_delete_are_invalidations(self, tier: Callable[..., MemoryCache]) -> None:
        recorder = Recorder()
        cache = tier(100, weigh=length, recorder=recorder)
        cache.update({"a": "x", "b": "y"})
        del cache["a"]
        with pytest.raises(KeyError):
            del cache["a"]
        assert cache.clear() == 1
        assert cache.nbytes == 0
        assert rows(recorder)[2:] == [("a", "invalidate", "deleted"), ("b", "invalidate", "cleared")]

    @pytest.mark.parametrize("bad", [-1, math.nan, "soon", True])
    def test_absurd_times_are_refused(self, tier: Callable[..., MemoryCache], bad: object) -> None:
        with pytest.raises(ConfigError, match="ttl"):
            tier(100).set("a", 1, ttl=bad)  # type: ignore[arg-type]


def test_the_hook_takes_over_what_leaves_for_room() -> None:
    taken: list[tuple[object, Entry]] = []
    recorder = Recorder()
    cache = MemoryCache(1, weigh=length, recorder=recorder, on_evict=lambda key, entry: taken.append((key, entry)))
    cache["a"] = "x"
    cache["b"] = "y"
    cache.clear()
    assert [(key, entry.value) for key, entry in taken] == [("a", "x")]
    assert "evict" not in [event for _, event, _ in rows(recorder)]


def test_ttl_touch_and_inspect() -> None:
    clock = Clock()
    cache = TTLCache(1_000, weigh=length, default_ttl=60, timer=clock)
    cache["a"] = "x"
    cache.set("b", "yy", ttl=7_200)
    assert (cache.ttl("a"), cache.ttl("b")) == (60, 7_200), "an entry's own ttl may be longer than the default"
    clock.now += 59
    assert cache.touch("a")
    assert cache.touch("missing") is False
    assert cache.touch("b", 0) is False
    clock.now += 59
    assert cache.inspect().values.tolist() == [["a", 1, 1.0, "str"]]
    clock.now += 1
    with pytest.raises(KeyError):
        cache.ttl("a")
    assert cache.inspect().empty


def test_deadlines_keep_no_more_than_they_need() -> None:
    deadlines = Deadlines()
    for number in range(10_000):
        deadlines.put("key", float(number))
    assert len(deadlines._heap) <= 64 + 2
    assert deadlines.due(9_998.0) == []
    assert deadlines.due(9_999.0) == ["key"]


def test_threads_leave_the_byte_count_exact() -> None:
    cache = MemoryCache(500, weigh=length)

    def work(seed: int) -> None:
        for number in range(2_000):
            key = (seed * number) % 97
            cache[key] = "x" * (key % 13)
            cache.get((key * 7) % 97)
            cache.pop((key * 3) % 97, None)
            cache.setdefault(key, "x")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.nbytes == sum(len(str(value)) for value in cache.values()) <= 500


class Model(RuleBasedStateMachine):
    """A TTL tier of 20 bytes against a list, least recently used first, of (key, value, expires)."""

    keys = st.sampled_from(["a", "b", "c", 1, 1.0, True])
    tier: Callable[..., MemoryCache] = TTLCache

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.cache = self.tier(20, weigh=length, default_ttl=10, timer=self.clock)
        self.model: list[tuple[str, str, float]] = []

    def live(self) -> list[tuple[str, str, float]]:
        return [item for item in self.model if item[2] > self.clock.now]

    @rule(key=keys, size=st.integers(0, 25), ttl=st.none() | st.integers(0, 30))
    def store(self, key: object, size: int, ttl: int | None) -> None:
        name = repr(key)
        stored = self.cache.set(key, "x" * size, ttl=ttl)
        self.model = [item for item in self.model if item[0] != name]
        assert stored == (size <= 20 and ttl != 0)
        if not stored:
            return
        if sum(len(item[1]) for item in self.model) + size > 20:
            self.model = self.live()
        while sum(len(item[1]) for item in self.model) + size > 20:
            self.model.pop(0)
        self.model.append((name, "x" * size, self.clock.now + (10 if ttl is None else ttl)))

    @rule(key=keys)
    def read(self, key: object) -> None:
        found = [item for item in self.live() if item[0] == repr(key)]
        assert self.cache.get(key) == (found[0][1] if found else None)
        self.model = [item for item in self.model if item[0] != repr(key)] + found

    @rule(key=keys, ttl=st.none() | st.integers(1, 30))
    def touch(self, key: object, ttl: int | None) -> None:
        found = any(item[0] == repr(key) for item in self.live())
        assert self.cache.touch(key, ttl) == found
        until = self.clock.now + (10 if ttl is None else ttl)
        self.model = [
            (name, value, until if found and name == repr(key) else expires) for name, value, expires in self.model
        ]

    @rule(key=keys)
    def delete(self, key: object) -> None:
        found = any(item[0] == repr(key) for item in self.live())
        assert (self.cache.pop(key, None) is not None) == found
        self.model = [item for item in self.model if item[0] != repr(key)]

    @rule(seconds=st.integers(1, 12))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @invariant()
    def bound_holds(self) -> None:
        assert self.cache.nbytes <= 20

    @rule()
    def same_content(self) -> None:
        assert [(repr(e.key), e.value) for e in self.cache.entries()] == [item[:2] for item in self.live()]
        assert len(self.cache) == len(self.live())
        self.model = self.live()


TestModel = Model.TestCase
TestModel.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)
