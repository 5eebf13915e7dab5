"""Decorated functions: each call is an operation, and nothing else is changed by it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest

from perflab.record import Recorder


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def note(recorder: Recorder, key: str) -> None:
    recorder.access(key, "miss")


def places(recorder: Recorder) -> list[tuple[str, str | None]]:
    """Return key and operation of each access, in order."""
    return [(row["key"], row["operation"]) for row in recorder.rows("accesses").to_pylist()]


def ended(recorder: Recorder) -> list[tuple[str, str | None, bool, str | None]]:
    """Return name, key, success and error of each operation, in the order in which they ended."""
    rows = recorder.rows("operations").to_pylist()
    return [(row["name"], row["key"], row["ok"], row["error"]) for row in rows]


def test_each_call_of_a_function_is_an_operation(recorder: Recorder) -> None:
    @recorder.operation("add")
    def add(a: int, b: int = 1) -> int:
        note(recorder, "inside")
        return a + b

    assert (add(1), add(1, b=2)) == (2, 3)
    note(recorder, "outside")
    assert ended(recorder) == [("add", None, True, None)] * 2
    assert places(recorder) == [("inside", "add"), ("inside", "add"), ("outside", None)]
    assert len(set(recorder.rows("operations")["operation_id"].to_pylist())) == 2


def test_a_recursive_function_is_nested_operations(recorder: Recorder) -> None:
    @recorder.operation("count", key=lambda left: left)
    def count(left: int) -> int:
        return 1 + count(left - 1) if left else 0

    assert count(3) == 3
    rows = recorder.rows("operations").to_pylist()
    assert [row["key"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["parent_id"] for row in rows] == [row["operation_id"] for row in rows[1:]] + [None]


def test_a_key_is_computed_from_the_arguments(recorder: Recorder) -> None:
    @recorder.operation("parse", key=lambda path, *, deep=False: (path, deep))
    def parse(path: str, *, deep: bool = False) -> str:
        return path * deep

    parse("a.py")
    parse("b.py", deep=True)
    assert [key for _, key, _, _ in ended(recorder)] == ["('a.py', False)", "('b.py', True)"]


def test_a_key_that_is_no_function_is_every_calls_key(recorder: Recorder) -> None:
    @recorder.operation("parse", key=("a.py", 1))
    def parse() -> None: ...

    parse()
    assert ended(recorder) == [("parse", "('a.py', 1)", True, None)]


def test_a_key_that_cannot_be_computed_is_told_by_its_own_error(recorder: Recorder) -> None:
    @recorder.operation("parse", key=lambda path: path.name)
    def parse(path: object) -> None: ...

    with pytest.raises(AttributeError, match="name"):
        parse(5)
    note(recorder, "after")
    assert places(recorder) == [("after", None)]


def test_an_error_of_a_function_passes_through(recorder: Recorder) -> None:
    error = ValueError("seven")

    @recorder.operation("fail")
    def fail() -> None:
        raise error

    with pytest.raises(ValueError, match="seven") as raised:
        fail()
    assert raised.value is error
    assert ended(recorder) == [("fail", None, False, "ValueError: seven")]


def test_methods_of_all_kinds_can_be_decorated(recorder: Recorder) -> None:
    class Shape:
        side = 2

        @recorder.operation("method", key=lambda _, factor: factor)
        def area(self, factor: int) -> int:
            return self.side * factor

        @classmethod
        @recorder.operation("class")
        def unit(cls) -> int:
            return cls.side

        @staticmethod
        @recorder.operation("static")
        def zero() -> int:
            return 0

        @property
        @recorder.operation("property")
        def half(self) -> float:
            return self.side / 2

    shape = Shape()
    assert (shape.area(3), Shape.unit(), shape.zero(), shape.half) == (6, 2, 0, 1.0)
    assert [(name, key) for name, key, _, _ in ended(recorder)] == [
        ("method", "3"),
        ("class", None),
        ("static", None),
        ("property", None),
    ]


def plain(path: str) -> str:
    """Return it."""
    return path


async def coroutine(path: str) -> str:
    """Return it."""
    return path


def generator(path: str) -> Iterator[str]:
    """Yield it."""
    yield path


async def async_generator(path: str) -> AsyncIterator[str]:
    """Yield it."""
    yield path


KINDS: list[Callable[[Any], bool]] = [
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
]


@pytest.mark.parametrize("fn", [plain, coroutine, generator, async_generator])
def test_name_text_signature_and_kind_are_those_of_the_function(fn: Callable[..., Any], recorder: Recorder) -> None:
    decorated = recorder.operation("work")(fn)
    assert (decorated.__name__, decorated.__doc__, decorated.__module__) == (fn.__name__, fn.__doc__, fn.__module__)
    assert inspect.signature(decorated) == inspect.signature(fn)
    assert [is_kind(decorated) for is_kind in KINDS] == [is_kind(fn) for is_kind in KINDS]
    assert inspect.unwrap(decorated) is fn


def test_a_coroutine_is_one_operation_from_await_to_end(recorder: Recorder) -> None:
    @recorder.operation("fetch", key=lambda name: name)
    async def fetch(name: str) -> str:
        note(recorder, name)
        await asyncio.sleep(0)
        note(recorder, name)
        if name == "b":
            raise LookupError(name)
        return name

    async def main() -> list[Any]:
        with recorder.operation("main"):
            return await asyncio.gather(*(fetch(name) for name in "abc"), return_exceptions=True)

    found = asyncio.run(main())
    assert (found[0], str(found[1]), found[2]) == ("a", "b", "c")
    assert sorted(ended(recorder)) == [
        ("fetch", "a", True, None),
        ("fetch", "b", False, "LookupError: b"),
        ("fetch", "c", True, None),
        ("main", None, True, None),
    ]
    assert {place for _, place in places(recorder)} == {"fetch"}
    parents = {row["parent_id"] for row in recorder.rows("operations").to_pylist() if row["name"] == "fetch"}
    assert len(parents) == 1
    assert None not in parents


def test_a_cancelled_coroutine_is_a_failed_operation(recorder: Recorder) -> None:
    @recorder.operation("wait")
    async def wait() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended(recorder) == [("wait", None, False, "CancelledError: ")]


def echo(recorder: Recorder) -> Callable[[], Generator[Any, Any, str]]:
    """Return a decorated generator that yields what it was sent, and errors that were thrown into it."""

    @recorder.operation("echo")
    def generate() -> Generator[Any, Any, str]:
        got: Any = "first"
        try:
            while got != "stop":
                note(recorder, f"in-{got}")
                try:
                    got = yield got
                except ValueError as error:
                    got = f"caught {error}"
        finally:
            note(recorder, "finally")
        return "returned"

    return generate


def test_a_generator_is_sent_to_thrown_into_and_returns(recorder: Recorder) -> None:
    items = echo(recorder)()
    assert next(items) == "first"
    assert items.send("second") == "second"
    assert items.throw(ValueError("third")) == "caught third"
    with pytest.raises(StopIteration) as stopped:
        items.send("stop")
    assert stopped.value.value == "returned"
    assert ended(recorder) == [("echo", None, True, None)]
    assert [place for _, place in places(recorder)] == ["echo"] * 4


def test_yield_from_gets_the_value_of_a_generator(recorder: Recorder) -> None:
    inner = echo(recorder)

    @recorder.operation("outer")
    def outer() -> Generator[Any, Any, str]:
        found = yield from inner()
        note(recorder, "between")
        return f"outer {found}"

    items = outer()
    assert next(items) == "first"
    note(recorder, "reader")
    with pytest.raises(StopIteration, match="outer returned"):
        items.send("stop")
    note(recorder, "after")
    assert places(recorder) == [
        ("in-first", "echo"),
        ("reader", None),
        ("finally", "echo"),
        ("between", "outer"),
        ("after", None),
    ]


def test_a_generator_is_current_only_while_its_own_code_runs(recorder: Recorder) -> None:
    items = echo(recorder)()
    note(recorder, "before")
    with recorder.operation("reader"):
        for _ in range(2):
            next(items)
            note(recorder, "between")
    items.close()
    note(recorder, "after")
    assert places(recorder) == [
        ("before", None),
        ("in-first", "echo"),
        ("between", "reader"),
        ("in-None", "echo"),
        ("between", "reader"),
        ("finally", "echo"),
        ("after", None),
    ]
    assert ended(recorder)[-1] == ("echo", None, True, None)


def test_generators_that_take_turns_do_not_mix(recorder: Recorder) -> None:
    @recorder.operation("generator", key=lambda name: name)
    def generate(name: str) -> Iterator[str]:
        for _ in range(3):
            note(recorder, name)
            yield name

    items = [generate(name) for name in "abc"]
    assert ["".join(turn) for turn in zip(*items, strict=True)] == ["abc"] * 3
    rows = recorder.rows("accesses").to_pylist()
    owner = {row["operation_id"]: row["key"] for row in recorder.rows("operations").to_pylist()}
    assert [owner[row["operation_id"]] for row in rows] == [row["key"] for row in rows]
    assert recorder.rows("operations")["parent_id"].to_pylist() == [None] * 3


def test_a_generator_that_yields_inside_another_operation_leaves_both_to_its_reader(recorder: Recorder) -> None:
    @recorder.operation("outer")
    def generate() -> Iterator[int]:
        with recorder.operation("inner"):
            note(recorder, "1")
            yield 1
            note(recorder, "2")
        note(recorder, "3")
        yield 2

    for _ in generate():
        note(recorder, "reader")
    note(recorder, "after")
    assert places(recorder) == [
        ("1", "inner"),
        ("reader", None),
        ("2", "inner"),
        ("3", "outer"),
        ("reader", None),
        ("after", None),
    ]


def test_an_error_thrown_into_a_generator_is_its_own_when_it_does_not_catch_it(recorder: Recorder) -> None:
    items = echo(recorder)()
    next(items)
    with pytest.raises(KeyError, match="no"):
        items.throw(KeyError("no"))
    assert ended(recorder) == [("echo", None, False, "KeyError: 'no'")]
    with pytest.raises(StopIteration):
        next(items)


def test_an_error_of_a_generator_passes_through(recorder: Recorder) -> None:
    @recorder.operation("fail")
    def fail() -> Iterator[int]:
        yield 1
        raise ValueError("seven")

    with pytest.raises(ValueError, match="seven"):
        list(fail())
    assert ended(recorder) == [("fail", None, False, "ValueError: seven")]


def test_a_generator_that_nobody_reads_is_no_operation(recorder: Recorder) -> None:
    items = echo(recorder)()
    items.close()
    with pytest.raises(StopIteration):
        next(items)
    assert ended(recorder) == []


def test_a_generator_that_yields_when_it_is_closed_is_refused_as_ever(recorder: Recorder) -> None:
    @recorder.operation("stubborn")
    def stubborn() -> Iterator[int]:
        with contextlib.suppress(GeneratorExit):
            yield 1
        yield 2

    items = stubborn()
    next(items)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        items.close()  # type: ignore[attr-defined]  # a generator
    note(recorder, "after")
    assert places(recorder) == [("after", None)]
    assert [ok for *_, ok, _ in ended(recorder)] == [False]


def async_echo(recorder: Recorder) -> Callable[[], AsyncGenerator[Any, Any]]:
    """Return a decorated async generator that yields what it was sent, and errors that were thrown into it."""

    @recorder.operation("echo")
    async def generate() -> AsyncGenerator[Any, Any]:
        got: Any = "first"
        try:
            while got != "stop":
                await asyncio.sleep(0)
                note(recorder, f"in-{got}")
                try:
                    got = yield got
                except ValueError as error:
                    got = f"caught {error}"
        finally:
            await asyncio.sleep(0)
            note(recorder, "finally")

    return generate


def test_an_async_generator_is_sent_to_and_thrown_into(recorder: Recorder) -> None:
    async def main() -> None:
        items = async_echo(recorder)()
        assert await anext(items) == "first"
        assert await items.asend("second") == "second"
        note(recorder, "reader")
        assert await items.athrow(ValueError("third")) == "caught third"
        with pytest.raises(StopAsyncIteration):
            await items.asend("stop")

    asyncio.run(main())
    assert ended(recorder) == [("echo", None, True, None)]
    assert places(recorder)[2] == ("reader", None)
    assert [place for key, place in places(recorder) if key != "reader"] == ["echo"] * 4


def test_an_async_generator_is_closed(recorder: Recorder) -> None:
    async def main() -> None:
        items = async_echo(recorder)()
        await anext(items)
        await items.aclose()
        note(recorder, "after")

    asyncio.run(main())
    assert ended(recorder) == [("echo", None, True, None)]
    assert places(recorder) == [("in-first", "echo"), ("finally", "echo"), ("after", None)]


def test_an_async_generator_that_nobody_closes_ends_with_its_loop(recorder: Recorder) -> None:
    async def main() -> None:
        async for _ in async_echo(recorder)():
            break

    asyncio.run(main())
    assert ended(recorder) == [("echo", None, True, None)]


def test_an_error_thrown_into_an_async_generator_is_told(recorder: Recorder) -> None:
    async def main() -> None:
        items = async_echo(recorder)()
        await anext(items)
        with pytest.raises(KeyError):
            await items.athrow(KeyError("no"))

    asyncio.run(main())
    assert ended(recorder) == [("echo", None, False, "KeyError: 'no'")]


def test_async_generators_of_several_tasks_do_not_mix(recorder: Recorder) -> None:
    @recorder.operation("generator", key=lambda name: name)
    async def generate(name: str) -> AsyncIterator[str]:
        for _ in range(5):
            note(recorder, name)
            await asyncio.sleep(0)
            yield name

    async def read(name: str) -> None:
        with recorder.operation("reader", key=name):
            async for item in generate(name):
                note(recorder, item)

    async def main() -> None:
        await asyncio.gather(*(read(name) for name in "abc"))

    asyncio.run(main())
    rows = recorder.rows("operations").to_pylist()
    owner = {row["operation_id"]: (row["name"], row["key"]) for row in rows}
    found = [(*owner[row["operation_id"]], row["key"]) for row in recorder.rows("accesses").to_pylist()]
    assert all(mine == key for _, mine, key in found)
    assert sum(name == "reader" for name, *_ in found) == sum(name == "generator" for name, *_ in found) == 15
    assert [owner.get(row["parent_id"]) for row in rows if row["name"] == "generator"] == [
        ("reader", row["key"]) for row in rows if row["name"] == "generator"
    ]


def test_an_async_generator_that_yields_inside_another_operation_leaves_both_to_its_reader(recorder: Recorder) -> None:
    @recorder.operation("outer")
    async def generate() -> AsyncIterator[int]:
        with recorder.operation("inner"):
            yield 1
            note(recorder, "2")
        yield 2

    async def main() -> None:
        async for _ in generate():
            note(recorder, "reader")
        note(recorder, "after")

    asyncio.run(main())
    assert places(recorder) == [("reader", None), ("2", "inner"), ("reader", None), ("after", None)]
