"""The TTL tier: ages, sliding, what is stale, what is refreshed, and who hears of it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tier_cases import Clock, length, rows

from perflab.cache import Entry, MemoryCache, TTLCache
from perflab.cache.memory.deadlines import Deadlines
from perflab.errors import ConfigError
from perflab.record import Recorder


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make(clock: Clock, **options: Any) -> TTLCache:
    return TTLCache(1_000, weigh=length, timer=clock, **{"default_ttl": 60, **options})


def test_ttl_is_what_is_left_and_touch_gives_it_anew(clock: Clock) -> None:
    cache = make(clock)
    cache["a"] = "x"
    cache.set("b", "yy", ttl=7_200)
    assert (cache.ttl("a"), cache.ttl("b")) == (60, 7_200), "an entry's own ttl may be longer than the default"
    clock.now += 59
    assert cache.touch("a")
    assert cache.touch("b", 0) is False
    clock.now += 59
    assert cache.ttl("a") == 1
    clock.now += 1
    for key in "ab":
        with pytest.raises(KeyError):
            cache.ttl(key)


@pytest.mark.parametrize("key", ["a", 1, (1, "a"), True])
def test_inspect_tells_all_and_counts_nothing(clock: Clock, key: Any) -> None:
    cache = make(clock)
    cache[key] = "xy"
    cache.set("other", "z", ttl=5)
    clock.now += 1
    assert (cache.get(key), cache[key]) == ("xy", "xy")
    cache.peek(key)
    assert key in cache
    clock.now += 2
    for _ in range(2):
        table = cache.inspect()
        assert table["key"].tolist() == ["other", key]
        assert table.iloc[1, 1:].tolist() == [2, 57.0, "str", "xy", 3.0, 2, 2.0]
        assert table.loc[0, "accesses"] == 0
        assert math.isnan(table.loc[0, "idle_s"])
    cache[key] = "new"
    assert cache.inspect()["accesses"].tolist() == [0, 0], "what replaces a value starts anew"
    clock.now += 60
    assert cache.inspect().empty


def test_reads_of_many_threads_are_all_counted(clock: Clock) -> None:
    cache = make(clock)
    cache["a"] = "x"
    threads = [threading.Thread(target=lambda: [cache.get("a") for _ in range(3_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.inspect()["accesses"].tolist() == [12_000]


@pytest.mark.parametrize("key", ["a", (1, 2)])
def test_with_sliding_each_read_gives_the_whole_time_again(clock: Clock, key: Any) -> None:
    cache = make(clock, sliding=True)
    cache[key] = "x"
    cache.set("own", "y", ttl=10)
    cache["unread"] = "z"
    for _ in range(20):
        clock.now += 9
        assert (cache[key], cache["own"]) == ("x", "y")
        cache.expire()
    assert sorted(map(str, cache)) == sorted([str(key), "own"])
    assert (cache.ttl(key), cache.ttl("own")) == (60, 10)
    taken = cache.take("own")
    assert taken is not None
    assert taken.deadline == clock.now + 10, "elsewhere it has as long to live"
    clock.now += 60
    assert cache.expire() == 1
    assert len(cache) == 0


def test_expiry_is_told_once_and_for_age_alone(clock: Clock) -> None:
    told: list[tuple[object, object]] = []
    cache = make(clock, on_expire=lambda key, value: told.append((key, value)))
    cache.update(a="x", b="y", c="z")
    del cache["c"]
    cache["b"] = "new"
    clock.now += 60
    assert told == []
    assert cache.get("a") is None
    assert told == [("a", "x")]
    assert cache.expire() == 1
    assert told == [("a", "x"), ("b", "new")]


def test_a_listener_may_use_the_cache_and_take_locks_of_its_own(clock: Clock) -> None:
    lock = threading.Lock()

    def again(key: Any, value: Any) -> None:
        with lock:
            cache.set(key, value)

    cache = make(clock, on_expire=again)
    cache["a"] = "x"
    clock.now += 60

    def work() -> None:
        cache.expire()

    with lock:
        thread = threading.Thread(target=work)
        thread.start()
        assert len(cache) == 0, "the tier is free while its listener waits"
    thread.join()
    assert dict(cache) == {"a": "x"}


class Loader:
    """Counts its calls; fails as long as it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception | None = None

    def __call__(self) -> str:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return f"value {self.calls}"


def test_a_value_is_loaded_once_until_it_is_due(clock: Clock) -> None:
    cache, load, recorder = make(clock, recorder=(recorder := Recorder())), Loader(), recorder
    assert [cache.get_or_load("a", load) for _ in range(3)] == ["value 1"] * 3
    assert cache.get_or_load("b", load, ttl=0) == "value 2"
    clock.now += 60
    assert cache.get_or_load("a", load, ttl=5) == "value 3"
    assert cache.ttl("a") == 5
    assert [event for _, event, _ in rows(recorder)].count("load") == 3


