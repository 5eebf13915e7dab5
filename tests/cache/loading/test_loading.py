"""Slow loads: what is written meanwhile wins, whoever writes it and however the value is loaded."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perflab.cache import MISSING, DiskCache, MemoryCache, TieredCache, TTLCache, cached
from perflab.record import Recorder


@pytest.fixture(params=["memory", "disk"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TieredCache]:
    recorder = Recorder()
    disk = DiskCache(tmp_path / "c", recorder=recorder) if request.param == "disk" else None
    with TieredCache(
        MemoryCache(100_000, recorder=recorder), TTLCache(100_000, recorder=recorder), disk, recorder
    ) as tiers:
        yield tiers


def load_sync(cache: TieredCache, during: Callable[[], object]) -> object:
    def load() -> str:
        during()
        return "loaded"

    return cache.get_or_load("key", load)


def load_async(cache: TieredCache, during: Callable[[], object]) -> object:
    async def load() -> str:
        await asyncio.sleep(0)
        during()
        return "loaded"

    return asyncio.run(cache.aget_or_load("key", load))


both = pytest.mark.parametrize("load", [load_sync, load_async])


@both
@pytest.mark.parametrize(
    ("write", "left"),
    [
        (lambda cache: cache.set("key", "newer"), "newer"),
        (lambda cache: cache.set("key", "newer", ttl=0), MISSING),
        (lambda cache: cache.setdefault("key", "newer"), "newer"),
        (lambda cache: cache.delete("key"), MISSING),
        (lambda cache: (cache.set("key", "newer"), cache.pop("key")), MISSING),
        (lambda cache: cache.clear(), MISSING),
        (lambda cache: cache.clear("l1"), MISSING),
        (lambda cache: cache.touch("key", 0), MISSING),
    ],
    ids=["set", "set for no time", "setdefault", "delete", "pop", "clear", "clear l1", "touch for no time"],
)
def test_what_is_written_during_a_load_wins(
    cache: TieredCache,
    load: Callable[..., object],
    write: Callable[[TieredCache], object],
    left: object,
) -> None:
    assert load(cache, lambda: write(cache)) == "loaded"
    assert cache.get("key", MISSING) == left
    cache.clear("l1")
    if cache.l3 is not None:
        assert cache.l3.get("key", MISSING) == left


@both
def test_what_does_not_write_the_key_leaves_the_load_alone(cache: TieredCache, load: Callable[..., object]) -> None:
    def during() -> None:
        assert cache.touch("key", 50) is False, "there is nothing yet to give a time to"
        assert cache.get("key") is None
        cache.set("other", "x")
        cache.delete("another")

    load(cache, during)
    assert cache.get("key") == "loaded"


@both
def test_a_touch_of_what_was_set_during_a_load_stays(cache: TieredCache, load: Callable[..., object]) -> None:
    load(cache, lambda: (cache.set("key", "newer"), cache.touch("key", 50)))
    assert cache["key"] == "newer"
    assert 0 < cache.ttl("key") <= 50


def test_who_asks_after_a_delete_does_not_get_the_older_value(cache: TieredCache) -> None:
    inside, go, results = threading.Event(), threading.Event(), []

    def load() -> str:
        inside.set()
        assert go.wait(30)
        return "older"

    slow = threading.Thread(target=lambda: results.append(cache.get_or_load("key", load)))
    slow.start()
    assert inside.wait(30)
    cache.delete("key")
    assert cache.get_or_load("key", lambda: "newer", timeout=5) == "newer"
    go.set()
    slow.join(30)
    assert results == ["older"]
    assert cache["key"] == "newer"


def test_who_asks_after_a_delete_does_not_get_the_older_value_in_a_loop(cache: TieredCache) -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def load() -> str:
            await go.wait()
            return "older"

        async def now() -> str:
            return "newer"

        slow = asyncio.ensure_future(cache.aget_or_load("key", load))
        await asyncio.sleep(0.001)
        cache.delete("key")
        assert await asyncio.wait_for(cache.aget_or_load("key", now), 5) == "newer"
        go.set()
        assert await slow == "older"
        assert cache["key"] == "newer"

    asyncio.run(main())


def test_a_load_that_ends_within_a_clear_is_not_kept_by_any_tier(tmp_path: Path) -> None:
    with TieredCache(MemoryCache(100_000), TTLCache(100_000), DiskCache(tmp_path / "c")) as cache:
        inside, go = threading.Event(), threading.Event()

        def load() -> str:
            inside.set()
            assert go.wait(30)
            return "older"

        slow = threading.Thread(target=cache.get_or_load, args=("key", load))
        empty = cache.l3.clear

        def clear() -> int:
            removed = empty()
            go.set()
            slow.join(0.1)  # time to store it, for a load that does not wait for the clear
            return removed

        cache.l3.clear = clear
        slow.start()
        assert inside.wait(30)
        cache.clear()
        slow.join(30)
        assert "key" not in cache


def test_a_set_between_miss_and_load_is_found_by_the_load(cache: TieredCache) -> None:
    cache.recorder = SettingAtMiss(cache)
    assert cache.get_or_load("key", lambda: pytest.fail("it is set already")) == "newer"
    cache.clear()

    async def load() -> str:
        pytest.fail("it is set already")

    assert asyncio.run(cache.aget_or_load("key", load)) == "newer"


class SettingAtMiss:
    """Another thread's `set`, just after the miss of this one."""

    def __init__(self, cache: TieredCache) -> None:
        self.cache = cache

    def access(self, key: object, event: str, *_: object, **__: object) -> None:
        if event == "miss":
            self.cache.set(key, "newer")

    def settle(self) -> None:
        """Keep nothing, so there is nothing to settle."""


