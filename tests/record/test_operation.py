"""Operations: which one a row belongs to, what becomes of each, and that none of it troubles the program."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from perflab.cache import MemoryCache, TieredCache, TTLCache
from perflab.errors import PerflabError
from perflab.record import Recorder


def make() -> tuple[Recorder, TieredCache]:
    recorder = Recorder()
    cache = TieredCache(MemoryCache(10_000, recorder=recorder), TTLCache(0, recorder=recorder), None, recorder=recorder)
    cache["k"] = 1
    return recorder, cache


def places(recorder: Recorder) -> list[str | None]:
    """Return the operation of each hit, in order."""
    table = recorder.rows("accesses", ["event", "operation"]).to_pylist()
    return [row["operation"] for row in table if row["event"] == "hit"]


def parents(recorder: Recorder) -> dict[str, str | None]:
    rows = recorder.rows("operations").to_pylist()
    names = {row["operation_id"]: row["name"] for row in rows}
    return {row["name"]: names.get(row["parent_id"]) for row in rows}


def test_a_row_belongs_to_the_innermost_operation() -> None:
    recorder, cache = make()
    cache.get("k")
    with recorder.operation("outer"):
        cache.get("k")
        with recorder.operation("middle"), recorder.operation("inner"):
            cache.get("k")
        cache.get("k")
        with recorder.operation("second"):
            pass
        cache.get("k")
    cache.get("k")
    assert places(recorder) == [None, "outer", "inner", "outer", "outer", None]
    assert parents(recorder) == {"inner": "middle", "middle": "outer", "second": "outer", "outer": None}


def test_rows_and_operations_name_each_other() -> None:
    recorder, cache = make()
    with recorder.operation("work") as operation:
        cache.get("k")
        cache.get("absent")
    assert recorder.rows("accesses")["operation_id"].to_pylist() == [None, operation.number, operation.number]
    assert recorder.rows("operations")["operation_id"].to_pylist() == [operation.number]


def test_durations_of_nested_operations_hold_each_other() -> None:
    recorder = Recorder()
    with recorder.operation("outer") as outer:
        assert outer.duration_s != outer.duration_s
        with recorder.operation("inner") as inner:
            pass
    assert 0 < inner.duration_s < outer.duration_s
    assert inner.ended_s is not None
    assert outer.ended_s is not None
    assert inner.ended_s <= outer.ended_s


def test_a_thread_begins_outside_of_every_operation() -> None:
    recorder, cache = make()

    def work() -> None:
        with recorder.operation("thread"):
            cache.get("k")

    with recorder.operation("main"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        cache.get("k")
    assert sorted(map(str, places(recorder))) == ["main", "thread"]
    assert parents(recorder) == {"thread": None, "main": None}


def test_tasks_inherit_the_operation_that_they_were_made_in() -> None:
    recorder, cache = make()

    async def child(name: str) -> None:
        with recorder.operation(name):
            await asyncio.sleep(0)
            cache.get("k")
            await asyncio.to_thread(cache.get, "k")
        cache.get("k")

    async def main() -> None:
        with recorder.operation("main"):
            await asyncio.gather(*(child(name) for name in "abc"))

    asyncio.run(main())
    assert parents(recorder) == {"a": "main", "b": "main", "c": "main", "main": None}
    found = places(recorder)
    assert {name: found.count(name) for name in ("a", "b", "c", "main")} == {"a": 2, "b": 2, "c": 2, "main": 3}


def test_a_task_that_outlives_its_operation_still_belongs_to_it() -> None:
    recorder, cache = make()

    async def late(go: asyncio.Event) -> None:
        await go.wait()
        cache.get("k")
        with recorder.operation("late"):
            cache.get("k")

    async def main() -> None:
        go = asyncio.Event()
        with recorder.operation("main"):
            cache.get("k")
            task = asyncio.create_task(late(go))
        go.set()
        await task
        cache.get("k")

    asyncio.run(main())
    assert places(recorder) == ["main", "main", "late", None]
    assert parents(recorder) == {"main": None, "late": "main"}


def test_a_thread_in_a_copied_context_belongs_to_the_operation() -> None:
    recorder, cache = make()
    with recorder.operation("work"):
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(cache.get, "k"))
        thread.start()
        thread.join()
        cache.get("k")
    assert places(recorder) == ["work", "work"]


def test_operations_that_end_out_of_order_leave_nothing_behind() -> None:
    recorder, cache = make()
    first, second, third = (recorder.operation(name) for name in ("first", "second", "third"))
    for operation in (first, second, third):
        operation.__enter__()
        cache.get("k")
    second.__exit__(None, None, None)
    cache.get("k")
    third.__exit__(None, None, None)
    cache.get("k")
    first.__exit__(None, None, None)
    cache.get("k")
    assert places(recorder) == ["first", "second", "third", "third", "first", None]
    assert parents(recorder) == {"first": None, "second": "first", "third": "second"}


def test_a_generator_that_is_closed_inside_another_operation_does_not_end_it() -> None:
    recorder, cache = make()

    def generate() -> Iterator[int]:
        with recorder.operation("generator"):
            yield 1
            yield 2

    items = generate()
    next(items)
    with recorder.operation("other"):
        items.close()  # type: ignore[attr-defined]  # a generator
        cache.get("k")
    cache.get("k")
    assert places(recorder) == ["other", None]
    rows = recorder.rows("operations").to_pylist()
    assert [(row["name"], row["ok"]) for row in rows] == [("generator", True), ("other", True)]


@pytest.mark.parametrize("error", [ValueError("seven"), KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError()])
def test_an_error_passes_through_and_is_told(error: BaseException) -> None:
    recorder, cache = make()
    with pytest.raises(type(error)) as raised, recorder.operation("work"):
        raise error
    assert raised.value is error
    cache.get("k")
    assert places(recorder) == [None]
    row = recorder.rows("operations").to_pylist()[0]
    assert not row["ok"]
    assert row["error"] == f"{type(error).__name__}: {error}"


def test_a_generator_that_is_closed_early_is_no_failure() -> None:
    recorder = Recorder()

    def generate() -> Iterator[int]:
        with recorder.operation("generator"):
            yield 1

    for _ in generate():
        break
    gc.collect()
    assert recorder.rows("operations")["ok"].to_pylist() == [True]


class MuteError(Exception):
    """An error that has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_an_error_without_text_passes_through_and_ends_the_operation() -> None:
    recorder, cache = make()
    with pytest.raises(MuteError), recorder.operation("work"):
        raise MuteError
    cache.get("k")
    assert places(recorder) == [None]
    assert recorder.rows("operations")["ok"].to_pylist() == [False]


