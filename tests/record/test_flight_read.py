from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from perflab.record.flight import FIRST_SLOT, HEADER, MAGIC, RING, FlightRing
from perflab.record.flight_read import Flight, FlightEvent, flight_frame, last_words, open_operations, read_ring
from perflab.record.slots import slot_struct

SLOT = 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / RING


def small(path: Path, slots: int = 4) -> FlightRing:
    return FlightRing(path, slots=slots, slot_bytes=SLOT, clock=itertools.count(1_000).__next__)


def texts(path: Path) -> list[str]:
    return [event.text for event in read_ring(path).events]


def overwrite(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def filled(path: Path) -> None:
    ring = small(path)
    for number in range(6):
        ring.write("event", str(number))
    ring.close(keep=True)


@pytest.mark.parametrize("index", range(4))
def test_a_slot_of_garbage_is_left_out(path: Path, index: int) -> None:
    filled(path)
    before = texts(path)
    overwrite(path, FIRST_SLOT + index * SLOT, random.Random(index).randbytes(SLOT))
    found = read_ring(path)
    lost = {0: "4", 1: "5", 2: "2", 3: "3"}[index]
    assert [event.text for event in found.events] == [text for text in before if text != lost]
    assert found.problem == "1 of 4 slots of the flight ring are half-written or damaged"


@pytest.mark.parametrize("kept", [1, 7, 8, 12, 16, 24, 32, 33, 34, 40, SLOT - 8])
def test_a_half_written_slot_is_left_out(path: Path, kept: int) -> None:
    filled(path)
    # A slot is cleared, then filled from front to back.
    overwrite(path, FIRST_SLOT + kept, bytes(SLOT - kept))
    assert texts(path) == ["2", "3", "5"]


@pytest.mark.parametrize("kept", [1, 7, 8, 12, 16, 24, 32, 33, 34, 40, SLOT - 8])
def test_a_slot_of_two_events_is_left_out(path: Path, kept: int) -> None:
    filled(path)
    content = path.read_bytes()
    start = FIRST_SLOT + 2 * SLOT
    other = slot_struct(SLOT).pack(7, 1_006, 0, 0.0, 1, b"7", 7)
    overwrite(path, start, other[:kept] + content[start + kept : start + SLOT])
    assert texts(path) == ["3", "4", "5"]


def test_an_event_in_another_events_slot_is_left_out(path: Path) -> None:
    filled(path)
    overwrite(path, FIRST_SLOT, slot_struct(SLOT).pack(7, 1_006, 0, 0.0, 1, b"7", 7))
    assert texts(path) == ["2", "3", "5"]


def test_a_cleared_slot_counts_as_unused(path: Path) -> None:
    filled(path)
    overwrite(path, FIRST_SLOT, bytes(SLOT))
    assert (texts(path), read_ring(path).problem) == (["2", "3", "5"], None)


def test_an_event_that_a_turn_of_the_ring_overtook_is_left_out(path: Path) -> None:
    filled(path)
    overwrite(path, FIRST_SLOT, slot_struct(SLOT).pack(1, 5, 0, 0.0, 1, b"old", 1))
    assert texts(path) == ["2", "3", "5"]


def test_a_truncated_file_gives_its_whole_slots(path: Path) -> None:
    filled(path)
    os.truncate(path, FIRST_SLOT + 2 * SLOT + 10)
    found = read_ring(path)
    assert [event.text for event in found.events] == ["4", "5"]
    assert found.problem == "the flight ring's file ends after 2 of 4 slots"


@pytest.mark.parametrize("size", [0, 1, FIRST_SLOT - 1])
def test_a_file_without_a_whole_header_says_so(path: Path, size: int) -> None:
    filled(path)
    os.truncate(path, size)
    assert read_ring(path) == Flight(problem="the file is no flight ring")


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (b"PK\3\4", "the file is no flight ring"),
        (HEADER.pack(MAGIC, 2, 4, SLOT), "the flight ring has format 2; this perflab reads up to 1"),
        (HEADER.pack(MAGIC, 1, 0, SLOT), "the flight ring's header is damaged"),
        (HEADER.pack(MAGIC, 1, 2**32 - 1, SLOT), "the flight ring's header is damaged"),
        (HEADER.pack(MAGIC, 1, 4, 0), "the flight ring's header is damaged"),
        (HEADER.pack(MAGIC, 1, 4, 2**32 - 1), "the flight ring's header is damaged"),
    ],
    ids=("foreign", "newer", "no-slots", "many-slots", "no-bytes", "many-bytes"),
)
def test_a_foreign_header_says_what_is_wrong(path: Path, header: bytes, problem: str) -> None:
    filled(path)
    overwrite(path, 0, header)
    assert read_ring(path) == Flight(problem=problem)


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_can_be_read(path: Path, seed: int) -> None:
    source = random.Random(seed)
    path.write_bytes(HEADER.pack(MAGIC, 1, 512, 160).ljust(FIRST_SLOT, b"\0") + source.randbytes(512 * 160))
    found = read_ring(path)
    assert found == Flight(problem="512 of 512 slots of the flight ring are half-written or damaged")


