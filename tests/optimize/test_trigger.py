"""Triggers: which one fires, how often, and one at a time."""

from __future__ import annotations

import threading

import pytest

from perflab.config import OptimizationSchedule, Thresholds
from perflab.optimize.trigger import AutoOptimizer, Signals

EVERY = OptimizationSchedule(interval_s=300, triggers=("memory_pressure", "cpu_pressure", "cache_miss", "scheduled"))
THRESHOLDS = Thresholds(memory_pressure_bytes=1_000, cpu_pressure_ratio=0.5, cache_miss_ratio=0.2)


class Bench:
    """An auto-optimizer with a hand-moved clock and hand-set signals."""

    def __init__(self, schedule=EVERY, optimize=None, **rest):
        self.now = 0.0
        self.signals = Signals()
        self.ran = []
        self.auto = AutoOptimizer(
            optimize or self.ran.append,
            lambda: self.signals,
            schedule,
            THRESHOLDS,
            clock=lambda: self.now,
            **rest,
        )

    def at(self, now, **signals):
        self.now, self.signals = now, Signals(**signals)
        return self.auto.check()


@pytest.mark.parametrize(
    ("signals", "trigger"),
    [
        ({"growth_bytes": 1_001}, "memory_pressure"),
        ({"growth_bytes": 1_000}, None),
        ({"cpu_ratio": 0.6}, "cpu_pressure"),
        ({"cpu_ratio": 0.5}, None),
        ({"accesses": 200, "misses": 41}, "cache_miss"),
        ({"accesses": 200, "misses": 40}, None),
        ({"accesses": 199, "misses": 199}, None),
        ({}, None),
    ],
)
def test_a_trigger_fires_past_its_threshold(signals, trigger):
    assert Bench().at(1.0, **signals) == trigger


def test_scheduled_comes_every_interval():
    bench = Bench()
    assert [bench.at(t) for t in (299.0, 300.0, 301.0, 599.0, 600.0)] == [None, "scheduled", None, None, "scheduled"]


def test_only_listed_triggers_fire():
    bench = Bench(OptimizationSchedule(triggers=("cache_miss",), interval_s=10))
    assert bench.at(50.0, growth_bytes=10**9, cpu_ratio=1.0) is None
    assert bench.at(51.0, growth_bytes=10**9, accesses=1000, misses=900) == "cache_miss"


def test_it_cools_down_between_two():
    bench = Bench(cooldown_s=30)
    fired = [bench.at(float(t), growth_bytes=2_000) is not None for t in range(100)]
    assert [t for t, yes in enumerate(fired) if yes] == [0, 30, 60, 90]


def test_the_miss_ratio_is_of_recent_accesses():
    bench = Bench(cooldown_s=0)
    assert bench.at(1.0, accesses=1000, misses=900) == "cache_miss"
    assert bench.at(2.0, accesses=1100, misses=1000) is None
    assert bench.at(3.0, accesses=2000, misses=1000) is None
    assert bench.at(4.0, accesses=2200, misses=1200) == "cache_miss"


@pytest.mark.parametrize(
    "shrunk",
    [{"accesses": 600, "misses": 540}, {"accesses": 1000, "misses": 0}, {"accesses": 1200, "misses": 1150}],
    ids=["both", "misses", "hits"],
)
def test_totals_that_shrink_are_counted_anew(shrunk):
    bench = Bench(cooldown_s=0)
    assert bench.at(1.0, accesses=1000, misses=900) == "cache_miss"
    assert bench.at(2.0, **shrunk) is None
    accesses, misses = shrunk["accesses"], shrunk["misses"]
    assert bench.at(3.0, accesses=accesses + 199, misses=misses + 199) is None
    assert bench.at(4.0, accesses=accesses + 200, misses=misses + 200) == "cache_miss"


def test_one_at_a_time_however_many_ask():
    inside, go = threading.Event(), threading.Event()
    ran = []

    def optimize(trigger):
        ran.append(trigger)
        inside.set()
        assert go.wait(60)

    bench = Bench(optimize=optimize, cooldown_s=0)
    bench.signals = Signals(growth_bytes=2_000)
    first = threading.Thread(target=bench.auto.check)
    first.start()
    assert inside.wait(60)
    assert [bench.auto.check() for _ in range(100)] == [None] * 100
    go.set()
    first.join()
    assert ran == ["memory_pressure"]


def test_a_failing_optimization_warns_and_cools_down():
    def optimize(_):
        raise RuntimeError("no")

    bench = Bench(optimize=optimize, cooldown_s=30)
    with pytest.warns(RuntimeWarning, match="memory_pressure"):
        bench.at(0.0, growth_bytes=2_000)
    assert bench.at(1.0, growth_bytes=2_000) is None


def test_the_thread_fires_and_leaves_nothing():
    before = set(threading.enumerate())
    fired = threading.Event()
    auto = AutoOptimizer(lambda _: fired.set(), lambda: Signals(growth_bytes=2_000), EVERY, THRESHOLDS, poll_s=0.001)
    with auto:
        auto.start()
        assert fired.wait(60)
    auto.close()
    assert set(threading.enumerate()) <= before


def test_a_schedule_that_is_off_starts_nothing():
    before = threading.active_count()
    Bench(OptimizationSchedule(enabled=False)).auto.start()
    assert threading.active_count() == before


def test_unreadable_signals_are_one_warning_and_are_tried_again(recwarn):
    tried, enough = [], threading.Event()

    def signals():
        tried.append(1)
        if len(tried) >= 3:
            enough.set()
        raise OSError("no /proc")

    with AutoOptimizer(lambda _: None, signals, EVERY, THRESHOLDS, poll_s=0.001):
        assert enough.wait(60)
    assert ["no /proc" in str(warning.message) for warning in recwarn] == [True]
