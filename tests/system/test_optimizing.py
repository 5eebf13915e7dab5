"""A system that optimizes itself: settings change only where that is proved, are watched, and stay whole."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from perflab import Config, PerformanceSystem
from perflab.errors import ConfigError, PerflabError
from perflab.optimize import prove

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


def test_an_unknown_search_is_refused_and_the_next_optimization_runs(system: PerformanceSystem) -> None:
    with pytest.raises(ConfigError, match="search is 'luck'"):
        system.optimize(search="luck")  # type: ignore[arg-type]
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
        assert set(threading.enumerate()) == before
    judged = {row["knob"]: row["verdict"] for row in result.rows if row["metric"] == "workload.time"}
    assert set(judged) == {"parallel.workers", "chunks.max_bytes", "predictive_prefetching_enabled"}
    assert set(judged.values()) <= {"no change", "indistinguishable"}, "two pairs prove nothing"
    assert all(own._closed for own in seen)


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
    system.close()
    took_s = time.monotonic() - start
    thread.join(30)
    assert took_s < 4, "2 s for the optimization, and the close itself"
    assert len(results) == 1
    assert (system.cache.l1.max_bytes, system.cache.l2.max_bytes) == (system.config.l1_bytes, system.config.l2_bytes)
    assert not any(thread.name == "perflab-keeper" for thread in threading.enumerate())
