"""A system that optimizes itself: settings change only where that is proved, are watched, and stay whole."""

from __future__ import annotations

import json
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from perflab import Config, PerformanceSystem
from perflab.errors import ConfigError, PerflabError
from perflab.optimize import prove
from perflab.optimize.keep_work import FIRST_LOOK_S

QUIET: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "predictive_prefetching_enabled": False,
    "parallel": {"workers": 1},
}
BAD = {"l1_bytes": 20_000, "l2_bytes": 20_000, "l3_enabled": False}


@pytest.fixture
def system() -> Iterator[PerformanceSystem]:
    """A system whose memory tiers are far too small for what it reads."""
    with PerformanceSystem(Config(**QUIET, cache=BAD, cache_targets={"max_memory_bytes": 600_000})) as made:
        read(made, keys(3_000, seed=1))
        yield made


def keys(count: int, seed: int, first: int = 0) -> list[int]:
    random = np.random.default_rng(seed)
    hot = random.integers(0, 40, count)
    return (first + np.where(random.random(count) < 0.7, hot, random.integers(40, 400, count))).tolist()


def read(system: PerformanceSystem, wanted: list[int]) -> None:
    """Read and store, without a load whose time would be another on each machine."""
    for key in wanted:
        if system.cache.get(key) is None:
            system.cache.set(key, b"x" * 1_000)


def test_a_badly_set_system_is_set_better_and_the_result_says_by_how_much(system: PerformanceSystem) -> None:
    result = system.optimize()
    confirmed = [row for row in result.rows if row["verdict"] == "confirmed"]
    assert result.is_significant
    assert result.kept == len(confirmed) >= 1
    assert system.config.l1_bytes == system.cache.l1.max_bytes > 20_000
    assert system.config.l2_bytes == system.cache.l2.max_bytes
    assert system.config.l1_bytes + system.config.l2_bytes <= 600_000
    row = next(row for row in confirmed if row["knob"] == "cache.l1_bytes")
    assert json.loads(row["new"]) == system.config.l1_bytes
    assert row["low"] <= row["measured"] <= row["high"]
    assert row["predicted_low"] <= row["predicted"] <= row["predicted_high"]
    told = json.loads(result.to_json())
    assert told["plan"][0]["knobs"] == ["cache.l1_bytes"]
    frame = system.frames.optimizations
    assert frame["verdict"].astype(str).tolist() == [row["verdict"] for row in result.rows]
    assert frame["predicted_low"].notna().sum() == len(confirmed)
    page = result._repr_html_()
    assert "<ol class='perflab-plan'>" in page
    assert "confirmed" in page


def test_what_is_read_after_it_waits_less_and_a_second_time_changes_nothing(system: PerformanceSystem) -> None:
    system.optimize()
    before = system.statistics()["cache"]
    read(system, keys(3_000, seed=2))
    after = system.statistics()["cache"]
    rate = (after["hits"] - before["hits"]) / (after["accesses"] - before["accesses"])
    assert rate > before["hit_rate"] + 0.1
    in_force = system.config
    again = system.optimize()
    assert [row["knob"] for row in again.rows if row["verdict"] == "confirmed"] == []
    assert system.config == in_force
    assert "no significant change" in str(again).splitlines()[0]


def test_a_regression_is_taken_back_by_the_next_look_and_is_a_row(system: PerformanceSystem) -> None:
    before = system.config
    system.optimize()
    assert system._optimizing._kept_memory.watching is not None
    # What was proved does not come true: something takes the entries away again.
    for key in keys(700, seed=3):
        read(system, [key])
        system.clear_caches("all")
    system.optimize()
    rows = system.frames.optimizations
    back = rows[rows["verdict"] == "rolled back"]
    assert set(back["knob"].astype(str)) >= {"cache.l1_bytes"}
    assert set(back["phase"].astype(str)) == {"watch"}
    assert json.loads(back["new"].iloc[0]) == before.l1_bytes
    assert "taken back" in system.optimize().rows[0]["reason"]
    assert system.config.cache == before.cache


