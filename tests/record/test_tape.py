"""Tapes: what is written on them comes off once, in order, whoever cuts them and when."""

from __future__ import annotations

import contextvars
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from perflab.record import Recorder
from perflab.record.tape import Segment, Tape, Timestamps
from perflab.record.tapes import Tapes
from perflab.record.uses import Uses

MODES: tuple[Timestamps, ...] = ("exact", "chunk", "off")


class Found:
    """A hit."""

    def __init__(self, key: str) -> None:
        self.key, self.nbytes, self.code = key, 1, 0


class Timer:
    """Counts its reads; `next_read`, if set, is called once before the next one."""

    def __init__(self) -> None:
        self.now = 0.0
        self.next_read: Callable[[], object] | None = None

    def __call__(self) -> float:
        call, self.next_read = self.next_read, None
        if call is not None:
            call()
        self.now += 1.0
        return self.now


def note(tape: Tape, *keys: str) -> None:
    for key in keys:
        tape.note(Found(key), float(tape.rows))


def miss(tapes: Tapes, key: str) -> None:
    tapes.event(key, "miss", None, None, None, None)


def keys(segments: list[Segment]) -> list[str]:
    """Return the keys of hits, and of events in brackets, each segment in its order."""
    found = []
    for segment in segments:
        row: list[tuple[float, str]] = [(place + 0.5, hit.key) for place, hit in enumerate(segment.hits)]
        row += [(event[0], f"({event[2]})") for event in segment.events]
        found += [name for _, name in sorted(row, key=lambda pair: pair[0])]
    return found


def pulled(tapes: Tapes, uses: Uses) -> str:
    return "".join(hit.key for batch in tapes.pull(uses) for hit in batch)


def take(tapes: Tapes) -> list[Segment]:
    """Remove and return what was cut off so far."""
    segments = list(tapes._segments)
    tapes.remove(segments)
    return segments


@pytest.mark.parametrize("mode", MODES)
def test_what_is_taken_is_gone_and_what_is_looked_at_stays(mode: Timestamps) -> None:
    tapes = Tapes(Timer(), mode)
    note(tapes.tape(), "a")
    miss(tapes, "b")
    note(tapes.tape(), "c")
    assert keys(tapes.look()) == keys(tapes.look()) == ["a", "(b)", "c"]
    tapes.cut(tapes.tape())
    note(tapes.tape(), "d")
    assert keys(tapes.look()) == ["a", "(b)", "c", "d"]
    assert tapes.rows == 3
    assert keys(take(tapes)) == ["a", "(b)", "c"]
    assert tapes.rows == 0
    assert keys(tapes.look()) == ["d"]
    assert tapes.counts() == {"hit": 3, "miss": 1}


def test_an_empty_tape_makes_no_segment() -> None:
    tapes = Tapes(Timer())
    tapes.tape()
    tapes.cut(tapes.tape())
    tapes.cut_all()
    assert tapes.look() == take(tapes) == []
    assert tapes.counts() == {}


def test_each_thread_has_a_tape_and_keeps_it() -> None:
    tapes = Tapes(Timer())
    mine, found = tapes.tape(), []

    def look() -> None:
        first = tapes.tape()
        contextvars.Context().run(lambda: found.append(tapes.tape() is first))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [True]
    assert contextvars.Context().run(tapes.tape) is mine


@pytest.mark.parametrize("mode", MODES)
def test_the_rows_of_a_thread_that_ended_are_there(mode: Timestamps) -> None:
    tapes = Tapes(Timer(), mode)

    def work() -> None:
        note(tapes.tape(), "a")
        miss(tapes, "b")

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    thread.join()
    assert keys(tapes.look()) == ["a", "(b)"]
    assert [segment.stream for segment in tapes.look()] == ["worker"]


def test_a_worker_process_names_every_stream() -> None:
    tapes = Tapes(Timer(), stream="worker-3")
    miss(tapes, "a")
    assert tapes.look()[0].stream == "worker-3"


@pytest.mark.parametrize("cuts", [0, 1, 3])
def test_a_follower_is_told_each_hit_once_and_in_order(cuts: int) -> None:
    tapes = Tapes(Timer())
    first, second = tapes.follow(), tapes.follow()
    note(tapes.tape(), "a", "b")
    for _ in range(cuts):
        tapes.cut(tapes.tape())
    assert pulled(tapes, first) == "ab"
    note(tapes.tape(), "c")
    for _ in range(cuts):
        tapes.cut(tapes.tape())
    note(tapes.tape(), "d")
    assert pulled(tapes, first) == "cd"
    assert pulled(tapes, first) == ""
    assert pulled(tapes, second) == "abcd"