@both
def test_nothing_is_kept_of_loads_that_are_over(cache: TieredCache, load: Callable[..., object]) -> None:
    def fail() -> None:
        raise ValueError("no page")

    with pytest.raises(ValueError, match="no page"):
        load(cache, fail)
    assert load(cache, lambda: cache.delete("key")) == "loaded"
    assert load(cache, lambda: None) == "loaded"
    assert len(cache._tiers.loads) == 0


def test_the_mark_goes_with_a_cancelled_task(cache: TieredCache) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(cache.aget_or_load("key", lambda: asyncio.sleep(30)))
        await asyncio.sleep(0.001)
        assert len(cache._tiers.loads) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(cache._tiers.loads) == 0

    asyncio.run(main())


def test_an_invalidated_call_is_not_kept(cache: TieredCache) -> None:
    calls = []

    @cached(cache)
    def f(x: int) -> int:
        calls.append(x)
        if len(calls) == 1:
            f.invalidate(x)
        return len(calls)

    assert (f(7), f(7), f(7)) == (1, 2, 2)


def test_an_invalidated_async_call_is_not_kept(cache: TieredCache) -> None:
    calls = []

    @cached(cache)
    async def f(x: int) -> int:
        calls.append(x)
        await asyncio.sleep(0)
        if len(calls) == 1:
            f.invalidate(x)
        return len(calls)

    async def main() -> list[int]:
        return [await f(7), await f(7), await f(7)]

    assert asyncio.run(main()) == [1, 2, 2]


def test_each_loop_makes_its_own_call_and_the_first_result_stays(cache: TieredCache) -> None:
    calls, meeting = [], threading.Barrier(2)

    @cached(cache)
    async def f() -> int:
        calls.append(1)
        number = len(calls)
        await asyncio.to_thread(meeting.wait, 30)
        return number

    f.explain()  # the key is of what `calls` holds when the function is first looked at
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(asyncio.run(f()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(calls) == len(results) == 2
    assert asyncio.run(f()) in results
    names = cache.recorder.frames.accesses.query("event == 'set' and tier == 'l1'")
    assert len(names) == 1, "the second result does not replace the first"


FORK = """
import os, threading, time
from perflab.cache import MemoryCache, TieredCache, TTLCache

cache = TieredCache(MemoryCache(10**6), TTLCache(10**6), None)
begun = threading.Event()
slow = lambda: (begun.set(), time.sleep(1000))
threading.Thread(target=cache.get_or_load, args=("slow", slow), daemon=True).start()
begun.wait()
threading.Thread(target=cache.get_or_load, args=("slow", slow), daemon=True).start()
while not cache._through._flights._waits:
    time.sleep(0.001)

def load():
    for lock in (cache._tiers.loads._lock, cache._tiers.absences._lock, cache._tiers.writes._lock,
                 cache._through._flights._lock, *cache._tiers._stripes._locks):
        threading.Thread(target=lock.acquire, daemon=True).start()
    while not cache._through._flights._lock.locked():
        time.sleep(0.001)
    if os.fork() == 0:
        return "the child's"
    os.wait()
    os._exit(0)

value = cache.get_or_load("mine", load)
print(value, cache["mine"], cache.get_or_load("slow", lambda: "quick"), len(cache._tiers.loads), flush=True)
os._exit(0)
"""


def test_a_child_that_is_forked_within_a_load_ends_it_and_drops_those_of_other_threads() -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("the child's the child's quick 0\n", "")
