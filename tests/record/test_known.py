"""Events and their columns: in C and in Python they are the same, and those of a plain count."""

from __future__ import annotations

import gc
import math
import sys
import weakref
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.record import known
from perflab.record.arrow import as_text
from perflab.record.happened import Event, EventRows, PythonEventRows, rows_of


class Odd:
    """A key that counts how often it is printed, and may do something then."""

    def __init__(self, does: Any = None) -> None:
        self.printed = 0
        self._does = does

    def __repr__(self) -> str:
        self.printed += 1
        if self._does is not None:
            self._does()
        return "odd"


class Found:
    """An entry that was hit."""

    def __init__(self, key: object, nbytes: Any) -> None:
        self.key, self.nbytes, self.code = key, nbytes, 0


TEXT = st.text(max_size=4) | st.sampled_from(["a" * 511, "a" * 512, "a" * 513, "1", "", "ü", "\ud800", "\x00"])
KEYS = (
    TEXT | st.integers(-(2**70), 2**70) | st.none() | st.booleans() | st.binary(max_size=2) | st.tuples(st.integers())
)
SIZES = st.none() | st.integers(-2, 2**65) | st.floats() | st.just("many")
SECONDS = st.none() | st.floats(allow_nan=False) | st.integers() | st.just("long") | st.just(10**400)
NAMES = st.sampled_from(["set", "evict", "miss"]) | st.text(max_size=1)
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 2**40), st.floats(0, 1e6), KEYS, NAMES, st.none() | NAMES, SIZES, SECONDS, st.none() | KEYS
    ),
    max_size=30,
)


def columns(make: Any, entries: list[Found], batches: list[list[Event]], rows: Any) -> tuple[Any, ...]:
    """Return the columns, rows as what they refer to, and the kinds of events."""
    kinds: dict[Any, int] = {}

    def kind_of(event: str, tier: str | None, reason: object) -> int:
        return kinds.setdefault((event, tier, as_text(reason)), len(kinds))

    before = known.event_columns
    known.event_columns = make
    try:
        found = known.known(entries, [rows(batch) for batch in batches], kind_of)
    finally:
        known.event_columns = before
    texts = [*found.texts, None]
    told = list(kinds)
    numbers = [*range(len(entries)), *found.code.tolist()]
    return (
        found.at.tolist(),
        found.now_s.tolist(),
        [told[kind] for kind in found.kind.tolist()],
        [(texts[found.keys[number]], int(found.sizes[number])) for number in numbers],
        [None if math.isnan(seconds) else seconds for seconds in found.took_s.tolist()],
        list(found.texts),
    )


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=3), st.lists(st.tuples(KEYS, SIZES), max_size=5))
def test_the_columns_are_those_of_python(batches: list[list[Event]], hits: list[tuple[Any, Any]]) -> None:
    entries = [Found(key, nbytes) for key, nbytes in hits]
    found = columns(known.event_columns, entries, batches, rows_of)
    assert found == columns(known._event_columns, entries, batches, PythonEventRows)
    events = [event for batch in batches for event in batch]
    assert found[0] == [event[0] for event in events]
    assert found[1] == [event[1] for event in events]
    assert found[2] == [(event[3], event[4], as_text(event[7])) for event in events]
    keys = [key for key, _ in hits] + [event[2] for event in events]
    assert [text for text, _ in found[3]] == [as_text(key) for key in keys]
    assert len(found[5]) == len(set(found[5])) == len({as_text(key) for key in keys} - {None})


def test_many_keys_keep_their_texts_and_events_of_one_key_and_size_share_a_number() -> None:
    keys = [f"key {number % 40_000}" for number in range(100_000)]
    events: list[Event] = [(0, 1.0, key, "set" if i % 2 else "miss", None, 9, None, None) for i, key in enumerate(keys)]
    found = known.known([], [rows_of(events)], lambda *_: 0)
    texts = list(found.texts)
    assert [texts[found.keys[number]] for number in found.code.tolist()] == keys
    assert len(texts) == len(found.keys) == 40_000


def test_a_key_that_only_python_can_print_is_printed_once() -> None:
    key = Odd()
    found = known.known([Found(key, 1)], [rows_of([(0, 1.0, key, "set", None, None, None, None)] * 9)], lambda *_: 0)
    assert (list(found.texts), key.printed) == (["odd"], 1)


@pytest.mark.parametrize("change", ["more", "fewer"])
def test_a_key_that_changes_the_events_while_it_is_printed_breaks_nothing(change: str) -> None:
    if EventRows is PythonEventRows:
        pytest.skip("a list in Python goes on with what it finds")
    rows: Any = None
    event: Event = (0, 1.0, "a", "set", None, None, None, None)
    key = Odd(lambda: rows.append(event) if change == "more" else rows.clear())
    rows = rows_of([(0, 1.0, key, "set", None, None, None, None), event])
    with pytest.raises(RuntimeError, match="while columns were made"):
        known.known([], [rows], lambda *_: 0)


@settings(deadline=None)
@given(EVENTS, st.integers(0, 40))
def test_events_are_a_list_of_tuples(events: list[Event], some: int) -> None:
    rows, wanted = rows_of(events), PythonEventRows(events)
    assert (len(rows), list(rows), dict(rows.counted())) == (len(wanted), list(wanted), dict(wanted.counted()))
    assert list(rows[:some]) == events[:some]
    del rows[: min(some, len(events))]
    assert list(rows) == events[some:]
    rows.clear()
    assert not rows
    with pytest.raises(IndexError):
        rows[0]


def test_events_are_counted_however_many_kinds_there_are() -> None:
    names = [f"event {number % 20}" for number in range(200)]
    assert dict(rows_of([(0, 1.0, "a", name, None, None, None, None) for name in names]).counted()) == dict.fromkeys(
        names, 10
    )


@pytest.mark.skipif(EventRows is PythonEventRows, reason="the modules in C are not built")
def test_events_are_used_as_a_tape_uses_them() -> None:
    rows: Any = rows_of([(0, 1.0, "a", "set", None, None, None, None)])
    for wrong in (lambda: rows[1:], lambda: rows[::2], lambda: rows.__delitem__(slice(1, 2))):
        with pytest.raises(ValueError, match="from the first on"):
            wrong()
    for odd in ("a", 3):
        with pytest.raises(TypeError):
            rows.append(odd)
    with pytest.raises(TypeError, match="stay as they happened"):
        rows[:1] = []
    with pytest.raises(TypeError, match="begin with none"):
        EventRows([1])
    with pytest.raises(TypeError, match="tuple of their rows"):
        known.event_columns((), (), ([],), as_text, int, int, float)  # type: ignore[arg-type]
    assert len(rows) == 1


def test_events_let_go_of_their_keys_and_end_a_circle() -> None:
    key = ("a key", 2.5)
    before = sys.getrefcount(key)
    rows = rows_of((0, 1.0, key, "set", None, 1, 0.5, "why") for _ in range(50))
    part = rows[:20]
    known.known([], [rows, part], lambda *_: 0)
    del rows[:30], part[:20]
    assert sys.getrefcount(key) == before + 20
    del rows
    assert sys.getrefcount(key) == before
    held = Odd()
    gone = weakref.ref(held)
    held._does = rows_of([(0, 1.0, held, "set", None, None, None, None)])
    del held
    gc.collect()
    assert gone() is None
