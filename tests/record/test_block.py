"""Blocks: rows of tapes as arrays, held against a plain list of the same rows."""

from __future__ import annotations

import gc
import itertools
import os
import re
import subprocess
import sys
import tracemalloc
from array import array
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.config import RecordSettings
from perflab.record import Recorder, happened
from perflab.record.arrow import as_text
from perflab.record.assemble import assemble, number
from perflab.record.block import Block
from perflab.record.happened import Event, EventRows
from perflab.record.tape import Segment, Timestamps

MODES: tuple[Timestamps, ...] = ("exact", "chunk", "off")
ZERO_NS = 1_790_000_000_000_000_000
US = 1_000_000


class Found:
    """A hit."""

    def __init__(self, key: object, nbytes: int = 10) -> None:
        self.key, self.nbytes, self.code = key, nbytes, 0


class Work:
    """What a segment says of its operation."""

    def __init__(self, number: int) -> None:
        self.name, self.number = f"operation-{number}", number


def segment(
    rows: list[tuple[str, float]], *, begun: float = 0.0, operation: int | None = None, stream: str = "main"
) -> Segment:
    """Return a segment of rows `(name, seconds)`; an upper-case name is an event, any other a hit."""
    hits = [(name, when) for name, when in rows if not name.isupper()]
    events: list[Event] = []
    for place, (name, when) in enumerate(rows):
        if name.isupper():
            events.append((place - len(events), when, name, "miss", None, None, None, None))
    ended = max([begun, *(when for _, when in rows)])
    times = array("d", [when for _, when in hits])
    work: Any = None if operation is None else Work(operation)
    return Segment([Found(name) for name, _ in hits], times, [], happened.rows_of(events), work, stream, begun, ended)


def block_of(segments: list[Segment], mode: Timestamps = "exact", sample_ratio: float = 1.0) -> Block:
    return assemble(segments, number(segments), "run", ZERO_NS, mode, sample_ratio)


def rows_of(block: Block) -> list[dict[str, Any]]:
    return [row for table in block.tables() for row in table.to_pylist()]


def seconds(row: dict[str, Any]) -> float:
    return float((row["t"].timestamp() * US - ZERO_NS / 1_000) / US)


@st.composite
def tapes(draw: st.DrawFn) -> list[Segment]:
    """Segments of some threads, which took turns at distinct times."""
    clock = itertools.count(1)
    names = st.sampled_from(["a", "b", "c", "A", "B"])
    streams = draw(st.lists(st.integers(0, 3), min_size=1, max_size=40))
    rows: dict[int, list[tuple[str, float]]] = {}
    for stream in streams:
        rows.setdefault(stream, []).append((draw(names), next(clock) / 4))
    return [
        segment(found, begun=found[0][1] - 0.125, operation=stream or None, stream=f"thread-{stream}")
        for stream, found in rows.items()
    ]


@settings(deadline=None)
@given(tapes())
def test_with_exact_times_rows_stand_in_order_of_time_each_with_what_it_had(segments: list[Segment]) -> None:
    expected = []
    for part in segments:
        times = iter(part.times)
        rows = [(next(times), hit.key, "hit", part) for hit in part.hits]
        rows += [(event[1], event[2], "miss", part) for event in part.events]
        expected += rows
    expected.sort(key=lambda row: row[0])
    found = rows_of(block_of(segments))
    assert [(row["key"], row["event"], row["stream"]) for row in found] == [
        (key, event, part.stream) for _, key, event, part in expected
    ]
    assert [seconds(row) for row in found] == pytest.approx([when for when, *_ in expected], abs=2e-6)
    assert [row["operation"] for row in found] == [part.operation and part.operation.name for *_, part in expected]
    assert [row["operation_id"] for row in found] == [part.operation and part.operation.number for *_, part in expected]
    assert not any(row["t_estimated"] for row in found)


@settings(deadline=None)
@given(st.lists(st.sampled_from("abAB"), min_size=1, max_size=40))
def test_an_estimated_time_lies_between_the_clock_reads_around_it(names: list[str]) -> None:
    part = segment([(name, place + 1.0) for place, name in enumerate(names)], begun=0.5)
    found = rows_of(block_of([part], "chunk"))
    assert [row["key"] for row in found] == names
    assert [row["t_estimated"] for row in found] == [not name.isupper() for name in names]
    for place, row in enumerate(found):
        before = next((at + 1.0 for at in range(place - 1, -1, -1) if names[at].isupper()), 0.5)
        after = next((at + 1.0 for at in range(place + 1, len(names)) if names[at].isupper()), float(len(names)))
        if row["t_estimated"]:
            assert before - 2e-6 <= seconds(row) <= max(before, after) + 2e-6
        else:
            assert seconds(row) == pytest.approx(place + 1.0, abs=2e-6)
    assert [seconds(row) for row in found] == sorted(seconds(row) for row in found)


