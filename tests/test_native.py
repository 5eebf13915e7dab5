"""The module in C against the same in Python, and against callers who use it wrongly."""

from __future__ import annotations

import gc
import importlib.util
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.cache import Entry, MemoryCache, TieredCache, TTLCache
from perflab.record import Recorder
from perflab.record.assemble import _between, _numbered
from perflab.record.tape import _unzipped

native = pytest.importorskip("perflab._native", reason="perflab._native is not built: there was no C compiler")


def make() -> TieredCache:
    recorder = Recorder()
    cache = TieredCache(MemoryCache(10**6, recorder=recorder), TTLCache(0, recorder=recorder), None, recorder)
    cache["a"] = cache[1] = "value"
    return cache


class Plain:
    """An entry whose attributes lie in a dict."""

    def __init__(self) -> None:
        self.code = 0


def entries_of(numbered: tuple[list[Any], Any], batches: list[list[Any]]) -> bool:
    """Tell if each hit's number is the place of its entry, and each entry has one place."""
    distinct, codes = numbered
    hits = [hit for batch in batches for hit in batch]
    places = list(memoryview(codes).cast("B").cast("i"))
    return len({id(entry) for entry in distinct}) == len(distinct) and all(
        distinct[place] is hit for place, hit in zip(places, hits, strict=True)
    )


@given(st.lists(st.lists(st.integers(0, 9), max_size=20), max_size=5), st.lists(st.integers(-1, 12), min_size=10))
def test_hits_get_the_numbers_of_their_entries_whatever_was_counted_before(
    drawn: list[list[int]], codes: list[int]
) -> None:
    pool: list[Any] = [Plain() if place % 3 == 0 else Entry(place, place, 8) for place in range(10)]
    for entry, code in zip(pool, codes, strict=False):
        entry.code = code
    batches = [[pool[place] for place in batch] for batch in drawn]
    assert entries_of(native.numbered(batches), batches)
    again = batches[::-1]
    assert entries_of(native.numbered(again), again)
    assert entries_of(_numbered(batches), batches)
    assert {id(entry) for entry in native.numbered(batches)[0]} == {id(entry) for entry in _numbered(batches)[0]}


@pytest.mark.parametrize("batches", [(), [()], None, [[object()]], [["text"]]])
def test_what_are_no_lists_of_entries_is_refused(batches: Any) -> None:
    with pytest.raises((TypeError, AttributeError)):
        native.numbered(batches)


@given(st.lists(st.floats(allow_nan=False)), st.integers(0, 3))
def test_pairs_come_apart_as_they_do_in_python(times: list[float], more: int) -> None:
    items = [item for when in times for item in (when, object())]
    rows = max(0, len(times) - more)
    entries, found = native.unzipped(items, rows)
    wanted, in_python = _unzipped(items, rows)
    assert (entries, bytes(found)) == (wanted, in_python.tobytes())


@pytest.mark.parametrize("wrong", [([1.0, "a"], 2), ([1.0, "a"], -1), ([1, "a"], 1), ((1.0, "a"), 1), ([], 1)])
def test_what_are_no_pairs_is_refused(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        native.unzipped(*wrong)


rising = st.lists(
    st.tuples(st.integers(-30, 200).map(lambda tenths: tenths / 10), st.floats(0, 9)), min_size=1, max_size=9
)


@given(rising, st.integers(0, 16))
def test_times_between_those_that_were_read_are_as_in_python(known: list[tuple[float, float]], rows: int) -> None:
    where, reads = map(np.array, zip(*sorted(dict(known).items()), strict=True))
    found = np.frombuffer(native.between(where, reads, rows))
    np.testing.assert_allclose(found, np.frombuffer(_between(where, reads, rows)), rtol=1e-12, atol=1e-12)


def test_several_places_that_are_one_are_left_out_between_the_others() -> None:
    where, reads = np.array([0.0, 2.0, 2.0, 4.0]), np.array([0.0, 2.0, 6.0, 8.0])
    assert np.frombuffer(native.between(where, reads, 5)).tolist() == [0.0, 1.0, 6.0, 7.0, 8.0]


@pytest.mark.parametrize(
    "wrong", [(b"", b"", 1), (bytes(8), bytes(16), 1), (bytes(9), bytes(9), 1), (bytes(8), bytes(8), -1)]
)
def test_times_that_are_not_one_for_each_place_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="as many places as times"):
        native.between(*wrong)


def test_a_read_takes_what_the_method_of_a_dict_takes_and_a_named_default() -> None:
    cache = make()
    assert cache.get("a") == cache.get("a", None) == cache.get(key="a") == cache["a"] == "value"
    assert [cache.get("b"), cache.get("b", 7), cache.get("b", default=8), cache.get(default=9, key="b")] == [
        None,
        7,
        8,
        9,
    ]
    for wrong in (
        cache.get,
        lambda: cache.get("a", 1, 2),
        lambda: cache.get("a", key="a"),
        lambda: cache.get("a", x=1),
    ):
        with pytest.raises(TypeError, match=r"get\(\) takes a key and a default"):
            wrong()
    for read in (cache.get, cache.__getitem__):
        with pytest.raises(TypeError, match="unhashable"):
            read([])


