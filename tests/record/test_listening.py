"""Who listens to reads is told each one once, stream by stream and in order."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.record import Recorder
from perflab.record.listening import HEARD


class Found:
    """A hit."""

    def __init__(self, key):
        self.key, self.nbytes, self.code = key, 1, 0


def hear(recorder, ear):
    """Return keys by operation, in the order in which they were told."""
    told = {}
    for stream, keys, _ in recorder.tapes.hear(ear):
        told.setdefault(stream, []).extend(keys)
    return told


def hit(recorder, key):
    recorder.tapes.tape().note(Found(key), 0.0)


STEPS = st.lists(st.sampled_from(["hit", "miss", "set", "cut", "hear", "settle"]), max_size=60)


@settings(deadline=None, max_examples=100)
@given(STEPS)
def test_each_read_is_told_once_and_in_order_whatever_is_cut_meanwhile(steps):
    recorder = Recorder()
    ear, told, expected = recorder.tapes.listen(), [], []
    for number, step in enumerate(steps):
        if step == "hit":
            hit(recorder, number)
            expected.append(number)
        elif step in ("miss", "set"):
            recorder.access(number, step)
            expected += [number] * (step == "miss")
        elif step == "cut":
            recorder.tapes.cut_all()
        elif step == "settle":
            recorder.settle()
        else:
            told += [key for keys in hear(recorder, ear).values() for key in keys]
    told += [key for keys in hear(recorder, ear).values() for key in keys]
    assert told == expected


def test_what_was_read_before_is_not_told():
    recorder = Recorder()
    recorder.access("before", "miss")
    ear = recorder.tapes.listen()
    recorder.access("after", "miss")
    assert list(hear(recorder, ear).values()) == [["after"]]


def test_two_listeners_are_told_the_same():
    recorder = Recorder()
    first, second = recorder.tapes.listen(), recorder.tapes.listen()
    recorder.access("page", "miss")
    assert hear(recorder, first) == hear(recorder, second) != {}


def test_of_many_the_last_are_told_and_the_gap_is_named():
    recorder = Recorder()
    ear = recorder.tapes.listen()
    for number in range(HEARD + 10):
        hit(recorder, number)
    ((_, keys, gap),) = recorder.tapes.hear(ear)
    assert (keys, gap) == (list(range(10, HEARD + 10)), True)


def test_operations_of_one_name_in_one_thread_are_one_stream():
    recorder = Recorder()
    ear = recorder.tapes.listen()
    for number in range(3):
        with recorder.operation("render"):
            recorder.access(number, "miss")
    recorder.access("outside", "miss")
    told = {stream.operation: keys for stream, keys in hear(recorder, ear).items()}
    assert told == {"render": [0, 1, 2], "": ["outside"]}


def test_tasks_that_take_turns_are_streams_of_their_own():
    recorder = Recorder()
    ear = recorder.tapes.listen()

    async def task(name):
        with recorder.operation("render"):
            for number in range(3):
                recorder.access((name, number), "miss")
                await asyncio.sleep(0)

    async def both():
        await asyncio.gather(task("a"), task("b"))

    told = []
    for _ in range(2):
        asyncio.run(both())
        told.append(hear(recorder, ear))
    assert sorted(told[0].values()) == [[(name, number) for number in range(3)] for name in "ab"]
    assert told[0].keys() == told[1].keys(), "a lane is used again once it is free"


def test_threads_are_streams_of_their_own_also_after_they_ended():
    recorder = Recorder()
    ear = recorder.tapes.listen()

    def work(name):
        for number in range(3):
            recorder.access((name, number), "miss")

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [key for keys in hear(recorder, ear).values() for key in keys]
    assert [[key for key in told if key[0] == name] for name in "ab"] == [
        [(name, number) for number in range(3)] for name in "ab"
    ]


@pytest.mark.parametrize("listens", [True, False])
def test_a_wiped_recorder_tells_nothing(listens):
    recorder = Recorder()
    ear = recorder.tapes.listen()
    recorder.access("page", "miss")
    if listens:
        hear(recorder, ear)
    recorder.forget()
    assert hear(recorder, ear) == {}
