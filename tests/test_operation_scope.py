"""The module in C that begins and ends operations, against the same in Python and callers who use it wrongly."""

from __future__ import annotations

import contextvars
import gc
import itertools
import math
import mmap
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perflab.errors import PerflabError
from perflab.record import Operation, Recorder
from perflab.record.flight import FIRST_SLOT, RING, FlightRing, begin_text
from perflab.record.flight_read import FlightEvent, read_ring
from perflab.record.slots import CODES, PythonSlots

native = pytest.importorskip("perflab._operations", reason="perflab._operations is not built: there was no C compiler")

LONG = "k" * 300


class Home:
    """What an operation needs of a recorder, and no more."""

    def __init__(self, begin: Callable[[Any], None] | None = None) -> None:
        self.current: contextvars.ContextVar[Any] = contextvars.ContextVar("current")
        self.begin = begin
        self.finished: list[Any] = []

    def finish(self, operation: Any) -> None:
        self.finished.append(operation)


def scopes(slots: type, view: mmap.mmap, events: list[tuple[int, bytes, int, float]]) -> bytes:
    ring = slots()
    ring._map(view, 64, 3, 64, itertools.count(7).__next__)
    for event in events:
        ring._put(*event)
    ring._unmap()
    return view[:]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 8])
def test_slots_are_the_bytes_that_python_writes(count: int) -> None:
    texts = [b"", b"parse", b"a" * 21, b"a" * 22, b"a" * 300, b"\0", "é€🙂".encode(), b"last"]
    events = [(code % 5 + 1, text, code - 2, code / 4) for code, text in enumerate(texts)][:count]
    size = 64 + 3 * 64
    assert scopes(native.Slots, mmap.mmap(-1, size), events) == scopes(PythonSlots, mmap.mmap(-1, size), events)


@pytest.mark.parametrize("key", [None, "a.py", "", LONG, "é.py", "\0", 7, ("a", 1), b"x"])
@pytest.mark.parametrize("name", ["parse", "", LONG, "größer"])
def test_an_operation_in_the_ring_reads_as_python_would_write_it(tmp_path: Path, name: str, key: object) -> None:
    ring = FlightRing(tmp_path / RING)
    home = Home(ring.began)
    with Operation(name, key, home) as operation:
        pass
    ring.ended(operation)
    ring.write("begin", begin_text(name, key), operation.number)
    ring.write("end", name, operation.number, operation.duration_s)
    told = [(event.kind, event.text, event.number, event.duration_s) for event in read_ring(ring.path).events]
    assert told[:2] == told[2:]


def test_one_that_failed_is_told_as_failed(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path / RING)
    operation = Operation("parse", None, Home())
    with pytest.raises(ZeroDivisionError), operation:
        _ = 1 / 0
    ring.ended(operation)
    (event,) = read_ring(ring.path).events
    assert isinstance(event, FlightEvent)
    assert (event.kind, event.number, event.duration_s) == ("failed", operation.number, operation.duration_s)


def test_an_odd_name_or_duration_goes_the_slow_way_and_ends_nothing(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path / RING)
    odd: Any = Operation(7, None, Home())  # type: ignore[arg-type]  # on purpose
    ring.began(odd)
    ring.ended(odd)
    odd.name, odd.duration_s = "named", 10**400
    ring.ended(odd)
    odd.duration_s = 3
    ring.ended(odd)
    assert [(event.text, event.duration_s) for event in read_ring(ring.path).events][-1] == ("named", 3.0)
    assert ring.missed == 3


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((b"not writable", 0, 1, 64, None), BufferError),
        ((bytearray(100), 64, 1, 64, None), ValueError),
        ((bytearray(200), -1, 1, 64, None), ValueError),
        ((bytearray(200), 0, 0, 64, None), ValueError),
        ((bytearray(200), 0, 1, 42, None), ValueError),
        ((bytearray(200), 0, 2**62, 64, None), ValueError),
        ((bytearray(200), 300, 1, 64, None), ValueError),
        ((7, 0, 1, 64, None), TypeError),
    ],
)
def test_what_cannot_be_mapped_is_refused_and_the_ring_stays_off(arguments: Any, error: type[Exception]) -> None:
    slots = native.Slots()
    with pytest.raises(error):
        slots._map(*arguments)
    assert not slots.on
    slots._put(1, b"x", 1, 0.5)
    slots.began(Operation("x", None, Home()))
    slots.ended(Operation("x", None, Home()))