def test_a_foreign_file_of_any_size_is_not_read_whole(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)
    assert read_ring(path).problem == "the file is no flight ring"
    overwrite(path, 0, HEADER.pack(MAGIC, 1, 4, SLOT))
    assert read_ring(path) == Flight()


def test_no_file_no_events(path: Path) -> None:
    assert read_ring(path) == Flight(problem="there is no flight ring")


@pytest.mark.parametrize(
    ("make", "problem"), [(os.mkfifo, "it is no regular file"), (os.mkdir, "is a directory")], ids=("pipe", "folder")
)
def test_what_is_no_file_is_not_waited_for(path: Path, make: Callable[[Path], None], problem: str) -> None:
    make(path)
    assert problem in str(read_ring(path).problem).lower()


def test_invalid_text_is_shown_as_far_as_it_can_be(path: Path) -> None:
    small(path).write("event", "x")
    overwrite(path, FIRST_SLOT, slot_struct(SLOT).pack(1, 5, 0, 0.0, 1, b"a\xff\xfeb", 1))
    assert texts(path) == ["a\ufffd\ufffdb"]


def event(kind: str, number: int, t: int = 0, text: str = "x") -> FlightEvent:
    return FlightEvent(t, kind, text, number, None)


@pytest.mark.parametrize(
    ("events", "numbers"),
    [
        ([], []),
        ([event("begin", 1)], [1]),
        ([event("begin", 1), event("end", 1)], []),
        ([event("begin", 1), event("failed", 1)], []),
        ([event("begin", 1), event("event", 1), event("warning", 1)], [1]),
        ([event("begin", 1), event("begin", 2), event("end", 1)], [2]),
        ([event("begin", 1), event("begin", 2), event("begin", 3), event("end", 3)], [1, 2]),
        ([event("end", 5), event("begin", 6)], [6]),
        ([event("event", 0)], []),
    ],
    ids=("none", "begun", "ended", "failed", "others", "tasks", "nested", "overwritten", "event"),
)
def test_open_operations_are_begins_without_an_end(events: list[FlightEvent], numbers: list[int]) -> None:
    assert [event.number for event in open_operations(events)] == numbers


def test_the_last_words_name_the_innermost_operations_first() -> None:
    flown = Flight(tuple(event("begin", number, number * 10**9, f"op{number}") for number in range(1, 6)))
    assert last_words(flown) == (
        "The program ended during: op5 (operation 5, begun 0 s before the last event); "
        "op4 (operation 4, begun 1.00 s before the last event); "
        "op3 (operation 3, begun 2.00 s before the last event); and 2 more."
    )


def test_a_clock_that_went_back_gives_no_negative_time() -> None:
    flown = Flight((event("begin", 1, 5 * 10**9), event("event", 1, 10**9)))
    assert last_words(flown) == "The program ended during: x (operation 1, begun 0 s before the last event)."


def test_the_last_words_of_a_program_between_operations() -> None:
    flown = Flight((event("begin", 1), event("end", 1, text="parse")))
    assert last_words(flown) == (
        "No operation among the program's last 2 events was open when it ended; the last event was: end parse."
    )


def test_the_last_words_without_events_say_why() -> None:
    assert last_words(Flight()) == "What the program did last is unknown: the flight ring has no events."
    gone = Flight(problem="there is no flight ring")
    assert last_words(gone) == "What the program did last is unknown: there is no flight ring."


def test_a_program_that_is_at_work_did_not_end() -> None:
    flown = Flight((event("begin", 1, text="parse"),))
    assert last_words(flown, running=True) == (
        "The program is still running; it is in: parse (operation 1, begun 0 s before the last event)."
    )
    assert last_words(Flight(problem="x"), running=True) == "The program is still running."


@pytest.mark.parametrize("events", [(), (FlightEvent(1_000, "end", "parse", 3, 0.5), event("event", 0))])
def test_the_frame_has_one_type_a_column_also_without_events(events: tuple[FlightEvent, ...]) -> None:
    frame = flight_frame(Flight(events, "torn"))
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "t": "datetime64[us, UTC]",
        "kind": "category",
        "text": "str",
        "operation_id": "Int64",
        "duration_s": "float64",
    }
    assert frame.attrs == {"units": {"t": "UTC", "duration_s": "s"}, "problem": "torn"}
    assert len(frame) == len(events)


def test_what_was_not_said_is_missing_in_the_frame() -> None:
    frame = flight_frame(Flight((FlightEvent(1_000, "end", "parse", 3, 0.5), event("event", 0))))
    assert frame["operation_id"].isna().tolist() == [False, True]
    assert frame["duration_s"].isna().tolist() == [False, True]
    assert frame["t"][0].value == 1_000