def test_without_a_trace_there_is_not_enough_data() -> None:
    with PerformanceSystem(Config(**QUIET)) as system:
        result = system.optimize()
        assert {row["verdict"] for row in result.rows} == {"not enough data"}
        assert system.config == Config(**QUIET)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"search": "luck"}, "search is 'luck'; it must be one of halving, grid, optuna"),
        ({"trigger": "memory_presure"}, "trigger is 'memory_presure'; it must be one of manual, memory_pressure"),
        ({"trigger": None}, "trigger is None"),
        ({"workload": 3}, "workload is 3; give a function"),
        ({"pairs": 0}, "pairs is 0; it must be a whole number, 1 or more"),
    ],
)
def test_what_cannot_be_asked_of_it_is_refused_and_the_next_optimization_runs(
    asked: dict[str, Any], message: str
) -> None:
    with PerformanceSystem(Config(**QUIET)) as system:
        with pytest.raises(ConfigError, match=message):
            system.optimize(**asked)
        assert system.optimize().rows


def test_a_workload_runs_in_systems_of_its_own_and_decides_what_no_trace_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(prove.prove_by_workload.__kwdefaults__, "collect", tuple)
    refused: list[str] = []
    seen: list[PerformanceSystem] = []

    def workload(own: PerformanceSystem) -> None:
        seen.append(own)
        if not refused:
            with pytest.raises(PerflabError, match="An optimization is running already") as caught:
                system.optimize()
            refused.append(str(caught.value))
        assert len(own.cache) == 0
        own.cache.set("a", 1)

    with PerformanceSystem(Config(**QUIET)) as system:
        before = set(threading.enumerate())
        result = system.optimize(workload=workload, pairs=2)
        assert system not in seen
        assert len(refused) == 1
        assert len(system.frames.accesses) == 0
        assert set(threading.enumerate()) <= before
    judged = {row["knob"]: row["verdict"] for row in result.rows if row["metric"] == "workload.time"}
    assert set(judged) == {"parallel.workers", "chunks.max_bytes", "predictive_prefetching_enabled"}
    assert set(judged.values()) <= {"no change", "indistinguishable"}, "two pairs prove nothing"
    assert all(own._closed for own in seen)