def test_an_old_value_stands_in_for_a_loader_that_fails(clock: Clock) -> None:
    recorder = Recorder()
    cache, load = make(clock, stale_s=30, recorder=recorder), Loader()
    cache.get_or_load("a", load)
    load.error = OSError("the backend is down")
    clock.now += 60
    assert cache.get("a") is None, "only a failing loader is answered by it"
    assert "a" not in cache
    assert (len(cache), list(cache)) == (0, [])
    with pytest.warns(RuntimeWarning, match="'a' failed; the value that was due last is served.*backend is down"):
        assert cache.get_or_load("a", load) == "value 1"
    assert ("a", "load", "stale") in rows(recorder)
    clock.now += 29.5
    with pytest.warns(RuntimeWarning):
        assert cache.get_or_load("a", load) == "value 1"
    clock.now += 0.5
    with pytest.raises(OSError, match="backend is down"):
        cache.get_or_load("a", load)
    load.error = None
    assert cache.get_or_load("a", load) == "value 5"


def test_a_deleted_value_does_not_come_back_as_a_stale_one(clock: Clock) -> None:
    cache, load = make(clock, stale_s=30), Loader()
    cache.get_or_load("a", load)
    clock.now += 60
    with pytest.raises(KeyError):
        del cache["a"]
    load.error = OSError("down")
    with pytest.raises(OSError, match="down"):
        cache.get_or_load("a", load)


def test_stale_entries_are_the_first_to_leave_for_room(clock: Clock) -> None:
    cache = make(clock, stale_s=1_000)
    cache["kept"] = "x" * 400
    cache.touch("kept", 500)
    cache["old"] = "y" * 400
    clock.now += 60
    assert cache.stale("old") is not None
    cache["new"] = "z" * 400
    assert cache.stale("old") is None
    assert set(cache) == {"kept", "new"}
    assert cache.nbytes == 800


def test_a_value_that_is_due_soon_is_refreshed_behind_the_reader(clock: Clock) -> None:
    waiting: list[Callable[[], None]] = []
    cache, load = make(clock, refresh_ratio=0.25, spawn=waiting.append), Loader()
    cache.get_or_load("a", load)
    clock.now += 44
    assert (cache.get_or_load("a", load), waiting) == ("value 1", [])
    clock.now += 1
    assert [cache.get_or_load("a", load) for _ in range(3)] == ["value 1"] * 3
    (refresh,) = waiting
    refresh()
    assert (cache.get_or_load("a", load), load.calls, cache.ttl("a")) == ("value 2", 2, 60)
    clock.now += 50
    load.error = OSError("down")
    cache.get_or_load("a", load)
    with pytest.warns(RuntimeWarning, match="down"):
        waiting[1]()
    assert cache.get_or_load("a", load) == "value 2"
    assert len(waiting) == 3, "a refresh that failed is tried again"


def test_a_refresh_runs_in_a_thread(clock: Clock) -> None:
    cache, done = make(clock, refresh_ratio=1), threading.Event()
    threads: list[threading.Thread] = []

    def load() -> str:
        threads.append(threading.current_thread())
        if len(threads) == 2:
            done.set()
        return "x"

    cache.get_or_load("a", load)
    cache.get_or_load("a", load)
    assert done.wait(10)
    assert threads[0] is not threads[1]
    threads[1].join(10)


@pytest.mark.parametrize("write", ["set", "delete", "clear"])
def test_what_is_written_while_a_loader_runs_wins(clock: Clock, write: str) -> None:
    cache = make(clock)

    def load() -> str:
        if write == "set":
            cache["a"] = "newer"
        elif write == "delete":
            cache.pop("a", None)
            cache.invalidate("a")
        else:
            cache.clear()
        return "loaded"

    assert cache.get_or_load("a", load) == "loaded"
    assert cache.get("a") == ("newer" if write == "set" else None)


@pytest.mark.parametrize(
    ("options", "name"),
    [({"stale_s": -1}, "-1"), ({"stale_s": math.nan}, "nan"), ({"refresh_ratio": 2}, "refresh_ratio is 2")],
)
def test_absurd_options_are_refused(clock: Clock, options: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        make(clock, **options)


def test_what_goes_to_another_tier_ends_as_that_one_says(clock: Clock) -> None:
    above = MemoryCache(max_entries=9, timer=clock)
    below, other = make(clock, default_ttl=5), make(clock, default_ttl=50)
    below["a"] = "x"
    below.set("b", "y", ttl=20)
    assert below["a"] == "x"
    for key in "ab":
        entry = below.take(key)
        assert entry is not None
        assert other.admit(entry)
    assert other.inspect()["accesses"].tolist() == [0, 0]
    assert (other.ttl("a"), other.ttl("b")) == (50, 20)
    for key in "ab":
        entry = other.take(key)
        assert entry is not None
        assert above.admit(entry)
    assert {type(entry) for entry in above.hot.values()} == {Entry}, (
        "readers without a lock look into such entries alone"
    )
    clock.now += 1_000
    assert dict(above) == {"a": "x"}


def test_deadlines_keep_no_more_than_they_need() -> None:
    deadlines = Deadlines()
    for number in range(10_000):
        deadlines.put("key", float(number))
    assert len(deadlines._heap) <= 64 + 2
    assert deadlines.due(9_998.0) == []
    assert deadlines.due(9_999.0) == ["key"]
