"""What a digest of code sees of its surroundings, and what tells that it must be taken again."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest

from perflab.cache import MemoryCache, TieredCache, TTLCache, cached, callable_digest
from perflab.cache.functions.bindings import Bindings
from perflab.cache.functions.digest import digest_of


def module(source: str, **surroundings: object) -> dict[str, Any]:
    """Return the globals of a source text."""
    scope: dict[str, Any] = {"__name__": "module", **surroundings}
    exec(source, scope)  # noqa: S102 (the sources are the test's own)
    return scope


def moved(source: str, change: str) -> tuple[bool, tuple[str, ...], bool]:
    """Return if the check of `f` tells of a change, its names, and if the digest is another one after it."""
    scope = module(source)
    digest, bindings = digest_of(scope["f"])
    same = bindings.check()
    assert same()
    exec(change, scope)  # noqa: S102 (the sources are the test's own)
    try:
        told = not same()
    except (KeyError, ValueError):
        told = True
    return told, bindings.changed(), callable_digest(scope["f"]) != digest


@pytest.mark.parametrize(
    ("source", "change", "name"),
    [
        ("K = 1\ndef f(): return K", "K = 2", "K"),
        ("K = 1\ndef f(): return K", "K = True", "K"),
        ("K = 0.0\ndef f(): return K", "K = -0.0", "K"),
        ("K = (1,)\ndef f(): return K", "K = (True,)", "K"),
        ("K = 1\ndef f(): return K", "del K", "K"),
        ("def f(): return len", "len = str", "len"),
        ("def f(): return [K for _ in 'a']\nK = 1", "K = 2", "K"),
        ("def g(): return 1\ndef f(): return g()", "def g(): return 2", "g"),
        ("K = 1\ndef g(): return K\ndef f(): return g()", "K = 2", "K"),
        ("from math import sin as g\ndef f(): return g(1)", "from math import cos as g", "g"),
        ("from fnmatch import _compile_pattern as g\ndef f(): return g('a')", "from functools import reduce as g", "g"),
        ("import math as m\ndef f(): return m.pi", "import cmath as m", "m"),
        ("def f(): return 1\ndef g(): return 2", "f.__code__ = g.__code__", "f"),
        (
            "def make():\n  k = 1\n  def f(): return k\n  def move():\n    nonlocal k\n    k = 2\n  return f, move\n"
            "f, move = make()",
            "move()",
            "k",
        ),
    ],
)
def test_a_new_binding_is_told_and_is_another_digest(source: str, change: str, name: str) -> None:
    assert moved(source, change) == (True, (name,), True)


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("K = 1\ndef f(x): return x.K", "K = 2"),
        ("def f():\n  global n\n  n += 1\nn = 0", "n = 7"),
        ("def make():\n  n = 0\n  def f():\n    nonlocal n\n    n += 1\n  return f\nf = make()", "f()"),
        ("K = [1]\ndef f(): return K", "K.append(2)"),
        ("K = 1\ndef f():\n  K = 2\n  return K", "K = 3"),
    ],
    ids=["attribute", "own counter", "own closure counter", "in place", "local"],
)
def test_what_is_no_input_of_the_code_is_not_told(source: str, change: str) -> None:
    assert moved(source, change) == (False, (), False)


def test_a_new_object_that_means_the_same_is_told_and_has_the_same_digest() -> None:
    assert moved("def g(): return 1\ndef f(): return g()", "def g(): return 1") == (True, ("g",), False)


def test_an_empty_cell_is_never_taken_for_known() -> None:
    def outer() -> Callable[[], object]:
        def f() -> object:
            return later

        bindings = digest_of(f)[1]
        assert not bindings.check()()
        later = 1
        assert bindings.changed() == ("later",)
        return f

    assert digest_of(outer())[1].check()()


def test_nothing_that_is_compared_is_asked_if_it_is_equal() -> None:
    class Loud:
        def __eq__(self, other: object) -> bool:
            raise AssertionError("asked")

        __hash__ = None  # type: ignore[assignment]  # as of an array

    scope = {"a": Loud()}
    bindings = Bindings()
    bindings.read(scope, "a")
    same = bindings.check()
    assert same()
    scope["a"] = Loud()
    assert not same()


def test_functions_behind_other_objects_are_followed() -> None:
    source = "def g(): return {}\ng = wrap(g)\ndef f(): return g()"
    cache = TieredCache(MemoryCache(10_000), TTLCache(0), None)
    wraps: list[Callable[[Any], object]] = [functools.lru_cache, functools.partial(cached, cache)]
    for wrap in wraps:
        one, same, two = (module(source.format(n), wrap=wrap)["f"] for n in (1, 1, 2))
        assert callable_digest(one) == callable_digest(same)
        assert callable_digest(one) != callable_digest(two)


def test_a_cached_function_is_the_function_and_a_bound_one_has_its_instance() -> None:
    cache = TieredCache(MemoryCache(10_000), TTLCache(0), None)

    class Page:
        def __init__(self, number: int) -> None:
            self.number = number

        @functools.partial(cached, cache)
        def text(self) -> int:
            return self.number

    page = Page(1)
    assert callable_digest(cached(cache, math.floor)) == callable_digest(cached(cache, math.floor))
    assert callable_digest(page.text) == callable_digest(Page(1).text)
    assert callable_digest(page.text) != callable_digest(Page(2).text)
    before = callable_digest(Page.text)
    page.text()
    assert callable_digest(Page.text) == before, "what was cached is no part of it"
