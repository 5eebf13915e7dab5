"""Cached functions: what makes a key, and what a digest of code sees."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd
import pytest

from perflab.cache import MemoryCache, TieredCache, TTLCache, cached, callable_digest
from perflab.errors import ConfigError, StoreError
from perflab.record import Recorder


@pytest.fixture
def cache() -> Iterator[TieredCache]:
    recorder = Recorder()
    with TieredCache(
        MemoryCache(100_000, recorder=recorder), TTLCache(100_000, recorder=recorder), None, recorder
    ) as tiers:
        yield tiers


def compiled(source: str, **surroundings: object) -> Callable[..., object]:
    """Return the function `f` of a source text, in a module of its own."""
    module: dict[str, object] = {"__name__": "module", **surroundings}
    exec(source, module)  # noqa: S102 (the sources are the test's own)
    return module["f"]  # type: ignore[return-value]


def test_equal_calls_are_one_and_typed_arguments_are_many(cache: TieredCache) -> None:
    calls: list[object] = []

    @cached(cache)
    def f(x: object, y: int = 2, *rest: object, **named: object) -> None:
        calls.append((x, y, rest, named))

    for _ in range(2):
        assert f(1) is None
        f(x=1)
        f(1, y=2)
    assert len(calls) == 1
    for value in (1.0, True, "1", (1,), [1], {"a": 1}, pd.DataFrame({"a": [1]})):
        f(value)
        f(value)
    assert len(calls) == 8
    f(1, b=1, a=2)
    f(1, a=2, b=1)
    assert len(calls) == 9


def test_a_result_with_a_time_to_live_hits_until_it_is_due_and_is_refreshed_ahead(cache: TieredCache) -> None:
    calls: list[object] = []

    @cached(cache, ttl=60)
    def f(x: object) -> object:
        calls.append(x)
        return x

    for argument in (1, (1, "a")):
        calls.clear()
        assert [f(argument) for _ in range(3)] == [argument] * 3
        assert len(calls) == 1
        cache.refresh_ratio = 1.0
        f(argument)
        deadline = time.monotonic() + 30
        while len(calls) < 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert len(calls) == 2
        cache.refresh_ratio = 0.0
        cache.touch(f.cache_key(argument), 0)
        calls.clear()
        f(argument)
        assert len(calls) == 1
    info = f.cache_info()
    assert (info.hits, info.misses) == (6, 4)


def test_info_counts_rows_and_invalidate_forgets_one(cache: TieredCache) -> None:
    @cached(cache)
    def f(x: int) -> int:
        return x

    cached(cache, str.upper)("of another function")
    assert f.cache_info().hits == f.cache_info().loads == 0
    assert f.cache_info().hit_rate != f.cache_info().hit_rate, "NaN before any call"
    for x in (1, 2, 1, 1):
        f(x)
    assert f.invalidate(1)
    assert f.invalidate(1) is False
    f(1)
    info = f.cache_info()
    assert (info.hits, info.misses, info.loads) == (2, 3, 3)
    assert info.hit_rate == pytest.approx(0.4)
    assert f.__name__ == "f"


def test_arguments_without_bytes_are_named_and_key_helps(cache: TieredCache) -> None:
    @dataclass
    class Page:
        number: int

    def f(page: Page) -> int:
        return page.number

    with pytest.raises(StoreError, match=r"f cannot be cached.*Page.*key="):
        cached(cache, f)(Page(1))
    assert cached(cache, f, key=lambda page: page.number)(Page(1)) == 1
    with pytest.raises(ConfigError, match="generator"):
        cached(cache, (lambda: (yield)))


def test_an_exception_is_not_a_result(cache: TieredCache) -> None:
    calls: list[int] = []

    @cached(cache)
    def f() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("first")
        return 42

    with pytest.raises(ValueError, match="first"):
        f()
    assert (f(), f()) == (42, 42)


def test_async_functions_share_one_call(cache: TieredCache) -> None:
    calls: list[int] = []

    @cached(cache)
    async def f(x: int) -> int:
        calls.append(x)
        await asyncio.sleep(0.01)
        return x * 2

    async def main() -> None:
        assert await asyncio.gather(*(f(4) for _ in range(20))) == [8] * 20
        assert await f(4) == 8

    asyncio.run(main())
    assert calls == [4]
    info = f.cache_info()
    assert (info.hits, info.misses, info.loads) == (1, 20, 1)
    asyncio.run(main())
    assert calls == [4]


def test_new_code_is_a_new_key(cache: TieredCache) -> None:
    one, two = compiled("def f(): return 1"), compiled("def f(): return 2")
    assert (cached(cache, one)(), cached(cache, two)()) == (1, 2)


def test_a_digest_ignores_layout_and_names_of_files() -> None:
    one = compiled("def f(x):\n    return x + 1")
    two = compiled("# a comment\n\n\ndef f(x):\n\n    return (x +\n            1)  # same")
    assert callable_digest(one) == callable_digest(two)
    assert len(callable_digest(one)) == 32


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("def f(x): return x + 1", "def f(x): return x + 2"),
        ("def f(x): return x.a", "def f(x): return x.b"),
        ("def f(x=1): return x", "def f(x=2): return x"),
        ("def f(*, x=1): return x", "def f(*, x=2): return x"),
        ("def f(): return [y + 1 for y in (1,)]", "def f(): return [y - 1 for y in (1,)]"),
        ("def f(): return lambda: 1", "def f(): return lambda: 2"),
        ("def g(): return 1\ndef f(): return g()", "def g(): return 2\ndef f(): return g()"),
        (
            "def h(): return 1\ndef g(): return h()\ndef f(): return g()",
            "def h(): return 2\ndef g(): return h()\ndef f(): return g()",
        ),
        ("K = 1\ndef f(): return K", "K = 2\ndef f(): return K"),
        (
            "class C:\n  def m(self): return 1\ndef f(): return C().m()",
            "class C:\n  def m(self): return 2\ndef f(): return C().m()",
        ),
        (
            "def m(k):\n  def f(): return k\n  return f\nf = m(1)",
            "def m(k):\n  def f(): return k\n  return f\nf = m(2)",
        ),
        (
            "def m(k):\n  def f(): return k()\n  return f\nf = m(lambda: 1)",
            "def m(k):\n  def f(): return k()\n  return f\nf = m(lambda: 2)",
        ),
        ("def f(x): return x in {1, 2}", "def f(x): return x in {1, 3}"),
    ],
)
def test_a_digest_sees_what_changes_results(one: str, two: str) -> None:
    assert callable_digest(compiled(one)) == callable_digest(compiled(one))
    assert callable_digest(compiled(one)) != callable_digest(compiled(two))


def test_a_digest_of_partials_methods_classes_and_recursion() -> None:
    class Counter:
        def __init__(self, start: int) -> None:
            self.start = start

        def count(self) -> int:
            return self.start

        __call__ = count

    add = functools.partial(int.__add__, 1)
    assert callable_digest(functools.partial(pow, 2)) != callable_digest(functools.partial(pow, 3))
    assert callable_digest(add) == callable_digest(functools.partial(int.__add__, 1))
    assert callable_digest(Counter(1).count) == callable_digest(Counter(1).count)
    assert callable_digest(Counter(1).count) != callable_digest(Counter(2).count)
    assert callable_digest(Counter(1)) != callable_digest(Counter(2))
    assert callable_digest(len) != callable_digest(sum)

    def even(n: int) -> bool:
        return n == 0 or odd(n - 1)

    def odd(n: int) -> bool:
        return n != 0 and even(n - 1)

    ring: list[object] = [even]
    ring.append(ring)
    assert callable_digest(even) != callable_digest(odd)
    assert callable_digest(functools.partial(even, ring)) == callable_digest(functools.partial(even, ring))


def test_threads_that_meet_new_code_get_results_of_code_that_was_there(cache: TieredCache) -> None:
    scope: dict[str, object] = {"__name__": "module", "K": 0}
    exec("def f(x): return K", scope)  # noqa: S102 (the source is the test's own)
    f = cached(cache, scope["f"])  # type: ignore[call-overload]  # of exec nothing is known
    stale: list[tuple[int, int]] = []

    def call() -> None:
        for number in range(300):
            least: int = scope["K"]  # type: ignore[assignment]
            found = f(number % 3)
            if found < least:
                stale.append((found, least))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        scope["K"] = scope["K"] + 1  # type: ignore[operator]
        time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert stale == []
    assert f(0) == scope["K"]


def test_a_forked_child_calls_on(cache: TieredCache) -> None:
    f = cached(cache, lambda x: x * 2)
    assert f(1) == 2
    child = os.fork()
    if child == 0:
        os._exit(0 if (f(1), f(3), f.explain(3).reason) == (2, 6, "hit") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
