"""Triggers: which one fires, how often, and one at a time."""

from __future__ import annotations

import threading

import pytest

from perflab.config import OptimizationSchedule, Thresholds
from perflab.optimize.drift import Slowdown
from perflab.optimize.single import OneAtATime
from perflab.optimize.trigger import AutoOptimizer, Signals

EVERY = OptimizationSchedule(interval_s=300, triggers=("memory_pressure", "cpu_pressure", "cache_miss", "scheduled"))
THRESHOLDS = Thresholds(memory_pressure_bytes=1_000, cpu_pressure_ratio=0.5, cache_miss_ratio=0.2)


class Bench:
    """An auto-optimizer with a hand-moved clock and hand-set signals."""

    def __init__(self, schedule=EVERY, optimize=None, **rest):
        self.now = 0.0
        self.signals = Signals()
        self.ran = []
        cooldown = {"cooldown_s": rest.pop("cooldown_s", 30)}
        self.auto = AutoOptimizer(
            optimize or self.ran.append,
            lambda: self.signals,
            schedule.model_copy(update=cooldown),
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


class Kept:
    def __init__(self, kept):
        self.kept = kept


def test_a_trigger_that_helps_nothing_rests_longer_and_longer():
    kept = [0]
    bench = Bench(optimize=lambda _: Kept(kept[0]), cooldown_s=10)
    fired = [t for t in range(700) if bench.at(float(t), growth_bytes=2_000)]
    assert fired == [0, 20, 60, 140, 300, 460, 620], "never more than 16 cool-downs"
    assert bench.at(700.0, cpu_ratio=0.9) == "cpu_pressure", "others do not rest with it"
    kept[0] = 1
    assert [t for t in range(780, 830) if bench.at(float(t), growth_bytes=2_000)] == [780, 790, 800, 810, 820]


def test_scheduled_does_not_rest():
    bench = Bench(OptimizationSchedule(interval_s=40, triggers=("scheduled",)), lambda _: Kept(0), cooldown_s=10)
    assert [t for t in range(200) if bench.at(float(t))] == [40, 80, 120, 160]


def test_startup_comes_once_and_first():
    bench = Bench(OptimizationSchedule(triggers=("memory_pressure", "startup")), cooldown_s=0)
    assert [bench.at(float(t), growth_bytes=2_000) for t in range(3)] == [
        "startup",
        "memory_pressure",
        "memory_pressure",
    ]
    assert Bench().at(0.0) is None, "only if the schedule lists it"


SLOWER = Slowdown("parse", 0.5, 0.3, 0.7, 240, "by hand")


def test_a_slowdown_waits_for_its_turn_and_counts_once():
    bench = Bench(OptimizationSchedule(triggers=("memory_pressure", "performance_degradation")), cooldown_s=5)
    assert bench.at(0.0, growth_bytes=2_000, slowdown=SLOWER) == "memory_pressure"
    assert bench.at(1.0) is None
    assert [bench.at(t) for t in (5.0, 10.0)] == ["performance_degradation", None]


def test_paused_it_starts_nothing():
    bench = Bench(cooldown_s=0)
    bench.auto.pause()
    assert bench.at(0.0, growth_bytes=2_000) is None
    with bench.auto.paused():
        assert bench.at(1.0, growth_bytes=2_000) is None
    assert bench.auto.is_paused, "as it was before"
    bench.auto.resume()
    with bench.auto.paused():
        assert bench.at(2.0, growth_bytes=2_000) is None
    assert bench.at(3.0, growth_bytes=2_000) == "memory_pressure"
    assert bench.ran == ["memory_pressure"]


def test_it_waits_for_an_optimization_that_is_under_way_without_a_word(recwarn):
    single, ran = OneAtATime(), []

    def optimize(trigger):
        with single.turn():
            ran.append(trigger)

    bench = Bench(OptimizationSchedule(triggers=("startup",)), optimize=optimize)
    with single.turn():
        assert bench.at(0.0) is None
    assert bench.at(1.0) == "startup"
    assert (ran, len(recwarn)) == (["startup"], 0)


def test_an_optimization_waits_for_urgent_work_which_is_short():
    single, begun, ended = OneAtATime(), threading.Event(), threading.Event()

    def relieve():
        with single.urgent() as mine:
            begun.set()
            assert mine
            ended.wait(30)

    relieving = threading.Thread(target=relieve)
    relieving.start()
    assert begun.wait(30)
    threading.Timer(0.05, ended.set).start()
    with single.turn():
        assert ended.is_set()
    relieving.join()


def test_other_settings_count_from_the_next_look():
    bench = Bench(OptimizationSchedule(triggers=()), cooldown_s=0)
    assert bench.at(0.0, growth_bytes=2_000) is None
    bench.auto.use(EVERY, THRESHOLDS)
    assert bench.at(1.0, growth_bytes=2_000) == "memory_pressure"


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
    before = set(threading.enumerate())
    Bench(OptimizationSchedule(enabled=False)).auto.start()
    assert set(threading.enumerate()) <= before


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