def test_without_clock_reads_the_time_of_a_hit_is_missing_and_that_of_an_event_is_not() -> None:
    found = rows_of(block_of([segment([("a", 1.0), ("A", 2.0), ("a", 3.0)])], "off"))
    assert [row["t"] is None for row in found] == [True, False, True]
    assert not any(row["t_estimated"] for row in found)


@pytest.mark.parametrize("hours", [0.5, 1.1, 24, 24 * 400])
@pytest.mark.parametrize("mode", MODES)
def test_a_long_block_keeps_its_microseconds(hours: float, mode: Timestamps) -> None:
    last = hours * 3600 + 0.000_007
    found = rows_of(block_of([segment([("A", 1.0), ("a", 2.0), ("B", last)])], mode))
    assert [seconds(row) for row in found if row["key"] in "AB"] == pytest.approx([1.0, last], abs=2e-6)
    assert found[1]["t"] is None or seconds(found[0]) <= seconds(found[1]) <= seconds(found[2])


def test_one_key_of_several_sizes_is_one_text_with_its_own_size_each_time() -> None:
    big, small = Found("k", 2**40), Found("k", 1)
    evicted: Event = (3, 4.0, "k", "evict", "l1", 7, None, "capacity")
    part = Segment(
        [big, small, big], array("d", [1.0, 2.0, 3.0]), [], happened.rows_of([evicted]), None, "main", 0.0, 5.0
    )
    block = block_of([part])
    found = rows_of(block)
    assert [row["nbytes"] for row in found] == [2**40, 1, 2**40, 7]
    assert {row["key"] for row in found} == {"k"}
    (table,) = block.tables()
    assert table["key"].combine_chunks().dictionary.to_pylist() == ["k"]


@given(tapes(), st.sampled_from(MODES), st.integers(1, 5))
def test_cut_into_several_tables_the_rows_are_the_same(segments: list[Segment], mode: Timestamps, size: int) -> None:
    timed = [Segment(*part[:2], [(len(part.hits) - 1, 0.5)] if part.hits else [], *part[3:]) for part in segments]
    block = block_of(timed, mode)
    whole = rows_of(block)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("perflab.record.block._TABLE_ROWS", size)
        tables = list(block.tables())
        assert rows_of(block) == whole
    assert [table.num_rows for table in tables] == [min(size, len(whole) - at) for at in range(0, len(whole), size)]
    assert sum(row["duration_s"] is not None for row in whole) == sum(bool(part.hits) for part in segments)


def test_durations_go_to_their_hits() -> None:
    part = segment([("a", 1.0), ("A", 2.0), ("b", 3.0), ("c", 4.0)])
    timed = Segment(part.hits, part.times, [(0, 0.5), (2, 0.25)], part.events, None, "main", 0.0, 5.0)
    found = rows_of(block_of([segment([("x", 0.5)]), timed]))
    assert [(row["key"], row["duration_s"]) for row in found] == [
        ("x", None),
        ("a", 0.5),
        ("A", None),
        ("b", None),
        ("c", 0.25),
    ]


ODD_KEYS: list[object] = [
    "1",
    1,
    True,
    1.0,
    (1,),
    (1.0,),
    b"1",
    float("nan"),
    None,
    "",
    "\ud800",
    ("\udcff", None),
    "nul\0",
    "é",
    frozenset({1}),
]


@pytest.mark.parametrize("mode", MODES)
def test_odd_keys_are_told_by_their_text(mode: Timestamps) -> None:
    recorder = Recorder(settings=RecordSettings(timestamps=mode))
    for key in ODD_KEYS:
        recorder.access(key, "miss")
        recorder.tapes.tape().note(Found(key), recorder.clock.timer())
    table = recorder.rows("accesses")
    assert table["key"].to_pylist() == [as_text(key) for key in ODD_KEYS for _ in range(2)]
    assert table["event"].to_pylist() == ["miss", "hit"] * len(ODD_KEYS)


