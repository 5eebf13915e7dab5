"""Faults caused on purpose: pipelines that survive them, and pipelines that do not and are found."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import tempfile
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import perflab
from perflab import ChaosResult, Config, PerformanceSystem
from perflab.errors import BenchmarkError, ConfigError, PerflabError, RunError
from perflab.system.faults import FAULTS, chaos, table
from perflab.system.faults.fault import Count, InjectedError
from perflab.system.faults.process import _workers

KEYS = range(30)


def page(number: int) -> str:
    return f"page {number} " * 60


def reading(system: PerformanceSystem) -> list[str]:
    """Survives: what cannot be read or stored is loaded again, and an error reaches the caller."""
    return [system.cache.get_or_load(key, partial(page, key)) for key in KEYS]


def computing(system: PerformanceSystem) -> list[int]:
    """Survives: what a killed worker had is an error to the caller, and computed the next time."""
    return list(system.tools()["workers"].map(abs, range(4)))


OF_CACHES = [name for name in FAULTS if name != "worker-killed"]


@pytest.fixture(scope="module")
def trial() -> tuple[ChaosResult, list[threading.Thread]]:
    """The result for every fault of caches, and the threads that were left."""
    before = threading.enumerate()
    result = chaos(faults=OF_CACHES, workload=reading)
    return result, [thread for thread in threading.enumerate() if thread not in before]


@pytest.fixture
def survived(trial: tuple[ChaosResult, list[threading.Thread]]) -> ChaosResult:
    return trial[0]


def test_a_careful_pipeline_survives_every_fault(survived: ChaosResult) -> None:
    assert [row.fault for row in survived.rows] == OF_CACHES
    assert [row.fault for row in survived.rows if not row.caused] == []
    assert survived.survived, str(survived)


def test_what_was_caused_is_counted_where_it_happened(survived: ChaosResult) -> None:
    times = {row.fault: row.times for row in survived.rows}
    assert times["value-flipped"] == len(KEYS)
    assert times["disk-full"] >= len(KEYS)
    assert times["loader-raises"] == times["header-overwritten"] == 1
    assert times["loader-slow"] == 10


def test_a_fault_of_the_disk_is_warned_of_and_recorded(survived: ChaosResult) -> None:
    rows = {row.fault: row for row in survived.rows}
    for name in ("disk-full", "disk-read-only", "fsync-error", "value-flipped", "header-overwritten"):
        assert rows[name].warnings >= 1, name
        assert rows[name].rows >= 1, name
    assert rows["recorder-disk-full"].warnings == 1
    assert rows["memory-pressure"].rows >= 1


def test_an_error_of_the_faults_own_may_reach_the_caller_if_the_next_run_is_right(survived: ChaosResult) -> None:
    rows = {row.fault: row for row in survived.rows}
    assert "InjectedError" in str(rows["loader-raises"].raised)
    assert rows["loader-raises"].right is None
    assert rows["loader-raises"].reason == "it raised InjectedError, and the next run was right"


def test_a_killed_worker_is_survived_by_who_asks_again() -> None:
    row = chaos(Config(parallel={"workers": 2}), ["worker-killed"], computing).rows[0]
    assert (row.times, row.survived) == (1, True), row.reason
    assert row.raised is None or "WorkerDiedError" in row.raised


def test_everything_is_undone(trial: tuple[ChaosResult, list[threading.Thread]]) -> None:
    survived, left = trial
    assert survived.rows
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard or soft > 256
    assert [thread for thread in left if thread.is_alive() and thread.name.startswith("perflab-")] == []
    assert _workers() == []
    assert not list(Path(tempfile.gettempdir()).glob(f"perflab-chaos-{os.getpid()}*"))


def swallowing(system: PerformanceSystem) -> list[str]:
    """Does not survive: what fails is left out, and nobody is told."""
    found = []
    for key in KEYS:
        with contextlib.suppress(Exception):
            found.append(system.cache.get_or_load(key, partial(page, key)))
    return found


def replacing_errors(system: PerformanceSystem) -> list[str]:
    """Does not survive: the cause is lost."""
    try:
        return reading(system)
    except InjectedError:
        raise ValueError("something went wrong") from None


def remembering(system: PerformanceSystem) -> int:
    """Does not survive: it takes a stored value for one that stays."""
    assert system.cache.l3 is not None
    marker = system.cache.l3.folder.parent / "begun"
    if not marker.exists():
        marker.touch()
        for key in KEYS:
            system.cache.set(key, page(key))
    return sum(system.cache.get(key) is not None for key in KEYS)


def poisoned(system: PerformanceSystem) -> list[str]:
    """Does not survive: an error is kept as if it were the result."""
    try:
        return [system.cache.get_or_load(key, partial(page, key)) for key in KEYS]
    except InjectedError:
        for key in KEYS:
            system.cache.set(key, "error")
        raise


_GIVEN_UP = threading.Event()


def waiting(system: PerformanceSystem) -> list[str]:
    """Does not survive: it waits for what will never come."""
    try:
        return reading(system)
    except InjectedError:
        _GIVEN_UP.wait(60)
        raise


@pytest.mark.parametrize(
    ("workload", "fault", "reason"),
    [
        (swallowing, "loader-raises", "returned something else"),
        (replacing_errors, "loader-raises", "ended with ValueError, which is not the fault's own"),
        (remembering, "value-flipped", "returned something else"),
        (poisoned, "loader-raises", "after the fault had ended it was still not right"),
        (waiting, "loader-raises", "did not end within"),
    ],
)
def test_a_pipeline_that_does_not_survive_is_found(workload: Any, fault: str, reason: str) -> None:
    _GIVEN_UP.clear()
    timeout_s = 10.0 if workload is waiting else 60.0
    result = chaos(Config(parallel={"workers": 1}), [fault], workload, timeout_s=timeout_s)
    _GIVEN_UP.set()  # the thread that was left behind ends
    assert not result.survived
    assert result.rows[0].caused
    assert result.rows[0].survived is False
    assert reason in result.rows[0].reason


def test_what_was_not_caused_is_never_said_to_be_survived() -> None:
    result = chaos(faults=["disk-full", "worker-killed", "loader-raises"], workload=lambda: 42)
    assert [(row.caused, row.survived, row.right) for row in result.rows] == [(False, None, None)] * 3
    assert not result.survived
    assert "stores nothing on disk" in result.rows[0].reason
    assert "0 caused, 0 survived, 3 unavailable" in str(result)


def test_without_a_disk_tier_its_faults_are_unavailable() -> None:
    row = chaos(Config(cache={"l3_enabled": False}), ["disk-full"]).rows[0]
    assert (row.caused, row.reason) == (False, "the settings have no disk tier")


@contextlib.contextmanager
def claims_nothing(_: PerformanceSystem, count: Count) -> Any:
    assert count.times == 0
    yield


def test_a_fault_that_did_not_count_itself_was_not_caused(monkeypatch: pytest.MonkeyPatch) -> None:
    idle = replace(FAULTS["disk-full"], within=claims_nothing)
    monkeypatch.setattr(table, "FAULTS", {"disk-full": idle})
    assert chaos(faults=["disk-full"]).rows[0].caused is False


def test_the_given_system_is_not_touched(tmp_path: Path) -> None:
    config = Config(cache={"l3_dir": tmp_path / "l3"}, enable_auto_optimization=False)
    with PerformanceSystem(config, run_dir=tmp_path / "run") as system:
        system.cache.set("mine", "value")
        before = sorted(path.name for path in tmp_path.rglob("*"))
        result = perflab.chaos(system, ["header-overwritten", "cache-removed", "disk-full"])
        assert len(result.caused) == 3
        assert len(system.frames.accesses) == 1 + (system.frames.accesses["tier"] == "l3").sum()
        assert system.cache.l3 is not None
        assert system.cache.l3.get("mine") == "value"
        assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_workload_that_cannot_be_compared_is_refused() -> None:
    numbers = iter(range(100))
    with pytest.raises(BenchmarkError, match="something else each time"):
        chaos(faults=["disk-full"], workload=lambda: next(numbers))
    with pytest.raises(BenchmarkError, match="fails without any fault: ZeroDivisionError"):
        chaos(faults=["disk-full"], workload=lambda: 1 // 0)
    with pytest.raises(BenchmarkError, match=r"did not end within 0\.2 s"):
        chaos(faults=["disk-full"], workload=lambda: time.sleep(1), timeout_s=0.2)


@pytest.mark.parametrize("names", [["disk-fill"], []])
def test_an_unknown_fault_is_refused(names: list[str]) -> None:
    with pytest.raises(ConfigError, match="is no fault; there are disk-full, disk-read-only"):
        chaos(faults=names)


def test_a_result_is_a_frame_json_text_and_html(survived: ChaosResult, tmp_path: Path) -> None:
    frame = survived.frame()
    assert frame["caused"].all()
    assert str(frame["survived"].dtype) == str(frame["right"].dtype) == "boolean"
    document = json.loads(survived.to_json(tmp_path / "chaos.json"), parse_constant=pytest.fail)
    assert json.loads((tmp_path / "chaos.json").read_text()) == document
    assert [row["fault"] for row in document["faults"]] == frame["fault"].tolist()
    assert "13 caused, 13 survived, 0 unavailable" in str(survived)
    assert "disk-full" in survived._repr_html_()
    with pytest.raises(RunError, match="cannot be written"):
        survived.to_json(tmp_path / "missing" / "chaos.json")


def test_every_fault_says_what_it_does_and_how_it_is_undone() -> None:
    for fault in FAULTS.values():
        assert fault.causes
        assert fault.undone
        assert fault.unmet
        assert fault.within is not None or fault.on_disk is not None
        assert all(issubclass(error, PerflabError | OSError | ImportError) for error in fault.raises)
