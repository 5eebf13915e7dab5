"""The module in C that notes events and stores entries, against the same in Python and callers who use it wrongly."""

from __future__ import annotations

import contextvars
import gc
import sys
import threading
import weakref
from typing import Any

import pytest

from perflab.cache import MemoryCache
from perflab.cache.entry import NO_FACTS, Entry
from perflab.cache.memory.plainly import PythonStore
from perflab.record import Recorder

native = pytest.importorskip("perflab._writes", reason="perflab._writes is not built: there was no C compiler")

FACTS = ("key", "set", "l1", 5, 0.5, "why")
NAMES = ("key", "event", "tier", "nbytes", "duration_s", "reason")


def noted(recorder: Recorder) -> list[tuple[Any, ...]]:
    columns = recorder.rows("accesses", list(NAMES)).to_pydict()
    return list(zip(*columns.values(), strict=True))


@pytest.mark.parametrize("named", range(len(FACTS) + 1))
def test_an_event_is_told_by_place_or_by_name(named: int) -> None:
    recorder = Recorder()
    for _ in range(2):  # the first makes the tape, in Python
        recorder.access(*FACTS[:named], **dict(zip(NAMES[named:], FACTS[named:], strict=True)))
    recorder.access("key", "miss")
    assert noted(recorder) == [FACTS, FACTS, ("key", "miss", None, None, None, None)]


@pytest.mark.parametrize(
    ("args", "named"),
    [((), {}), (("key",), {}), ((*FACTS, 7), {}), (FACTS, {"tier": "l2"}), (("key", "hit"), {"size": 3})],
)
def test_an_event_that_is_told_wrongly_is_refused(args: tuple[Any, ...], named: dict[str, Any]) -> None:
    recorder = Recorder()
    recorder.access("key", "set")
    with pytest.raises(TypeError, match=r"access\(\) takes"):
        recorder.access(*args, **named)
    assert len(noted(recorder)) == 1


def test_an_event_before_there_is_anything_to_note_it_on_goes_the_slow_way() -> None:
    class Bare(native.Events):  # type: ignore[misc, name-defined]  # a module that may not be there
        def _access_slowly(self, *facts: object) -> tuple[object, ...]:
            return facts

    bare = Bare()
    assert bare.access("key", "hit") == ("key", "hit", None, None, None, None)
    for wrong in (
        (contextvars.ContextVar("x"), dict, 1, 9),
        (contextvars.ContextVar("x"), list, 1, 9),
        (None, list, 1, 9),
    ):
        with pytest.raises(TypeError):
            bare._note_on(*wrong)
    assert bare.access("key", "hit")[0] == "key"


def test_rows_of_a_full_tape_are_cut_off() -> None:
    from perflab.config import RecordSettings

    recorder = Recorder(settings=RecordSettings(chunk_rows=16))
    for number in range(100):
        recorder.access(number, "miss")
        assert len(recorder.tapes.tape().events) < 16
    assert [row[0] for row in noted(recorder)] == [str(number) for number in range(100)]


def test_events_keep_no_reference_too_many() -> None:
    recorder, key = Recorder(), ("a key", 1)
    recorder.access(key, "set")
    recorder.settle()
    before = sys.getrefcount(key)
    for _ in range(1_000):
        recorder.access(key, "set", None, 3, 0.1)
    recorder.settle()
    assert sys.getrefcount(key) == before


class Value:
    """Something that can be seen to go."""


@pytest.mark.parametrize("policy", ["lru", "fifo", "sieve", "s3fifo"])
def test_what_leaves_goes_at_once_and_what_stays_has_no_reference_too_many(policy: str) -> None:
    gc.collect()
    cache = MemoryCache(max_entries=4, policy=policy)
    values = [Value() for _ in range(12)]
    gone = [weakref.ref(value) for value in values]
    for number, value in enumerate(values):
        cache[number] = value
    for number in range(8, 12):  # replaced by themselves
        cache[number] = values[number]
    del value
    held = {number for number in range(12) if number in cache}
    assert {sys.getrefcount(values[number]) for number in held} == {sys.getrefcount(values[min(held)])}
    values.clear()
    assert {number for number, reference in enumerate(gone) if reference() is not None} == held
    cache.clear()
    assert not any(reference() for reference in gone)


def test_entries_are_those_that_their_class_makes() -> None:
    stock = MemoryCache(max_entries=4)._stock
    made, wanted = stock.new_entry("key", "value", 8), Entry("key", "value", 8)
    fields = ("key", "value", "nbytes", "expires", "facts", "code", "deadline")
    assert [getattr(made, field) for field in fields] == [getattr(wanted, field) for field in fields]
    assert (type(made), gc.is_tracked(made)) == (Entry, True)
    with pytest.raises(TypeError, match="a key, a value and a size"):
        stock.new_entry("key", "value")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="an event and a reason"):
        stock._store_plain(made)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="no slot 'key'"):
        native.Store()._holds_entries(Value, NO_FACTS, 1.0)
    assert native.Store()._store_plain(made, None, None) is None


def test_an_error_of_a_policy_or_of_the_recorder_reaches_the_caller() -> None:
    cache = MemoryCache(max_entries=1, policy="sieve")
    cache["a"] = 1
    stock: Any = cache._stock

    def fail(*_: object) -> None:
        raise ValueError("no victim")

    stock._victim = fail
    with pytest.raises(ValueError, match="no victim"):
        cache["b"] = 2
    assert list(cache.hot) == ["a"]
    stock._access = fail
    with pytest.raises(ValueError, match="no victim"):
        MemoryCache.set(cache, "a", 3)


def test_who_stores_the_same_key_while_room_is_made_for_it_does_not_leave_two() -> None:
    cache = MemoryCache(max_entries=2)
    cache["a"], cache["b"] = 1, 2

    def also(key: object, _: object) -> None:
        if key == "a":
            cache["c"] = "from within"

    cache.on_evict = also
    cache["c"] = "from without"
    assert len(cache) == len(list(cache)) == len(list(cache._stock.order)) <= 2
    assert cache["c"] in ("from within", "from without")
    assert cache.nbytes == sum(entry.nbytes for entry in cache.entries())


def test_many_threads_store_and_the_books_balance() -> None:
    cache = MemoryCache(max_entries=50)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)

    def work(start: int) -> None:
        for number in range(2_000):
            cache[(start + number) % 170] = number
            cache.get(number % 170)

    try:
        threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 170, 40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert len(cache) == len(list(cache._stock.order)) == len(cache.hot) == 50
    assert cache.nbytes == sum(entry.nbytes for entry in cache.entries())


def test_without_the_module_nothing_is_stored_in_c() -> None:
    store = PythonStore()
    store._holds_entries(Entry, NO_FACTS, float("inf"))
    assert isinstance(store.new_entry("key", 1, 8), Entry)
    assert store._store_plain(Entry("key", 1, 8), "set", None) is None
