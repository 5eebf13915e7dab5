"""Single-flight: one load for many callers, whatever becomes of the one that loads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from perflab.cache.loading.flight import AsyncSingleFlight, SingleFlight
from perflab.errors import StoreError


def run_all(work: Callable[[], object], count: int) -> list[object]:
    """Run work in threads; return what each returned or raised."""
    results: list[object] = []

    def call() -> None:
        try:
            results.append(work())
        except BaseException as error:
            results.append(error)

    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if condition():
            return
        threading.Event().wait(0.001)
    raise AssertionError("it did not come to pass within 10 s")


def test_32_callers_cause_one_load() -> None:
    flights, loads = SingleFlight(), []

    def load() -> int:
        wait_until(lambda: len(flights._waits) == 31)
        loads.append(1)
        return 42

    assert run_all(lambda: flights.run("key", load), 32) == [42] * 32
    assert len(loads) == 1


def test_an_error_reaches_all_and_is_not_kept() -> None:
    flights = SingleFlight()

    def load() -> int:
        wait_until(lambda: len(flights._waits) == 7)
        raise ValueError("no such page")

    assert [str(error) for error in run_all(lambda: flights.run("key", load), 8)] == ["no such page"] * 8
    assert flights.run("key", lambda: 1) == 1


def test_when_the_loading_thread_is_interrupted_another_takes_over() -> None:
    flights, calls = SingleFlight(), []

    def load() -> int:
        calls.append(1)
        if len(calls) == 1:
            wait_until(lambda: len(flights._waits) == 31)
            raise KeyboardInterrupt
        return 42

    results = run_all(lambda: flights.run("key", load), 32)
    assert len(calls) >= 2
    assert sum(isinstance(result, KeyboardInterrupt) for result in results) == 1
    assert results.count(42) == 31


def test_a_wait_may_end() -> None:
    flights, go = SingleFlight(), threading.Event()
    leader = threading.Thread(target=flights.run, args=("key", lambda: go.wait(30)))
    leader.start()
    wait_until(lambda: bool(flights._flights))
    with pytest.raises(TimeoutError, match="key"):
        flights.run("key", lambda: None, timeout=0.01)
    go.set()
    leader.join()


def test_a_load_that_asks_for_itself_is_refused() -> None:
    flights = SingleFlight()
    with pytest.raises(StoreError, match="waits for itself"):
        flights.run("key", lambda: flights.run("key", lambda: 1))
    assert flights.run("key", lambda: flights.run("other", lambda: 1)) == 1


def test_loads_that_wait_for_each_other_end() -> None:
    flights, both = SingleFlight(), threading.Barrier(2)

    def load(other: str) -> object:
        both.wait(30)
        return flights.run(other, lambda: 1)

    pairs = iter((("a", "b"), ("b", "a")))

    def call() -> object:
        key, other = next(pairs)
        return flights.run(key, lambda: load(other))

    results = run_all(call, 2)
    assert len(results) == 2
    assert all(isinstance(result, StoreError) for result in results)


def test_tasks_share_a_load_and_the_last_cancelled_one_ends_it() -> None:
    async def main() -> None:
        flights, calls, ended = AsyncSingleFlight(), [], []

        async def load() -> int:
            calls.append(1)
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                ended.append(1)
                raise
            return 42

        assert await asyncio.gather(*(flights.run("key", load) for _ in range(10))) == [42] * 10
        assert len(calls) == 1

        first, second = (asyncio.ensure_future(flights.run("key", load)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == 42
        assert ended == []

        only = asyncio.ensure_future(flights.run("key", load))
        await asyncio.sleep(0.001)
        only.cancel()
        with pytest.raises(asyncio.CancelledError):
            await only
        await asyncio.sleep(0)
        assert ended == [1]
        assert await flights.run("key", load) == 42

    asyncio.run(main())


def test_a_task_whose_load_asks_for_itself_is_refused() -> None:
    async def main() -> None:
        flights = AsyncSingleFlight()

        async def one() -> int:
            return 1

        async def ask(key: str, load: Callable[[], Coroutine[Any, Any, int]] = one) -> int:
            return await flights.run(key, load)

        with pytest.raises(StoreError, match="waits for itself"):
            await ask("key", lambda: ask("key"))
        assert await ask("key", lambda: ask("other")) == 1

        both = asyncio.Barrier(2)

        async def load(other: str) -> int:
            await both.wait()
            return await ask(other)

        circle = (ask("a", lambda: load("b")), ask("b", lambda: load("a")))
        results = await asyncio.gather(*circle, return_exceptions=True)
        assert [type(result) for result in results] == [StoreError, StoreError]

    asyncio.run(main())


def test_after_a_wait_in_vain_the_next_caller_loads_and_the_late_result_goes_to_those_who_waited() -> None:
    flights, go, results = SingleFlight(), threading.Event(), []
    slow = threading.Thread(target=lambda: results.append(flights.run("key", lambda: go.wait(30) and "late")))
    slow.start()
    wait_until(lambda: bool(flights._flights))
    patient = threading.Thread(target=lambda: results.append(flights.run("key", lambda: "own")))
    patient.start()
    wait_until(lambda: len(flights._waits) == 1)
    with pytest.raises(TimeoutError):
        flights.run("key", lambda: "own", timeout=0.01)
    assert flights.run("key", lambda: "again") == "again"
    go.set()
    for thread in (slow, patient):
        thread.join(30)
    assert results == ["late", "late"]


def test_a_forked_child_waits_for_no_thread_of_its_parent() -> None:
    flights, go = SingleFlight(), threading.Event()
    leader = threading.Thread(target=flights.run, args=("key", lambda: go.wait(30)))
    leader.start()
    wait_until(lambda: bool(flights._flights))

    def fork_within_a_load() -> object:
        flights._lock.acquire()
        flights.after_fork()
        assert flights.run("key", lambda: "child's") == "child's"
        with pytest.raises(StoreError, match="waits for itself"):
            flights.run("mine", lambda: 1)
        return "kept"

    assert flights.run("mine", fork_within_a_load) == "kept"
    assert flights._flights == {}
    go.set()
    leader.join(30)


def test_a_tasks_patience_ends_its_wait_and_the_next_one_loads() -> None:
    async def main() -> None:
        flights, go = AsyncSingleFlight(), asyncio.Event()

        async def hang() -> str:
            await go.wait()
            return "late"

        async def again() -> str:
            return "again"

        async def fail() -> str:
            raise TimeoutError("the load's own")

        patient = asyncio.ensure_future(flights.run("key", hang))
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError, match=r"'key' has been loading for more than 0\.01 s"):
            await flights.run("key", again, timeout=0.01)
        assert await flights.run("key", again, timeout=30) == "again"
        go.set()
        assert await patient == "late"
        with pytest.raises(TimeoutError, match="the load's own"):
            await flights.run("key", fail, timeout=30)

    asyncio.run(main())