def test_a_ring_is_let_go_of_with_its_mapping() -> None:
    held = bytearray(FIRST_SLOT + 64)
    slots = native.Slots()
    slots._map(held, FIRST_SLOT, 1, 64, None)
    with pytest.raises(BufferError):
        held.append(1)
    slots._unmap()
    held.append(1)
    slots._map(held, FIRST_SLOT, 1, 64, None)
    del slots
    held.append(1)


def test_codes_are_those_of_python() -> None:
    assert {kind: code for kind, code in CODES.items() if code < 4} == {"begin": 1, "end": 2, "failed": 3}


def test_an_operation_starts_with_nothing_known() -> None:
    operation = Operation("parse", "a", Home())
    assert math.isnan(operation.duration_s)
    assert (operation.parent, operation.around, operation.tape, operation.ended_s) == (None, None, None, None)
    assert (operation.nbytes, operation.cache_hit, operation.error, operation.related_keys) == (None, None, None, ())
    assert operation.stream == ""


@pytest.mark.parametrize("arguments", [(), ("parse",), ("parse", "a"), ("parse", "a", Home(), 1)])
def test_an_operation_takes_name_key_and_home(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        Operation(*arguments)
    with pytest.raises(TypeError, match="by place"):
        Operation(name="parse", key=None, home=Home())  # type: ignore[call-arg]


def test_a_name_that_no_operation_has_is_refused() -> None:
    with pytest.raises(AttributeError):
        Operation("parse", None, Home()).n_bytes = 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("lacking", ["current", "begin", "finish"])
def test_a_home_that_lacks_something_is_told_of(lacking: str) -> None:
    home: Any = Home()
    delattr(home, lacking) if lacking != "finish" else setattr(home, "finish", None)
    with pytest.raises((AttributeError, TypeError)), Operation("parse", None, home):
        pass


def test_errors_of_a_home_reach_the_caller() -> None:
    def fail(operation: object) -> None:
        raise PerflabError(f"no room for {operation!r}")

    with pytest.raises(PerflabError), Operation("parse", None, Home(fail)):
        pass
    home = Home()
    home.finish = fail  # type: ignore[method-assign]
    with pytest.raises(PerflabError), Operation("parse", None, home):
        pass


def test_what_holds_no_operation_is_refused_by_name() -> None:
    class Odd:
        operation = 7

    home = Home()
    home.current.set(Odd())
    with pytest.raises(TypeError, match="not 7"), Operation("parse", None, home):
        pass
    home.current.set(7)
    with pytest.raises(AttributeError, match="operation"), Operation("parse", None, home):
        pass


def test_exit_takes_three() -> None:
    operation = Operation("parse", None, Home())
    operation.__enter__()
    with pytest.raises(TypeError, match="not 1"):
        operation.__exit__(None)  # type: ignore[call-arg]
    operation.__exit__(None, None, None)


def test_operations_of_a_cycle_are_collected() -> None:
    recorder = Recorder()
    with recorder.operation("outer") as outer, recorder.operation("inner", key=recorder) as inner:
        inner.related_keys = (outer, inner)
    outer.around = inner
    gone = weakref.ref(recorder)
    del recorder, outer, inner
    gc.collect()
    assert gone() is None


def test_nothing_is_left_of_operations_that_are_gone() -> None:
    home = Home(FlightRing.__new__(FlightRing).began)
    key, name = object(), "".join(["na", "me"])

    def work() -> None:
        for _ in range(100):
            with Operation(name, key, home):
                pass
            with pytest.raises(ZeroDivisionError), Operation(name, key, home):
                _ = 1 / 0
        home.finished.clear()

    work()
    before = sys.getrefcount(key), sys.getrefcount(name), sys.getrefcount(home)
    for _ in range(3):
        work()
    gc.collect()
    assert (sys.getrefcount(key), sys.getrefcount(name), sys.getrefcount(home)) == before