def test_an_operation_is_entered_once() -> None:
    recorder, cache = make()
    operation = recorder.operation("work")
    with operation:
        cache.get("k")
        with pytest.raises(PerflabError, match="'work' was entered before"), operation:
            pass
    with pytest.raises(PerflabError, match="'work' was entered before"), operation:
        pass
    cache.get("k")
    assert places(recorder) == ["work", None]
    assert recorder.rows("operations").num_rows == 1


def test_what_is_said_of_an_operation_is_recorded() -> None:
    recorder = Recorder()
    with recorder.operation("work", key=("a", 1)) as operation:
        operation.nbytes, operation.cache_hit, operation.related_keys = 0, False, ("b", ("c", 2))
    row = recorder.rows("operations").to_pylist()[0]
    assert (row["key"], row["nbytes"], row["cache_hit"]) == ("('a', 1)", 0, False)
    assert row["related_keys"] == '["b", "(\'c\', 2)"]'


@pytest.mark.parametrize("duration_s", [0.0, 1e300, 5], ids=str)
def test_a_duration_is_recorded_as_it_was_given(duration_s: float) -> None:
    recorder = Recorder()
    recorder.record_operation("work", duration_s)
    assert recorder.rows("operations")["duration_s"].to_pylist() == [duration_s]


@pytest.mark.parametrize("duration_s", [-1e-9, -1.0, float("inf"), "long", 10**400], ids=lambda value: str(value)[:8])
def test_what_can_be_no_duration_is_missing_so_that_no_mean_is_spoilt(duration_s: Any) -> None:
    recorder = Recorder()
    recorder.record_operation("work", duration_s)
    recorder.record_operation("work", 2.0)
    assert recorder.rows("operations")["duration_s"].to_pylist() == [None, 2.0]
    recorder.frames.check()


@pytest.mark.parametrize("related", ["template", b"template"], ids=repr)
def test_a_text_for_related_keys_is_one_key(related: Any) -> None:
    recorder = Recorder()
    recorder.record_operation("told", 1.0, related_keys=related)
    with recorder.operation("done") as operation:
        operation.related_keys = related
    told, done = recorder.rows("operations")["related_keys"].to_pylist()
    assert told == done
    assert len(json.loads(told)) == 1


