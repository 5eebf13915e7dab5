"""Cached methods: results belong to their instance, which goes when it would have gone."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import os
import pickle
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from perflab.cache import DiskCache, MemoryCache, TieredCache, TTLCache, cached, callable_digest
from perflab.cache.functions.instances import token_of
from perflab.errors import ConfigError
from perflab.record import Recorder


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[TieredCache]:
    recorder = Recorder()
    l1, l2 = MemoryCache(100_000, recorder=recorder), TTLCache(100_000, recorder=recorder)
    with TieredCache(l1, l2, DiskCache(tmp_path / "l3", recorder=recorder), recorder) as tiers:
        yield tiers


def page_class(cache: TieredCache, **options: Any) -> Any:
    @dataclass
    class Page:
        number: int
        calls: int = 0

        @cached(cache, **options)
        def text(self, times: int = 1) -> str:
            """Return the text."""
            self.calls += 1
            return f"{self.number}" * times

    return Page


def test_equal_instances_have_results_of_their_own(cache: TieredCache) -> None:
    page_type = page_class(cache)
    one, same, other = page_type(1), page_type(1), page_type(2)
    assert [page.text(2) for page in (one, same, other, one, same, other)] == ["11", "11", "22"] * 2
    assert (one.calls, same.calls, other.calls) == (1, 1, 1)
    one.number = 7
    assert (one.text(2), one.text(times=2), one.text(3)) == ("11", "11", "777")
    assert page_type.text(one, 2) == "11", "asked through the class"
    assert (one.calls, same.calls) == (2, 1)


def test_what_a_bound_method_is_asked_leaves_the_instance_out(cache: TieredCache) -> None:
    page = page_class(cache)(1)
    page.text(2)
    assert page.text.explain(2).reason == "hit"
    assert page.text.explain(3).differs == {"times": ("2", "3")}
    assert page.text.invalidate(2)
    assert not page.text.invalidate(2)
    assert page.text.explain(2).reason == "invalidated"
    assert page.text.cache_info() == type(page).text.cache_info()
    assert page.text.cache_info().loads == 1
    assert page.text.cache_key(2) == type(page).text.cache_key(page, 2)
    assert str(inspect.signature(page.text)) == "(times: 'int' = 1) -> 'str'"
    assert type(page).text.__doc__ == "Return the text."
    assert "text of" in repr(page.text)
    with pytest.raises(TypeError, match="times"):
        page.text(1, times=2)


def test_an_instance_is_not_kept_alive_and_its_successor_is_another(cache: TieredCache) -> None:
    page_type = page_class(cache)
    gone = []
    for number in range(50):
        page = page_type(number)
        assert page.text() == str(number), "an id that was given again is not the same instance"
        gone.append(weakref.ref(page))
        del page
    gc.collect()
    assert [ref() for ref in gone] == [None] * 50


def test_results_of_an_instance_are_not_on_disk_and_those_by_key_are(cache: TieredCache) -> None:
    own, by_key = page_class(cache)(1), page_class(cache, key=lambda self, times=1: (self.number, times))
    own.text()
    assert cache.l3 is not None
    assert (len(cache.l3), len(cache.l1)) == (0, 1)
    assert (by_key(1).text(), by_key(1).text(2)) == ("1", "11")
    assert len(cache.l3) == 2
    shared = by_key(1)
    assert (shared.text(), shared.text(2), shared.calls) == ("1", "11", 0), "equal keys share results"


def test_class_methods_and_static_methods_in_either_order(cache: TieredCache) -> None:
    class Page:
        size = 2
        calls: list[str] = []  # noqa: RUF012 - counts for all

        @cached(cache)
        @classmethod
        def inner(cls, x: int) -> int:
            cls.calls.append("inner")
            return cls.size * x

        @classmethod
        @cached(cache)
        def outer(cls, x: int) -> int:
            cls.calls.append("outer")
            return cls.size * x

        @cached(cache)
        @staticmethod
        def inside(x: int) -> int:
            Page.calls.append("inside")
            return x

        @staticmethod
        @cached(cache)
        def outside(x: int) -> int:
            Page.calls.append("outside")
            return x

    class Large(Page):
        size = 20

    for _ in range(2):
        assert (Page.inner(1), Large.inner(1), Large().inner(1)) == (2, 20, 20)
        assert (Page.outer(1), Large.outer(1), Large().outer(1)) == (2, 20, 20)
        assert (Page.inside(1), Large().inside(1), Page.outside(1), Large().outside(1)) == (1, 1, 1, 1)
    assert sorted(Page.calls) == ["inner"] * 2 + ["inside"] + ["outer"] * 2 + ["outside"]
    assert Large.inner.explain(1).reason == Page.inside.explain(1).reason == "hit"


def test_async_methods(cache: TieredCache) -> None:
    calls: list[int] = []

    class Page:
        @cached(cache)
        async def text(self, x: int) -> int:
            calls.append(x)
            await asyncio.sleep(0)
            return x * 2

    one, other = Page(), Page()

    async def main() -> None:
        assert await asyncio.gather(one.text(1), one.text(1), other.text(1)) == [2, 2, 2]
        assert await one.text(1) == await other.text(1) == 2

    asyncio.run(main())
    assert calls == [1, 1]
    assert inspect.iscoroutinefunction(Page.text.__call__)


def test_an_instance_that_takes_no_weak_reference_needs_a_key(cache: TieredCache) -> None:
    class Page:
        __slots__ = ("number",)

        @cached(cache)
        def text(self) -> int:
            return 1

        @cached(cache, key=lambda self: self.number)
        def by_number(self) -> int:
            return int(self.number)

    page = Page()
    page.number = 4  # type: ignore[attr-defined]  # mypy reads no __slots__
    with pytest.raises(ConfigError, match=r"key=.*__weakref__"):
        page.text()
    assert page.by_number() == 4


def test_the_class_is_part_of_the_code(cache: TieredCache) -> None:
    def build(word: str) -> Any:
        class Page:
            def word(self) -> str:
                return "one" if word == "one" else "two"

            @cached(cache, key=lambda self: self.number)
            def text(self) -> str:
                return self.word()

            number = 0

        if word == "two":
            Page.word = lambda _: "two"  # other code of that name
        return Page()

    assert (build("one").text(), build("two").text()) == ("one", "two")


def test_a_forked_child_has_tokens_of_its_own() -> None:
    class Page: ...

    page = Page()
    before = token_of(page).plain
    assert token_of(page).plain == before
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, repr(token_of(page).plain).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    assert told.startswith("('instance of")
    assert told != repr(before)


def test_tokens_are_by_identity_and_go_with_their_object() -> None:
    class Same:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]  # as of a dataclass

    one, other = Same(), Same()
    assert token_of(one) is token_of(one)
    assert token_of(one).plain != token_of(other).plain
    assert "Same" in repr(token_of(one))
    known = token_of(one).plain
    del one
    assert known != token_of(Same()).plain


def _doubled(x: int) -> int:
    return x * 2


doubled = cached(TieredCache(MemoryCache(1_000), TTLCache(0), None), _doubled)
doubled.__qualname__ = "doubled"  # type: ignore[attr-defined]  # of the instance, as a decorator leaves it


def test_a_cached_function_travels_by_name_and_has_the_digest_of_its_function() -> None:
    assert pickle.loads(pickle.dumps(doubled)) is doubled  # noqa: S301 - made here
    assert callable_digest(doubled) == callable_digest(cached(TieredCache(MemoryCache(9), TTLCache(0), None), _doubled))


def test_code_around_a_cache_does_not_change_with_what_is_in_it(cache: TieredCache) -> None:
    def reading() -> object:
        return cache.get("a")

    before = callable_digest(reading)
    cache.set("a", 1)
    assert callable_digest(reading) == before


def test_a_tier_and_a_cost_that_are_not_allowed_are_refused(cache: TieredCache) -> None:
    for options in ({"tier": "l2"}, {"tier": None}, {"cost": -1}, {"cost": float("nan")}, {"cost": True}, {"ttl": -1}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            cached(cache, len, **options)  # type: ignore[call-overload]  # the matter here


def test_a_cost_is_that_of_the_entry(cache: TieredCache) -> None:
    f = cached(cache, abs, cost=7)
    f(1)
    entry: Any = cache.l1.peek(f.cache_key(1))
    assert entry.facts.cost == 7


def test_results_of_tier_l1_stay_in_memory_at_their_own_cost(cache: TieredCache) -> None:
    assert cache.l3 is not None
    make: Callable[[int], bytes] = lambda n: b"x" * n  # noqa: E731
    in_memory, anywhere = cached(cache, make, tier="l1"), cached(cache, make, tier="l3")
    for _ in range(2):
        assert in_memory(5_000) == b"x" * 5_000
        assert len(cache.l3) == 0
    assert "reject" not in set(cache.recorder.frames.accesses["event"])
    assert 5_000 < cache.l1.nbytes < 5_500
    cache.clear("l1")
    assert anywhere(5_000) == in_memory(5_000)
    assert len(cache.l3) == 1


def test_results_of_tier_l1_come_back_bare_from_l2_and_with_a_ttl() -> None:
    with TieredCache(MemoryCache(2_000), TTLCache(100_000), None) as cache:
        text = functools.partial(str.ljust, "x")
        f = cached(cache, lambda n: text(n), tier="l1")
        assert [f(1_000), f(1_001), f(1_000)] == [text(1_000), text(1_001), text(1_000)]
        dated = cached(cache, lambda n: text(n), tier="l1", ttl=100)
        assert dated(1) == dated(1) == "x"