def confirmed_by_workload(system: PerformanceSystem, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Have more workers and larger chunks confirmed and applied, on a clock that only the workload passes."""
    passed = [0.0]

    def workload(own: PerformanceSystem) -> None:
        passed[0] += 1 / own.config.workers + 4_000 / own.config.chunks.max_bytes

    monkeypatch.setitem(prove.prove_by_workload.__kwdefaults__, "clock", lambda: passed[0])
    monkeypatch.setitem(prove.prove_by_workload.__kwdefaults__, "collect", tuple)
    rows = system.optimize(workload=workload, pairs=6).rows
    return [dict(row) for row in rows if row["verdict"] == "confirmed"]


def work(system: PerformanceSystem, count: int, seconds: float) -> None:
    for _ in range(count):
        with system.operation("parse"):
            time.sleep(seconds)


def test_confirmed_workers_and_chunks_go_back_by_themselves_when_operations_get_slower(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with PerformanceSystem(Config(**QUIET, max_parallel_operations=4)) as system:
        optimizing, ahead_s = system._optimizing, [0.0]
        monkeypatch.setattr(optimizing._kept_work, "_clock", lambda: time.time() + ahead_s[0])
        optimizing._keeper._poll_s = 0.01
        before = system.config
        work(system, 80, 0.001)
        confirmed = confirmed_by_workload(system, monkeypatch)
        assert [row["knob"] for row in confirmed] == ["parallel.workers", "chunks.max_bytes"]
        assert system._workers.workers == system.config.workers > 1
        for look in (1, 2):
            # What was proved does not come true: each operation takes eight times as long.
            work(system, 60, 0.008)
            ahead_s[0] = look * FIRST_LOOK_S
            watch, deadline_s = optimizing._kept_work.watching, time.monotonic() + 20
            while optimizing._kept_work.watching is watch and time.monotonic() < deadline_s:
                time.sleep(0.01)
        system.optimize()  # waits for the look that is under way
        assert system.config == before
        assert system._workers.workers == 1
        rows = system.frames.optimizations
        back = rows[rows["verdict"] == "rolled back"]
        assert back["knob"].astype(str).tolist() == ["parallel.workers", "chunks.max_bytes"]
        assert set(back["trigger"].astype(str)) == {"watch"}
        assert set(back["metric"].astype(str)) == {"parse.p50"}
        assert back["new"].tolist() == [row["old"] for row in confirmed]
        assert (back["measured"] < back["before"]).all()
        assert back[["low", "high", "noise_floor"]].notna().all(axis=None)
        assert optimizing._kept_work.watching is None
    assert not any(thread.name == "perflab-keeper" for thread in threading.enumerate())


def test_operations_under_way_at_a_change_and_those_that_failed_do_not_count() -> None:
    with PerformanceSystem(Config(**QUIET)) as system:
        operations = system._optimizing._kept_work._work.operations
        changed_s = time.time()
        time.sleep(0.002)
        system.record_operation("under way", 100.0)
        system.record_operation("short", 0.0001)
        with pytest.raises(ValueError, match="a bad file"), system.operation("failed"):
            raise ValueError("a bad file")
        found = operations(changed_s, changed_s)
        assert found["name"].astype(str).tolist() == ["short"]
        assert found["duration_s"].tolist() == [0.0001]
        assert operations(changed_s, float(found["ended_s"].max())).empty
        assert set(operations(changed_s - 200, changed_s)["name"].astype(str)) == {"under way", "short"}


def test_prefetching_that_its_own_gate_refutes_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    off = Config(**QUIET)
    with PerformanceSystem(off) as system:
        work(system, 60, 0.0)
        kept, gate = system._optimizing._kept_work, system.prefetch._predictor.stride_gate
        before = kept.before()
        system.apply(off.replace(predictive_prefetching_enabled=True))
        assert kept.begin(off, before) == []
        monkeypatch.setattr(kept, "_clock", lambda: time.time() + FIRST_LOOK_S)
        for number in range(64):
            system._recorder.access(f"page-{number}", "prefetch", tier="l1", nbytes=10)
            system._recorder.access(f"page-{number}", "evict", tier="l1", nbytes=10)
            gate.judge(False)
        system.optimize()
        assert not system.config.predictive_prefetching_enabled
        assert system.prefetch._thread is None
        rows = system.frames.optimizations
        (told,) = rows[rows["phase"] == "watch"].to_dict("records")
    assert (told["knob"], told["verdict"]) == ("predictive_prefetching_enabled", "rolled back")
    assert (told["metric"], told["before"]) == ("prefetch.precision", 0.0)


def test_what_was_applied_before_a_workload_failed_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    def workload(own: PerformanceSystem) -> None:
        if own.config.chunks.max_bytes != Config().chunks.max_bytes:
            raise ValueError("a bad file")
        passed[0] += 1 / own.config.workers

    passed = [0.0]
    monkeypatch.setitem(prove.prove_by_workload.__kwdefaults__, "clock", lambda: passed[0])
    monkeypatch.setitem(prove.prove_by_workload.__kwdefaults__, "collect", tuple)
    with PerformanceSystem(Config(**QUIET, max_parallel_operations=4)) as system:
        work(system, 60, 0.0)
        with pytest.raises(ValueError, match="a bad file"):
            system.optimize(workload=workload, pairs=6)
        assert system.config.workers > 1
        assert system._optimizing._kept_work.watching is not None
        assert system._optimizing._keeper._thread is not None


def test_a_system_without_operations_says_that_what_was_applied_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    with PerformanceSystem(Config(**QUIET, max_parallel_operations=4)) as system:
        confirmed = confirmed_by_workload(system, monkeypatch)
        rows = system.frames.optimizations
        told = rows[rows["phase"] == "watch"]
        assert told["knob"].astype(str).tolist() == [row["knob"] for row in confirmed]
        assert set(told["verdict"].astype(str)) == {"not enough data"}
        assert system._optimizing._keeper._thread is None


def test_close_ends_an_optimization_within_two_seconds_and_settings_agree() -> None:
    system = PerformanceSystem(Config(**QUIET, cache=BAD, cache_targets={"max_memory_bytes": 600_000}))
    read(system, keys(9_000, seed=1))
    results: list[Any] = []
    begun = threading.Event()

    def optimize() -> None:
        begun.set()
        try:
            results.append(system.optimize())
        except PerflabError as error:
            results.append(error)

    thread = threading.Thread(target=optimize)
    thread.start()
    begun.wait(10)
    time.sleep(0.05)
    start = time.monotonic()
    with warnings.catch_warnings():  # on a busy host the optimization may not hear of it in time
        warnings.filterwarnings("ignore", "An optimization did not come to an end")
        system.close()
    took_s = time.monotonic() - start
    thread.join(30)
    assert took_s < 10, "2 s for the optimization, and the close itself on a busy host"
    assert len(results) == 1
    assert (system.cache.l1.max_bytes, system.cache.l2.max_bytes) == (system.config.l1_bytes, system.config.l2_bytes)
    assert not any(thread.name == "perflab-keeper" for thread in threading.enumerate())
