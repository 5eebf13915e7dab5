"""Keys of calls: the quick way from arguments to a key never says another thing than the canonical bytes."""

from __future__ import annotations

import datetime as dt
import enum
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.cache import MemoryCache, TieredCache, TTLCache, cached
from perflab.cache.codec import values as codec
from perflab.cache.functions import calls as calls_module
from perflab.cache.functions.calls import Calls
from perflab.errors import ConfigError, StoreError

BERLIN = dt.timezone(dt.timedelta(hours=1))
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
EQUALS = [0, 0.0, -0.0, False, 1, 1.0, True, 1 + 0j, "1", b"1", None, math.nan, -math.nan, (), (1,), (True,), (1.0,)]
EQUALS += [((0.0,),), ((-0.0,),), [1], [True], {"a": 1}, {"a": True}, frozenset({1}), frozenset({True}), 1 << 70]
EQUALS += [NOON, NOON.astimezone(BERLIN), "x" * 2_000, b"x" * 2_000, np.arange(3), np.float64(1), np.int64(1)]
values = st.sampled_from(EQUALS) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.tuples(inner, inner) | st.lists(inner, max_size=2),
    max_leaves=3,
)


class Text(str):
    __slots__ = ()


class Word(str, enum.Enum):  # noqa: UP042 - what equals a text and is none is the matter here
    ONE = "one"


class Anything:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("one")


def counted() -> Callable[..., Any]:
    """Return a cached function that numbers its calls."""
    numbers = itertools.count()

    def f(x: object = 0, *rest: object, **named: object) -> int:  # noqa: ARG001 - calls differ in them alone
        return next(numbers)

    return cached(TieredCache(MemoryCache(10_000_000), TTLCache(0), None), f)


@given(st.lists(st.tuples(st.lists(values, max_size=3), st.dictionaries(st.sampled_from("ab"), values)), max_size=12))
@settings(deadline=None, max_examples=60)
def test_calls_are_one_if_their_bytes_are(calls: list[tuple[list[Any], dict[str, Any]]]) -> None:
    memoized = counted()
    model: dict[bytes, int] = {}
    for args, named in [*calls, *calls]:
        first, *rest = args or [0]
        name = codec.encode([first, tuple(rest), sorted(named.items())])
        assert memoized(*args, **named) == model.setdefault(name, len(model))


def test_what_equals_a_text_and_is_none_is_refused_also_after_the_text_was_cached() -> None:
    memoized = counted()
    assert memoized("one") == memoized("one")
    assert memoized(("one",)) == memoized(("one",))
    for value in (Text("one"), Word.ONE, Anything(), (Text("one"),), (Anything(),)):
        with pytest.raises(StoreError, match="give key="):
            memoized(value)


def test_a_call_that_fits_no_signature_is_refused_as_the_function_itself_does() -> None:
    memoized = cached(TieredCache(MemoryCache(1_000), TTLCache(0), None), lambda x: x)
    for _ in range(2):
        with pytest.raises(TypeError, match="too many positional"):
            memoized(1, 2)  # type: ignore[call-arg]  # the matter here
    assert memoized(1) == 1


def test_names_of_calls_and_their_arguments_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "REMEMBERED_CALLS", 5)
    monkeypatch.setattr(calls_module, "QUICK_CALLS", 5)
    calls = Calls(lambda x: x, "f", None)
    code = calls.read(lambda x: x)
    keys = [code.key_of(number) for number in range(20)]
    assert [call.texts for call in calls.remembered()] == [{"x": str(number)} for number in range(15, 20)]
    assert [code.key_of(number) for number in range(20)] == keys
    assert len(set(keys)) == 20


def test_long_arguments_are_not_kept_at_hand() -> None:
    calls = Calls(lambda x: x, "f", None)
    code = calls.read(lambda x: x)
    with pytest.raises(calls_module.SlowArgumentsError):
        code.key_of("x" * 1_001)
    assert calls.key(code.prefix, ("x" * 1_001,), {}) != calls.key(code.prefix, ("x" * 1_002,), {})
    assert all(len(text) < 100 for call in calls.remembered() for text in call.texts.values())


def test_deep_and_wide_tuples_are_named_or_refused_and_not_kept_at_hand() -> None:
    memoized = counted()
    deep: Any = ()
    for _ in range(5_000):
        deep = (deep,)
    wide = tuple(range(1_000))
    with pytest.raises(StoreError, match="nested more than"):
        memoized(deep)
    assert memoized(wide) == memoized(wide) == memoized(x=tuple(wide))
    calls = Calls(lambda x: x, "f", None)
    code = calls.read(lambda x: x)
    with pytest.raises(calls_module.SlowArgumentsError) as slow:
        code.key_of(wide)
    assert slow.value.key is None
    with pytest.raises(calls_module.SlowArgumentsError) as slow:
        code.key_of((1, (2,)))
    assert slow.value.key == calls.key(code.prefix, ((1, (2,)),), {})


def test_the_key_function_is_asked_at_each_call() -> None:
    numbers = itertools.count()
    cache = TieredCache(MemoryCache(10_000), TTLCache(0), None)
    box: dict[str, object] = {"version": 1}

    def f(box: dict[str, object]) -> tuple[int, object]:
        return next(numbers), box["version"]

    memoized = cached(cache, f, key=lambda box: box["version"])
    assert memoized(box) == memoized(box) == (0, 1)
    box["version"] = True
    assert memoized(box) == memoized(dict(box)) == (1, True)
    box["version"] = ("a", [2])
    assert memoized(box) == memoized(box) == (2, ("a", [2]))


def test_a_function_without_a_signature_needs_a_key() -> None:
    cache = TieredCache(MemoryCache(10_000), TTLCache(0), None)
    with pytest.raises(ConfigError, match=r"builtins\.str does not tell its arguments.*key="):
        cached(cache, str)
    text = cached(cache, str, key=lambda value: value)
    assert [text(value) for value in (1, 1.0, True, 1)] == ["1", "1.0", "True", "1"]
