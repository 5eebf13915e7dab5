"""The module in C that notes events and stores entries, against the same in Python and callers who use it wrongly."""

from __future__ import annotations

import contextvars
import gc
import sys
import threading
import weakref
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.cache import POLICIES, MemoryCache, entry_weight
from perflab.cache.entry import NO_FACTS, Entry
from perflab.cache.memory.plainly import PythonStore
from perflab.cache.policy.queues import PythonFIFO, PythonLRU
from perflab.cache.policy.s3fifo import PythonS3FIFO
from perflab.config import RecordSettings
from perflab.errors import StoreError
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
        native.use_entries(Value, NO_FACTS, 1.0)
    with pytest.raises(RuntimeError, match="one class of entries"):
        native.use_entries(Entry, NO_FACTS, 1.0)
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
    assert isinstance(store.new_entry("key", 1, 8), Entry)
    assert store._store_plain(Entry("key", 1, 8), "set", None) is None


QUEUES = {"fifo": PythonFIFO, "lru": PythonLRU, "s3fifo": PythonS3FIFO}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "set", "get", "del", "tag", "touch"]),
        st.integers(0, 9) | st.sampled_from(["a", "b"]),
        st.integers(0, 7),
    ),
    max_size=60,
)


@pytest.mark.parametrize("policy", QUEUES)
@settings(deadline=None)
@given(STEPS)
def test_what_is_done_in_one_go_is_what_python_does(policy: str, steps: list[tuple[str, Any, int]]) -> None:
    seen = []
    for chosen in (policy, QUEUES[policy]):
        recorder = Recorder()
        recorder.access("first", "miss")  # makes the tape
        cache = MemoryCache(20, max_entries=5, policy=chosen, weigh=lambda _, value: value, recorder=recorder)
        said: list[Any] = []
        for name, key, size in steps:
            if name == "set":
                cache[key] = size
            elif name == "get":
                said.append(cache.get(key))
            elif name == "del":
                said.append(cache.pop(key, None))
            elif name == "tag":
                said.append(cache.set(key, size, tags=["t"]))
            else:
                said.append(cache.touch(key, 1e9))
            assert cache.nbytes <= 20
            assert len(cache.hot) + len(cache._others) <= 5
        said.append([(entry.key, entry.value) for entry in cache.entries()])
        said.append([*noted(recorder), cache.nbytes, cache.invalidate(tag="t"), list(cache)])
        seen.append(said)
    assert seen[0] == seen[1]


PLAIN = st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.floats() | st.text() | st.binary()


@given(st.text() | st.integers(-(2**70), 2**70), PLAIN | st.lists(PLAIN))
def test_entries_weigh_what_python_says(key: Any, value: Any) -> None:
    cache = MemoryCache(10**9)
    cache[key] = value
    assert cache.nbytes == entry_weight(key, value)


@pytest.mark.parametrize(("weight", "held"), [(3, 3), (2.5, 3), (True, 1)])
def test_an_odd_weight_is_one_as_in_python(weight: Any, held: int) -> None:
    cache = MemoryCache(10, weigh=lambda *_: weight)
    cache["a"] = 1
    assert cache.nbytes == held


def test_a_weight_that_cannot_be_is_refused_and_changes_nothing() -> None:
    weights: list[Any] = [1]
    cache = MemoryCache(10, weigh=lambda *_: weights[-1])
    cache["a"] = 1
    for wrong in (-1, None, "x", float("nan")):
        weights.append(wrong)
        with pytest.raises(StoreError):
            cache["a"] = 2
    cache.weigh = lambda *_: 1 // 0
    with pytest.raises(ZeroDivisionError):
        cache["a"] = 2
    assert (cache.nbytes, cache["a"]) == (1, 1)
    cache.weigh = lambda *_: 1
    with pytest.raises(TypeError):
        cache[[]] = 1  # type: ignore[index]
    with pytest.raises(KeyError):
        del cache["b"]


def test_who_is_within_the_lock_is_waited_for() -> None:
    cache = MemoryCache(max_entries=2)
    stored = threading.Event()
    thread = threading.Thread(target=lambda: (cache.set("a", 1), stored.set()))
    with cache._lock:
        with cache._lock:
            thread.start()
            assert not stored.wait(0.05)
            cache["b"] = 2
        assert "a" not in cache.hot
    assert stored.wait(10)
    thread.join()
    assert sorted(cache) == ["a", "b"]
    assert cache._lock.held == 0
    with pytest.raises(RuntimeError):
        cache._lock.release()
    assert cache._lock.held == 0