def test_a_follower_begins_where_it_began() -> None:
    tapes = Tapes(Timer())
    early = tapes.follow()
    note(tapes.tape(), "a")
    tapes.pull(early)
    late = tapes.follow()
    note(tapes.tape(), "b")
    assert pulled(tapes, late) == "b"


def test_a_follower_ends_with_its_last_reference() -> None:
    tapes = Tapes(Timer())
    uses = tapes.follow()
    ended = weakref.ref(uses)
    note(tapes.tape(), "a")
    tapes.cut(tapes.tape())
    del uses
    assert ended() is None
    note(tapes.tape(), "b")
    assert pulled(tapes, tapes.follow()) in ("", "b")


def test_nested_operations_are_told_in_order() -> None:
    recorder = Recorder()
    tapes = recorder.tapes
    uses = tapes.follow()
    note(tapes.tape(), "a")
    with recorder.operation("outer"):
        note(tapes.tape(), "b")
        with recorder.operation("inner"):
            note(tapes.tape(), "c")
        note(tapes.tape(), "d")
        with recorder.operation("second"):
            note(tapes.tape(), "e")
        note(tapes.tape(), "f")
    note(tapes.tape(), "g")
    assert pulled(tapes, uses) == "abcdefg"


def test_to_forget_drops_everything_and_frees_the_lock() -> None:
    tapes = Tapes(Timer())
    uses = tapes.follow()
    note(tapes.tape(), "a", "b")
    tapes.cut(tapes.tape())
    note(tapes.tape(), "c")
    miss(tapes, "d")
    take(tapes)
    note(tapes.tape(), "e")
    held = tapes.lock
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with held:
            taken.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    tapes.forget()
    assert tapes.counts() == {}
    assert pulled(tapes, uses) == ""
    note(tapes.tape(), "f")
    assert keys(tapes.look()) == ["f"]
    done.set()
    thread.join()


def test_tapes_are_garbage_although_a_tape_is_current_in_the_main_context() -> None:
    tapes = Tapes(Timer())
    note(tapes.tape(), "a")
    ended = weakref.ref(tapes)
    del tapes
    gc.collect()
    assert ended() is None


def test_durations_stay_with_their_hits_when_another_thread_cuts() -> None:
    tapes = Tapes(Timer(), "chunk")
    tape = tapes.tape()
    note(tape, "a", "b")
    tape.timed.append((1, 0.5))
    tapes.cut(tape)
    note(tape, "c")
    tape.timed.append((0, 0.7))
    assert [segment.timed for segment in tapes.look()] == [[(1, 0.5)], [(0, 0.7)]]


def test_a_thread_that_ends_while_somebody_looks_is_counted_once() -> None:
    timer = Timer()
    tapes = Tapes(timer)
    miss(tapes, "main")
    ready, end = threading.Event(), threading.Event()

    def work() -> None:
        miss(tapes, "worker")
        ready.set()
        end.wait()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()

    def end_thread() -> None:
        end.set()
        thread.join()

    def at_the_second_tape() -> None:
        timer.next_read = end_thread

    timer.next_read = at_the_second_tape
    assert sorted(keys(tapes.look())) == ["(main)", "(worker)"]


def test_an_event_during_which_the_tape_is_cut_stands_before_what_came_after_it() -> None:
    timer = Timer()
    tapes = Tapes(timer, "chunk")
    note(tapes.tape(), "a", "b")
    timer.next_read = tapes.cut_all  # another thread's, between the two arguments of the append
    miss(tapes, "event")
    note(tapes.tape(), "c", "d")
    assert keys(tapes.look()) == ["a", "b", "(event)", "c", "d"]


class Interrupted(list[Any]):
    """A list on which Ctrl-C falls when it is cleared; Python looks for signals at that call."""

    def clear(self) -> None:
        raise KeyboardInterrupt


def test_an_interrupt_in_a_cut_loses_no_row() -> None:
    tapes = Tapes(Timer())
    tape = tapes.tape()
    note(tape, "a", "b", "c")
    tape.timed = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        tapes.cut(tape)
    tape.timed = []
    tapes.cut(tape)
    assert keys(take(tapes)) == ["a", "b", "c"]


def test_the_tape_of_an_operation_goes_with_the_operation() -> None:
    recorder = Recorder()
    for _ in range(100):
        with recorder.operation("work"):
            note(recorder.tapes.tape(), "a")
    recorder.settle()
    gc.collect()
    assert len(recorder.tapes._alive) < 10


def test_hits_are_garbage_when_the_recorder_is() -> None:
    recorder = Recorder()
    hit = Found("a")
    recorder.tapes.tape().note(hit, 0.0)
    gone = weakref.ref(hit)
    del recorder, hit
    gc.collect()
    assert gone() is None
