"""The clock: one time of day for a moment of the timer, whatever the wall clock does meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.record import Recorder
from perflab.record.clock import Clock

START_NS = 1_790_000_000_000_000_000
MS = 1_000_000


class Host:
    """A timer in seconds and a wall clock in nanoseconds that can be set."""

    def __init__(self) -> None:
        self.timer_s = 1_000.0
        self.wall_ns = START_NS

    def clock(self) -> Clock:
        return Clock(timer=lambda: self.timer_s, wall_ns=lambda: self.wall_ns)

    def passes(self, seconds: float) -> None:
        self.timer_s += seconds
        self.wall_ns += round(seconds * 1e9)


def test_now_is_the_time_of_day() -> None:
    host = Host()
    assert host.clock().ns(host.timer_s) == START_NS


@given(st.lists(st.floats(0, 1e8), min_size=2, max_size=20))
def test_time_of_day_keeps_the_order_of_the_timer(moments: list[float]) -> None:
    clock = Host().clock()
    days = [clock.ns(moment) for moment in sorted(moments)]
    assert days == sorted(days)


@given(st.integers(0, 10**7), st.integers(0, 10**6))
def test_a_microsecond_is_kept_on_a_host_that_is_up_for_months(up_s: int, microseconds: int) -> None:
    host = Host()
    host.timer_s = float(up_s)
    clock = host.clock()
    assert abs(clock.ns(up_s + microseconds / 1e6) - START_NS - microseconds * 1_000) < 1_000


@pytest.mark.parametrize("jump_ms", [-3_600_000, -51, 51, 3_600_000])
def test_a_wall_clock_that_was_set_is_followed_at_the_next_anchor(jump_ms: int) -> None:
    host = Host()
    clock = host.clock()
    host.passes(5)
    host.wall_ns += jump_ms * MS
    assert clock.ns(host.timer_s) == START_NS + 5_000 * MS
    clock.anchor()
    assert clock.ns(host.timer_s) == START_NS + (5_000 + jump_ms) * MS


@pytest.mark.parametrize("drift_ms", [-50, -1, 0, 1, 50])
def test_a_little_drift_moves_no_row(drift_ms: int) -> None:
    host = Host()
    clock = host.clock()
    host.wall_ns += drift_ms * MS
    clock.anchor()
    assert clock.ns(host.timer_s) == START_NS


def test_drift_that_adds_up_is_noticed() -> None:
    host = Host()
    clock = host.clock()
    for _ in range(6):
        host.wall_ns += 10 * MS
        clock.anchor()
    assert clock.ns(host.timer_s) == START_NS + 60 * MS


def test_a_recorder_without_a_folder_follows_a_wall_clock_that_was_set() -> None:
    recorder = Recorder()
    real = recorder.clock._wall_ns
    hour_ns = 3_600_000 * MS
    recorder.clock._wall_ns = lambda: real() + hour_ns
    recorder.settle()
    recorder.access("k", "miss")
    recorded_ns = recorder.frames.accesses["t"].iloc[0].value
    assert abs(recorded_ns - real() - hour_ns) < 60_000 * MS