def test_a_read_before_the_cache_is_made_finds_nothing() -> None:
    class Bare(native.Reads):  # type: ignore[misc, name-defined]  # a module that may not be there
        def _look(self, key: object, default: object) -> tuple[object, object]:
            return key, default

    assert Bare().get("a", 5) == ("a", 5)
    with pytest.raises(TypeError, match="'key', 'value' and 'expires'"):
        Bare()._watch({}, {}, Recorder().current, Plain, 10, True)


def test_an_error_of_the_slow_way_reaches_the_caller() -> None:
    cache = make()
    cache.close()
    with pytest.raises(Exception, match="closed"):
        cache.get("a")
    with pytest.raises(Exception, match="closed"):
        cache["a"]


def test_reads_keep_no_reference_too_many_and_drop_none() -> None:
    cache = make()
    value = object()
    cache["k"] = value
    cache.get("k")
    cache.recorder.settle()
    before = sys.getrefcount(value), sys.getrefcount(cache.l1.peek("k")), sys.getrefcount(None)
    for _ in range(10_000):
        cache.get("k")
        cache["k"]
        cache.get("absent")
    cache.recorder.settle()
    after = sys.getrefcount(value), sys.getrefcount(cache.l1.peek("k")), sys.getrefcount(None)
    assert after[:2] == before[:2]
    assert abs(after[2] - before[2]) < 5_000


def loaded_anew() -> Any:
    spec = importlib.util.spec_from_file_location("perflab._native", native.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_module_that_is_loaded_once_more_refuses_by_the_same_sign() -> None:
    cache = make()
    assert loaded_anew().REFUSED is native.REFUSED
    with pytest.raises(KeyError):
        cache["absent"]


class Stranger:
    """A class whose attributes are slots of another class, which its instances do not have."""

    __slots__ = ()
    code = Entry.code
    key = Entry.key
    value = Entry.value


def test_slots_of_another_class_are_no_places_in_an_instance() -> None:
    with pytest.raises(TypeError, match="doesn't apply to a 'Stranger' object"):
        native.numbered([[Stranger()]])

    class Bare(native.Reads):  # type: ignore[misc, name-defined]  # a module that may not be there
        pass

    with pytest.raises(TypeError, match="'key', 'value' and 'expires'"):
        Bare()._watch({}, {}, Recorder().current, Stranger, 10, True)


def test_an_interrupt_while_a_hit_is_timed_is_not_lost() -> None:
    asked = []

    class Key:
        def __hash__(self) -> int:
            return 7

        def __eq__(self, other: object) -> bool:
            asked.append(other)
            if len(asked) == 2:  # the first finds the entry, the second is the repetition that is timed
                raise KeyboardInterrupt
            return isinstance(other, Key)

    class Bare(native.Reads):  # type: ignore[misc, name-defined]  # a module that may not be there
        _after_hit = len

    recorder = Recorder()
    tape, bare = recorder.tapes.tape(), Bare()
    bare._watch({Key(): Entry(Key(), "value", 8)}, {}, recorder.current, Entry, 10, True)
    with pytest.raises(KeyboardInterrupt):
        bare.get(Key())
    bare._due_s = float("inf")
    assert bare.get(Key()) == "value"
    assert tape.rows == 2


def test_reads_watch_one_dict() -> None:
    class Bare(native.Reads):  # type: ignore[misc, name-defined]  # a module that may not be there
        pass

    bare = Bare()
    bare._watch({}, {}, Recorder().current, Entry, 10, True)
    with pytest.raises(RuntimeError, match="watch one dict"):
        bare._watch({}, {}, Recorder().current, Entry, 10, True)


def unzipped_while_garbage_is_collected(after: int) -> tuple[int, int] | None:
    """Take pairs apart while whatever comes after so many new objects drops them; None if that came before."""
    items = [item for place in range(1000) for item in (float(place), object())]
    usual = gc.get_threshold()
    gc.collect()  # it also drops the lists that would be used again
    gc.disable()
    lists = [[] for _ in range(200)]  # type: ignore[var-annotated]  # of nothing
    gc.callbacks.append(lambda *_: items.clear())
    gc.set_threshold(gc.get_count()[0] + after)
    gc.enable()
    try:
        entries, times = native.unzipped(items, 1000)
    except ValueError:
        return None
    finally:
        gc.set_threshold(*usual)
        gc.callbacks.pop()
        lists.clear()
    return len(entries), len(times)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="garbage is collected between instructions alone")
def test_pairs_that_leave_while_garbage_is_collected_are_not_read() -> None:
    gc.freeze()  # for good, as in conftest.py
    found: set[tuple[int, int] | None] = set()
    for _ in range(50):  # threads of other tests make objects too
        found |= {unzipped_while_garbage_is_collected(after) for after in range(12)}
        if (0, 0) in found:
            break
    assert (0, 0) in found
    assert found <= {None, (0, 0), (1000, 8000)}


def test_entries_that_leave_while_they_are_numbered_are_not_read() -> None:
    class Leaving:
        @property
        def code(self) -> int:
            batches.clear()
            batch.clear()
            return -1

        @code.setter
        def code(self, code: int) -> None:
            self.number = code

    batch: list[Any] = [Leaving() for _ in range(3)]
    batches = [batch, [Leaving()]]
    del batch
    batch = batches[0]
    with pytest.raises(RuntimeError, match="removed while they were numbered"):
        native.numbered(batches)