@pytest.mark.parametrize("policy", ["lru", "s3fifo", "sieve"])
def test_a_value_that_uses_the_cache_when_it_goes_finds_it_whole(policy: str) -> None:
    cache = MemoryCache(max_entries=3, policy=policy)
    found: list[int] = []

    class Uses:
        def __del__(self) -> None:
            assert cache.nbytes == sum(entry.nbytes for entry in cache.entries())
            found.append(len(cache))
            cache.set(f"late {len(found)}", None)
            cache.get(0)

    for number in range(40):
        cache[number % 7] = Uses()
    for number in range(40):
        cache[number] = None
    assert len(found) == 40
    assert set(found) <= {2, 3}
    assert len(list(cache)) == len(list(cache._stock.order)) == 3
    assert cache.nbytes == sum(entry.nbytes for entry in cache.entries())


def test_a_value_that_fails_when_it_goes_is_stored_over(recwarn: pytest.WarningsRecorder) -> None:
    cache = MemoryCache(max_entries=1)
    for number in range(5):
        cache[number] = iter([number])
    assert list(cache) == [4]
    assert not recwarn


def test_rows_of_what_is_stored_in_one_go_are_cut_off_a_full_tape() -> None:
    recorder = Recorder(settings=RecordSettings(chunk_rows=16))
    cache = MemoryCache(max_entries=3, recorder=recorder)
    for number in range(200):
        cache[number] = number
        assert len(recorder.tapes.tape().events) <= 17
    rows = [(row[0], row[1]) for row in noted(recorder)]
    assert [key for key, event in rows if event == "set"] == [str(number) for number in range(200)]
    assert [key for key, event in rows if event == "evict"] == [str(number) for number in range(197)]


@pytest.mark.parametrize("policy", QUEUES)
def test_queues_refuse_what_would_break_them(policy: str) -> None:
    order: Any = POLICIES[policy]()
    entry, other = Entry("a", 1, 8), Entry("b", 1, 8)
    with pytest.raises(LookupError):
        order.victim()
    order.add(entry)
    for wrong in (entry, "a"):
        with pytest.raises((ValueError, TypeError)):
            order.add(wrong)
    with pytest.raises(ValueError, match="in no queue"):
        order.remove(other)
    order.use([other, "a", None, entry])
    with pytest.raises(TypeError):
        order.use(None)
    assert list(order) == [entry]
    entry.before = None
    with pytest.raises(ValueError, match="changed by others"):
        order.victim()
    with pytest.raises(TypeError):
        type(order)(1)


@pytest.mark.parametrize("policy", QUEUES)
def test_entries_outlive_their_queue_and_may_go_into_another(policy: str) -> None:
    entries = [Entry(number, Value(), 8) for number in range(5)]
    for _ in range(2):
        order: Any = POLICIES[policy]()
        for entry in entries:
            order.add(entry)
        assert list(order) == entries
        order.add(lost := Entry("x", value := Value(), 8))
        gone = weakref.ref(value)
        del order, lost, value, entry
        assert gone() is None


def test_a_class_that_extends_a_queue_is_asked() -> None:
    class Newest(POLICIES["lru"]):  # type: ignore[misc, valid-type]  # it is a class
        def victim(self) -> Entry:
            last: Entry = list(self)[-1]
            self.remove(last)
            return last

    cache = MemoryCache(max_entries=2, policy=Newest)
    cache.update(a=1, b=2, c=3)
    assert sorted(cache) == ["a", "c"]


@pytest.mark.parametrize("policy", QUEUES)
def test_an_entry_that_only_the_queue_knows_leaves_without_a_trace(policy: str) -> None:
    recorder = Recorder()
    cache = MemoryCache(max_entries=1, policy=policy, recorder=recorder)
    cache._stock.order.add(Entry("half in", 1, 8))  # as an interrupt may leave it
    cache.update(a=1, b=2)
    assert list(cache) == ["b"]
    assert cache.nbytes == cache.entries()[0].nbytes
    assert [row[0] for row in noted(recorder) if row[1] == "evict"] == ["a"]
