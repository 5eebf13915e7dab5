"""Values on their way to a cache are as good as stored, and all stored in the end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.chunk.processing.kept import MISSING, Kept
from perflab.errors import StoreError


class Shelf(dict[str, Any]):
    """A cache that can do many at once, and refuses odd values."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def set(self, key: str, value: Any) -> None:
        self.set_many({key: value})

    def get_many(self, keys: list[str], default: Any) -> list[Any]:
        return [self.get(key, default) for key in keys]

    def set_many(self, items: dict[str, Any]) -> None:
        if any(value == "odd" for value in items.values()):
            raise StoreError("an odd value")
        self.calls += 1
        self.update(items)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers()), max_size=40), st.booleans())
def test_it_is_a_cache(steps: list[tuple[str, int]], plain: bool) -> None:
    class Plain(dict[str, Any]):
        def set(self, key: str, value: Any) -> None:
            self[key] = value

    cache: Any = Plain() if plain else Shelf()
    kept, model = Kept(cache, "test", clock=lambda: 0.0), dict[str, int]()
    for key, value in steps:
        assert kept.get_many([key, "a"]) == [model.get(key, MISSING), model.get("a", MISSING)]
        kept.put(key, value)
        model[key] = value
    kept.flush()
    assert cache == model


def test_many_are_stored_at_once_and_none_waits_longer_than_a_second() -> None:
    shelf, now = Shelf(), 0.0
    kept = Kept(shelf, "test", clock=lambda: now)
    for number in range(256):
        kept.put(str(number), number)
    assert (len(shelf), shelf.calls) == (256, 1)
    kept.put("later", 1)
    assert "later" not in shelf
    now = 1.0
    kept.put("last", 2)
    assert (shelf["later"], shelf["last"], shelf.calls) == (1, 2, 2)


def test_a_value_that_is_refused_costs_one_warning_and_no_other_value() -> None:
    shelf = Shelf()
    kept = Kept(shelf, "test")
    for key, value in (("a", 1), ("b", "odd"), ("c", "odd"), ("d", 2)):
        kept.put(key, value)
    with pytest.warns(RuntimeWarning, match="results of 'test' are not cached: an odd value") as warned:
        kept.flush()
    assert len(warned) == 1
    assert shelf == {"a": 1, "d": 2}