@pytest.mark.parametrize("unknown", [None, float("nan")], ids=str)
def test_what_is_not_known_is_missing(unknown: Any) -> None:
    recorder = Recorder()
    recorder.record_operation("work", unknown, nbytes=unknown, cache_hit=None, error=None)
    row = recorder.rows("operations").to_pylist()[0]
    assert (row["duration_s"], row["nbytes"], row["cache_hit"], row["ok"]) == (None, None, None, True)


ODD: list[dict[str, Any]] = [
    {"nbytes": 2**70},
    {"nbytes": -(2**70)},
    {"nbytes": float("inf")},
    {"nbytes": "many"},
    {"duration_s": "long"},
    {"duration_s": 10**400},
]


@pytest.mark.parametrize(
    "odd", ODD, ids=lambda odd: "-".join(f"{name}={str(value)[:8]}" for name, value in odd.items())
)
def test_an_odd_value_breaks_no_later_read(odd: dict[str, Any]) -> None:
    recorder = Recorder()
    recorder.record_operation("odd", **{"duration_s": 1.0, **odd})
    recorder.record_operation("even", 1.0)
    assert recorder.rows("operations")["name"].to_pylist() == ["odd", "even"]


def test_an_odd_value_breaks_no_later_operation() -> None:
    recorder = Recorder()
    recorder.record_operation("odd", 1.0, nbytes=2**70)
    for _ in range(recorder._raw_operations):
        with recorder.operation("even"):
            pass


@pytest.mark.parametrize("related", [None, 5], ids=str)
def test_odd_related_keys_break_no_later_read(related: Any) -> None:
    recorder = Recorder()
    with recorder.operation("work") as operation:
        operation.related_keys = related
    assert recorder.rows("operations").num_rows == 1


@pytest.mark.parametrize(
    "name", ["\ud800", "", "x" * 10_000, "nul\0", "naïve"], ids=["surrogate", "", "long", "nul", "é"]
)
def test_an_odd_name_is_an_operation_like_any_other(name: str) -> None:
    recorder = Recorder()
    with recorder.operation(name, key=name):
        pass
    recorder.record_operation(name, 1.0, error=name, related_keys=[name, None, 5])
    assert recorder.rows("operations").num_rows == 2


def test_operations_go_on_after_close() -> None:
    recorder, cache = make()
    with recorder.operation("around"):
        recorder.close()
        cache.get("k")
        with recorder.operation("after"):
            cache.get("k")
    assert places(recorder) == ["around", "after"]
    assert parents(recorder) == {"around": None, "after": "around"}


@pytest.mark.parametrize("use", [lambda op: op.pause(), lambda op: op.resume()], ids=["pause", "resume"])
def test_an_ended_operation_can_be_paused_and_resumed(use: Callable[[Any], None]) -> None:
    recorder, cache = make()
    with recorder.operation("outer"):
        with recorder.operation("inner") as inner:
            pass
        context = contextvars.copy_context()
        context.run(use, inner)
        cache.get("k")
    assert places(recorder) == ["outer"]


def test_an_async_generator_in_an_operation_keeps_its_parents() -> None:
    recorder, cache = make()

    async def generate() -> AsyncIterator[int]:
        with recorder.operation("generator"):
            for number in range(3):
                cache.get("k")
                await asyncio.sleep(0)
                yield number

    async def main() -> None:
        with recorder.operation("main"):
            async for _ in generate():
                pass
            cache.get("k")

    asyncio.run(main())
    assert places(recorder) == ["generator"] * 3 + ["main"]
    assert parents(recorder) == {"generator": "main", "main": None}


def test_a_recorder_is_garbage_after_its_operations() -> None:
    recorder, cache = make()
    with recorder.operation("outer"), recorder.operation("inner"):
        cache.get("k")
    recorder.close()
    cache.close()
    ends: list[Callable[[], object]] = [weakref.ref(recorder), weakref.ref(cache)]
    del recorder, cache
    gc.collect()
    assert [end() for end in ends] == [None, None]


def test_bytes_is_the_same_as_nbytes() -> None:
    recorder = Recorder()
    with recorder.operation("parse") as operation:
        assert operation.bytes is None
        operation.bytes = 12
    assert (operation.nbytes, operation.bytes) == (12, 12)
    assert recorder.frames.operations["nbytes"].tolist() == [12]
