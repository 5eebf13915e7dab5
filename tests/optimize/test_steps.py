"""Steps: a setting is changed while memory is short, judged by resident memory, and comes back."""

from __future__ import annotations

import pytest

from perflab.optimize.resident import LEAST_EFFECT_BYTES, Residents
from perflab.optimize.steps import FlightRecord, Setting

MIB = 1 << 20


class Bench:
    """A setting of 8 that is halved, in a process whose memory is set by hand."""

    def __init__(self, rss=100 * MIB, lower=lambda value: value // 2):
        self.rss, self.value, self.written = rss, 8, []
        residents = Residents(lambda: self.rss, sleep=lambda _: None)
        self.step = Setting("parallel.workers", lambda: self.value, self.write, lower, residents)

    def write(self, value):
        self.value = value
        self.written.append(value)


def said(rows):
    return [(row["knob"], row["verdict"], row["old"], row["new"]) for row in rows]


def test_it_is_judged_later_and_comes_back():
    bench = Bench()
    assert bench.step.run() == []
    assert bench.value == 4
    bench.rss = 60 * MIB
    (row,) = bench.step.settle()
    assert said([row]) == [("parallel.workers", "kept", "8", "4")]
    assert (row["before"], row["measured"], row["metric"], row["unit"]) == (100 * MIB, 60 * MIB, "memory.rss", "bytes")
    assert row["noise_floor"] == LEAST_EFFECT_BYTES
    assert bench.step.settle() == []
    assert said(bench.step.end()) == [("parallel.workers", "rolled back", "4", "8")]
    assert bench.value == 8
    assert bench.step.end() == []


@pytest.mark.parametrize(
    ("freed", "verdict"),
    [
        (LEAST_EFFECT_BYTES + 1, "kept"),
        (LEAST_EFFECT_BYTES, "rolled back"),
        (0, "rolled back"),
        (-5 * MIB, "rolled back"),
    ],
)
def test_what_did_not_free_memory_is_put_back(freed, verdict):
    bench = Bench()
    bench.step.run()
    bench.rss -= freed
    (row,) = bench.step.settle()
    assert row["verdict"] == verdict
    assert bench.value == (4 if verdict == "kept" else 8)


def test_what_freed_nothing_is_switched_off_and_says_so_until_memory_is_free_again():
    bench = Bench()
    bench.step.run()
    (row,) = bench.step.settle()
    assert "it freed nothing and is switched off until memory is free again" in row["reason"]
    assert [bench.step.run() for _ in range(3)] == [[], [], []]
    assert bench.written == [4, 8]
    assert bench.step.end() == []
    bench.step.run()
    assert bench.value == 4


def test_once_in_force_it_is_not_lowered_further():
    bench = Bench()
    for _ in range(3):
        bench.step.run()
    assert bench.written == [4]


def test_a_level_that_ends_early_is_judged_then():
    bench = Bench()
    bench.step.run()
    bench.rss -= 5 * MIB
    assert [row["verdict"] for row in bench.step.end()] == ["kept", "rolled back"]


def test_what_somebody_else_set_stays():
    bench = Bench()
    bench.step.run()
    bench.rss -= 5 * MIB
    bench.step.settle()
    bench.value = 5
    assert said(bench.step.end()) == [("parallel.workers", "no change", "5", "5")]
    assert bench.value == 5
    bench.step.run()
    bench.value = 7
    bench.step.settle()
    assert bench.value == 7


def test_with_nothing_to_lower_it_says_so_once():
    bench = Bench(lower=lambda value: value)
    assert said(bench.step.run()) == [("parallel.workers", "no change", "8", "8")]
    assert bench.step.run() == []
    assert bench.written == []


def test_unreadable_memory_is_no_verdict():
    bench = Bench()
    bench.step.run()
    bench.rss = None
    (row,) = bench.step.settle()
    assert (row["verdict"], bench.value) == ("not enough data", 4)
    assert said(bench.step.end()) == [("parallel.workers", "rolled back", "4", "8")]


@pytest.mark.parametrize(("place", "verdict"), [("/run/flight.ring", "kept"), (None, "no change")])
def test_the_flight_record_is_written_each_time(place, verdict):
    written = []
    step = FlightRecord(lambda: written.append(1) or place, Residents(lambda: 7 * MIB, sleep=lambda _: None))
    rows = [row for _ in range(2) for row in step.run()]
    assert len(written) == 2
    assert {row["verdict"] for row in rows} == {verdict}
    assert rows[0]["before"] == rows[0]["measured"] == 7 * MIB
    assert step.settle() == step.end() == []