class Unprintable:
    """A key whose text cannot be had."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __repr__(self) -> str:
        raise self.error("no")


@pytest.mark.parametrize("error", [OSError, RecursionError, UnicodeError, MemoryError, AttributeError, LookupError])
def test_a_key_that_cannot_be_printed_says_so(error: type[Exception]) -> None:
    recorder = Recorder()
    recorder.access(Unprintable(error), "miss")
    assert recorder.rows("accesses")["key"].to_pylist() == [f"<Unprintable whose repr raised {error.__name__}>"]


class Reentrant:
    """A key whose text comes from the recorder that records it."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def __repr__(self) -> str:
        self.recorder.access("inside", "miss")
        with self.recorder.operation("printing"):
            self.recorder.access("inside", "miss")
        return f"{len(self.recorder.rows('operations'))} operations"


@pytest.mark.parametrize("look", [Recorder.settle, lambda recorder: recorder.rows("accesses")], ids=["settle", "look"])
def test_a_key_that_records_while_it_is_printed_loses_no_row(look: Callable[[Recorder], object]) -> None:
    recorder = Recorder()
    recorder.access("before", "miss")
    recorder.access(Reentrant(recorder), "miss")
    look(recorder)
    look(recorder)
    keys = recorder.rows("accesses")["key"].to_pylist()
    assert next(key for key in keys if key != "inside") == "before"
    assert sum(str(key).endswith("operations") for key in keys) == 1
    assert recorder.totals()["miss"] >= len(keys)


def test_a_huge_key_costs_its_digest() -> None:
    recorder = Recorder()
    for _ in range(20):
        recorder.access("x" * 2_000_000, "miss")
    recorder.settle()
    assert recorder._logs["accesses"].nbytes < 20_000


SAMPLED = """
import sys
from perflab.config import RecordSettings
from perflab.record import Recorder
recorder = Recorder(settings=RecordSettings(sample_ratio=float(sys.argv[1])))
for number in range(2_000):
    for key in eval(sys.argv[2]):
        recorder.access(key, "miss")
        recorder.access(key, "set", "l1", 1)
print("\\n".join(recorder.rows("accesses")["key"].to_pylist()))
"""


