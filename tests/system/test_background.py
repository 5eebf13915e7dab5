"""What a system does by itself: triggers, pauses, relief, and an end within two seconds whatever is going on."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from perflab import Config, PerformanceSystem
from perflab.errors import BusyError, PerflabError
from perflab.host import Reading, Sample, Use
from perflab.optimize import attempt
from perflab.optimize.single import CLOSE_S

MIB = 1 << 20
QUIET: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "predictive_prefetching_enabled": False,
    "parallel": {"workers": 4},
    "max_parallel_operations": 4,
    "cache": {"l3_enabled": False},
}


@pytest.fixture
def system() -> Iterator[PerformanceSystem]:
    with PerformanceSystem(Config(**{**QUIET, "predictive_prefetching_enabled": True})) as made:
        yield made


def sample(ratio: float) -> Sample:
    return Sample(Reading(0.0), growth_bytes=round(100 * MIB * ratio), use=Use("growth", round(100 * ratio), 100))


def feel(system: PerformanceSystem, ratio: float, times: int = 2) -> None:
    """Have the system see so full a memory, and wait for what it does about that."""
    background = system._background
    for _ in range(times):
        background._look(sample(ratio))
        thread = background._relieving._thread
        if thread is not None:
            thread.join(30)


def optimize_by(system: PerformanceSystem, work: Callable[[], None]) -> None:
    """Have an optimization do this, and nothing else."""

    def improved(*_: object) -> tuple[list[Any], list[Any]]:
        work()
        return [], [attempt("cache.l1_bytes", "no change", "It was tried.", old=1, new=1)]

    system._optimizing._improved = improved


def test_memory_pressure_climbs_the_levels_and_rows_and_events_tell(system: PerformanceSystem) -> None:
    heard: list[Any] = []
    system.on("optimization_complete", lambda data: heard.append(data["trigger"]))
    feel(system, 0.96, 12)
    assert (system._workers.workers, system.cache.admits, system.prefetch._paused) == (1, False, True)
    assert set(heard) == {"memory_pressure"}
    assert set(system.frames.optimizations["trigger"].astype(str)) == {"memory_pressure"}
    system._background.close()
    assert (system._workers.workers, system.cache.admits, system.prefetch._paused) == (4, True, False)


def test_the_first_level_stops_prefetching_and_warming_until_memory_is_free() -> None:
    ahead = {"predictive_prefetching_enabled": True, "cache_warming_enabled": True}
    with PerformanceSystem(Config(**{**QUIET, **ahead})) as system:

        def paused() -> tuple[bool, bool]:
            return system.prefetch._paused, system.warm._filling.paused

        feel(system, 0.59)
        assert paused() == (False, False)
        feel(system, 0.61)
        assert paused() == (True, True)
        assert system._background.relieved()
        assert system._workers.workers == 4
        system._background.close()
        assert paused() == (False, False)
        told = system.frames.optimizations
    assert set(told["knob"].astype(str)) == set(ahead)


def test_prefetching_that_is_off_is_not_said_to_be_stopped() -> None:
    with PerformanceSystem(Config(**QUIET)) as system:
        feel(system, 0.65)
        row = system.frames.optimizations.iloc[0]
    assert (row["knob"], row["verdict"]) == ("predictive_prefetching_enabled", "no change")


def test_relief_that_is_switched_off_does_nothing() -> None:
    with PerformanceSystem(Config(**QUIET, relief={"enabled": False})) as system:
        feel(system, 0.99, 12)
        assert system.frames.optimizations.empty


def test_levels_and_budget_come_from_the_config(system: PerformanceSystem) -> None:
    system.apply(system.config.replace(relief={"prefetch_ratio": 0.1, "budget_bytes": "1GB"}))
    feel(system, 0.2)
    assert system.prefetch._paused
    system.monitor.sample()
    growth = system.frames.resources[["growth_bytes", "memory_ratio"]].iloc[-1]
    assert growth["memory_ratio"] >= growth["growth_bytes"] / 1e9 - 1e-9


def test_another_config_puts_back_what_relief_changed(system: PerformanceSystem) -> None:
    feel(system, 0.85, 6)
    assert system._workers.workers == 2
    system.apply(system.config.replace(relief={"cooldown_s": 5}))
    assert system._workers.workers == 4
    assert not system.prefetch._paused


def test_the_trigger_leaves_to_relief_what_that_has_just_done(system: PerformanceSystem) -> None:
    system._background.monitor.last = sample(0.9)
    assert system._background.signals().growth_bytes == 90 * MIB
    system.optimize("memory_pressure")
    assert system._background.signals().growth_bytes is None


def test_a_slowdown_is_an_alert_with_its_interval_and_a_trigger() -> None:
    schedule = {"triggers": ["performance_degradation"]}
    heard: list[Any] = []
    with PerformanceSystem(Config(**QUIET, optimization_schedule=schedule)) as system:
        system.on("alert", lambda data: heard.append(dict(data)))
        for seconds, expected in ((0.010, None), (0.030, "performance_degradation")):
            for number in range(200):
                system.record_operation("parse", seconds + 0.0001 * (number % 9))
            assert system.auto.check() == expected
        assert system.frames.optimizations["trigger"].astype(str).unique().tolist() == ["performance_degradation"]
    (alert,) = heard
    assert (alert["what"], alert["operation"]) == ("performance_degradation", "parse")
    assert 1.5 < alert["low"] < alert["growth"] < alert["high"] < 2.5


def test_a_pause_holds_the_background_back() -> None:
    auto = {**QUIET, "enable_auto_optimization": True, "optimization_schedule": {"triggers": ["startup"]}}
    with PerformanceSystem(Config(**auto)) as system:
        with system.auto.paused():
            time.sleep(1.2)
            assert system.frames.optimizations.empty
        ran = threading.Event()
        system.on("optimization_complete", lambda data: ran.set() if data["trigger"] == "startup" else None)
        assert ran.wait(20)


def test_many_operations_at_once_cause_one_optimization_at_a_time(system: PerformanceSystem) -> None:
    running, most, lock = [0], [0], threading.Lock()

    def slow() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.02)
        with lock:
            running[0] -= 1

    optimize_by(system, slow)
    refused: list[BusyError] = []

    def work() -> None:
        for number in range(30):
            system.record_operation(f"work-{number}", 0.01)
            try:
                system.optimize()
            except BusyError as error:
                refused.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1]
    assert refused


def test_optimize_within_its_own_listener_is_allowed_and_within_itself_is_not(system: PerformanceSystem) -> None:
    told: list[Any] = []

    def again(data: Any) -> None:
        told.append(data["trigger"])
        if len(told) == 1:
            system.optimize("scheduled")

    system.on("optimization_complete", again)
    system.optimize()
    assert told == ["manual", "scheduled"]
    with system._background.single.turn(), pytest.raises(BusyError, match="running already"):
        system.optimize()


@pytest.mark.parametrize("willing", [True, False], ids=["one that ends when asked", "one that does not"])
def test_close_during_optimize_takes_two_seconds_at_most(willing: bool) -> None:
    system = PerformanceSystem(Config(**QUIET))
    bounds = system.cache.l1.max_bytes
    inside, over = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def slow() -> None:
        system.cache.l1.resize(bounds // 2)
        inside.set()
        while not (over.is_set() or (willing and system._background.single.stopping)):
            time.sleep(0.001)
        system.cache.l1.resize(bounds)

    def optimize() -> None:
        try:
            system.optimize()
        except PerflabError as error:
            failed.append(error)

    optimize_by(system, slow)
    thread = threading.Thread(target=optimize)
    thread.start()
    assert inside.wait(60)
    began = time.monotonic()
    if willing:
        system.close()
        assert system.cache.l1.max_bytes == bounds
    else:
        with pytest.warns(RuntimeWarning, match="did not come to an end within 2 s"):
            system.close()
    assert time.monotonic() - began < CLOSE_S + 15, "and the time to close everything else, on a busy host"
    over.set()
    thread.join(60)
    assert system.cache.l1.max_bytes == bounds
    with pytest.raises(PerflabError, match="closed"):
        system.optimize()


def test_a_listener_may_close_the_system() -> None:
    before = set(threading.enumerate())
    system = PerformanceSystem(Config(**QUIET))
    system.on("optimization_complete", lambda _: system.close())
    began = time.monotonic()
    feel(system, 0.75, 4)
    assert time.monotonic() - began < 10
    system.close()
    assert set(threading.enumerate()) <= before
    assert system.cache.l1.max_bytes == system.config.l1_bytes


def test_an_operation_is_not_held_up_by_a_failing_listener_of_relief(system: PerformanceSystem) -> None:
    heard: list[Any] = []
    system.on("optimization_complete", lambda data: data["missing"])
    system.on("optimization_complete", heard.append)
    with pytest.warns(RuntimeWarning, match="raised KeyError") as warned:
        feel(system, 0.96, 12)
    assert len(heard) >= 2
    assert len(warned) == 1


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_neither_watches_nor_writes_into_its_parents_run(tmp_path: Any) -> None:
    watching = {**QUIET, "resource_monitoring": {"interval_s": 0.01}, "relief": {"budget_bytes": "100GB"}}
    with PerformanceSystem(Config(**watching), run_dir=tmp_path / "run") as system:
        system.monitor.sample()
        feel(system, 0.85, 12)
        with system._background._relieving._state, system.auto._state:
            child = os.fork()
        if not child:
            signal.alarm(60)
            time.sleep(0.3)
            nothing = system.frames.resources.empty and system.monitor.sample() is None
            alone = not [thread for thread in threading.enumerate() if thread.name.startswith("perflab-monitor")]
            system._background.close()
            os._exit(0 if nothing and alone else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert len(system.frames.resources) > 1, "the parent's went on"
        assert system._workers.workers == 2, "and so did relief"


def test_a_footprint_tells_shared_pages_apart(system: PerformanceSystem) -> None:
    found = system.monitor.footprint()
    if found is None:
        pytest.skip("/proc/self/smaps_rollup is not readable here")
    assert 0 < found.uss_bytes <= found.pss_bytes <= found.rss_bytes