def sampled(hash_seed: int, ratio: float, keys: str) -> list[str]:
    """Return the keys that are recorded in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-c", SAMPLED, str(ratio), keys],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return run.stdout.splitlines()


def test_sampling_keeps_whole_keys_the_same_in_every_process() -> None:
    keys = '(f"page-{number}", number, ("a", number))'
    first, second = sampled(1, 0.25, keys), sampled(2, 0.25, keys)
    assert first == second
    kept = {key: first.count(key) for key in set(first)}
    assert set(kept.values()) == {2}
    assert 0.25 * 6_000 * 0.85 < len(kept) < 0.25 * 6_000 * 1.15


def test_sampling_keeps_the_same_sets_in_every_process() -> None:
    keys = '[frozenset((f"a{number}", f"b{number}", "c"))] if number < 200 else []'
    first, second = ({min(re.findall("a[0-9]+", key)) for key in sampled(seed, 0.5, keys)} for seed in (1, 2))
    assert first == second


@pytest.mark.parametrize("ratio", [1e-9, 0.3, 0.999_999, 1.0])
def test_a_sample_of_interleaved_operations_is_still_right(ratio: float) -> None:
    parts = [
        segment(
            [(f"k{place}", place + number / 10) for place in range(50)], operation=number or None, stream=f"s{number}"
        )
        for number in range(3)
    ]
    everything, found = rows_of(block_of(parts)), rows_of(block_of(parts, sample_ratio=ratio))
    kept = {row["key"] for row in found}
    assert found == [row for row in everything if row["key"] in kept]
    assert len(kept) <= 50


def test_rows_that_are_not_sampled_cost_no_memory() -> None:
    recorder = Recorder(settings=RecordSettings(sample_ratio=0.001))
    for place in range(20_000):
        recorder.access(f"key-{place}", "miss")
    recorder.settle()
    assert recorder._logs["accesses"].nbytes < 20_000 * 24


def retained(record: Callable[[Recorder, int], None], rows: int, mode: Timestamps) -> tuple[float, float]:
    """Return bytes a row that a block says it has, and those that Python says were allocated for it."""
    recorder = Recorder(settings=RecordSettings(timestamps=mode, memory_budget_bytes=10**9))
    recorder.access("first", "miss")
    recorder.settle()
    gc.collect()
    tracemalloc.start()
    try:
        record(recorder, rows)
        recorder.settle()
        gc.collect()
        allocated = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    return recorder._logs["accesses"].nbytes / rows, allocated / rows


def hit(recorder: Recorder, entries: Iterable[Found]) -> None:
    tape = recorder.tapes.tape()
    for place, entry in enumerate(entries):
        tape.note(entry, place / 1e6)
        if tape.rows >= recorder.tape_rows:
            recorder.cut()


def hits(recorder: Recorder, rows: int) -> None:
    entries = [Found(f"key-{place}") for place in range(500)]
    hit(recorder, (entries[place % 500] for place in range(rows)))


def hits_of_replaced_entries(recorder: Recorder, rows: int) -> None:
    hit(recorder, (Found(place % 500) for place in range(rows)))


def misses_of_new_texts(recorder: Recorder, rows: int) -> None:
    for place in range(rows):
        recorder.access(f"key-{place % 500}", "miss", None, None, 1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_a_retained_hit_is_at_most_24_bytes_and_the_block_says_what_it_has(mode: Timestamps) -> None:
    said, allocated = retained(hits, 100_000, mode)
    assert said <= 24
    assert allocated <= 24
    assert said == pytest.approx(allocated, rel=0.5)


@pytest.mark.parametrize("record", [misses_of_new_texts, hits_of_replaced_entries], ids=["misses", "replaced"])
def test_a_retained_row_of_a_known_key_needs_no_text_of_its_own(record: Callable[[Recorder, int], None]) -> None:
    said, allocated = retained(record, 100_000, "exact")
    assert said <= 40  # a timed row has 16 bytes more than a hit
    assert allocated <= 40


def test_retained_rows_of_contexts_that_take_turns_are_at_most_24_bytes() -> None:
    entries, rows = [Found("k")], 10_000
    parts = []
    for turn in range(2):
        work: Any = Work(turn + 1)
        times = array("d", [place + turn / 10 for place in range(rows)])
        parts.append(Segment(entries * rows, times, [], EventRows(), work, "main", 0.0, float(rows)))
    assert block_of(parts).nbytes / (2 * rows) <= 24


TOO_MUCH = [2**63, -(2**63) - 1, 2**70, float("inf"), float("nan")]


@pytest.mark.parametrize("nbytes", TOO_MUCH, ids=str)
def test_a_size_beyond_int64_breaks_no_later_read(nbytes: Any) -> None:
    recorder = Recorder()
    recorder.access("k", "reject", "l1", nbytes)
    recorder.access("k", "miss")
    assert recorder.rows("accesses")["event"].to_pylist() == ["reject", "miss"]


@pytest.mark.parametrize("odd", ["\ud800", 5], ids=["surrogate", "number"])
@pytest.mark.parametrize("place", ["operation", "reason"])
def test_an_odd_name_breaks_no_later_read(place: str, odd: Any) -> None:
    recorder = Recorder()
    if place == "operation":
        with recorder.operation(odd):
            recorder.access("k", "miss")
    else:
        recorder.access("k", "miss", reason=odd)
    assert recorder.rows("accesses")["key"].to_pylist() == ["k"]


def test_many_reasons_break_no_later_read() -> None:
    recorder = Recorder(settings=RecordSettings(chunk_rows=1 << 20))
    for place in range(2**16 + 1):
        recorder.access("k", "evict", "l1", reason=str(place))
    assert recorder.rows("accesses").num_rows == 2**16 + 1


def test_what_cannot_be_made_columns_at_once_is_not_lost() -> None:
    recorder = Recorder()
    recorder.access("k", "miss")
    recorder.access(Unprintable(KeyboardInterrupt), "miss")
    with pytest.raises(KeyboardInterrupt):
        recorder.settle()
    with pytest.raises(KeyboardInterrupt):
        recorder.settle()  # the rows are still there


def test_a_duration_whose_hit_is_gone_breaks_no_read() -> None:
    # `_after_hit` notes `len(tape) - 1`; another thread has cut the tape just before.
    recorder = Recorder()
    recorder.tapes.tape().timed.append((-1, 0.5))
    recorder.access("k", "miss")
    assert recorder.rows("accesses")["key"].to_pylist() == ["k"]
