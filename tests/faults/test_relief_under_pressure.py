"""Relief for real: a program that fills its memory sees every step happen, measured, and gets its settings back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import perflab

PROGRAM = """
import json, sys, time
from perflab import Config, PerformanceSystem

MIB = 1 << 20
config = Config(
    relief={"budget_bytes": 210 * MIB, "cooldown_s": 3.0},
    resource_monitoring={"interval_s": 0.5, "memory_threshold_bytes": 200 * MIB},
    cache={"l1_bytes": 64 * MIB, "l2_bytes": 16 * MIB, "l3_enabled": False},
    parallel={"workers": 4},
    max_parallel_operations=4,
    optimization_schedule={"enabled": False},
)

def until(holds, seconds=30):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()

def state():
    cache = system.cache
    return [system.prefetch._paused, cache.l1.max_bytes, system._workers.workers, cache.admits]

with PerformanceSystem(config, run_dir=sys.argv[1]) as system:
    warned = []
    system.on("memory_warning", lambda data: warned.append(data))
    before = state()
    for number in range(6_000):
        system.cache.set(number, b"x" * 8_000)
    list(system._workers.map(len, ["a", "b", "c", "d"]))
    quiet = len(system.frames.optimizations)
    ballast = b"x" * (200 * MIB)
    reached = until(lambda: 4 in system._background._relieving._ladder.in_force)
    during = state()
    stored = system.cache.set("new", b"x" * 100), "new" in system.cache
    print("short", flush=True)
    if sys.argv[2] == "kill":
        time.sleep(60)
    until(lambda: system.frames.optimizations["reason"].str.contains("switched off").any(), 10)
    ballast = None
    restored = until(lambda: not system._background._relieving._ladder.in_force)
    after = state()
    rows = system.frames.optimizations
print(json.dumps({
    "before": before, "quiet": quiet, "reached": reached, "during": during, "stored": stored, "restored": restored,
    "after": after, "warned": warned,
    "rows": json.loads(rows.drop(columns="t").to_json(orient="records")),
}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a program says that took 200 MiB more than it should, and let go of them."""
    folder = tmp_path_factory.mktemp("short")
    command = [sys.executable, "-c", PROGRAM, str(folder / "run"), "end"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def rows_of(told: Any, knob: str) -> list[dict[str, Any]]:
    return [row for row in told["rows"] if row["knob"] == knob]


@pytest.mark.fault("memory budget exceeded")
def test_every_step_happens_and_no_setting_stays_changed(told: Any) -> None:
    assert told["quiet"] == 0, "nothing is done while there is room"
    assert told["reached"]
    paused, l1_bytes, workers, admits = told["during"]
    assert (paused, workers, admits) == (True, 1, False)
    assert l1_bytes < told["before"][1]
    assert told["stored"] == [False, False], "nothing new comes into memory, and there is no disk tier"
    assert told["restored"]
    assert told["after"] == told["before"] == [False, 64 << 20, 4, True]


@pytest.mark.fault("memory budget exceeded")
def test_every_step_has_memory_before_and_after(told: Any) -> None:
    settings = ("predictive_prefetching_enabled", "parallel.workers", "cache.admits")
    for knob in ("malloc_trim", "cache", *settings, "flight record"):
        judged = [row for row in rows_of(told, knob) if row["measured"] is not None]
        assert judged, knob
        assert all(row["before"] > 0 for row in judged if row["metric"] == "memory.rss")
    assert {row["trigger"] for row in told["rows"]} == {"memory_pressure"}
    (shrunk,) = [row for row in rows_of(told, "cache") if row["verdict"] == "kept"][:1]
    assert shrunk["before"] - shrunk["measured"] > 10e6, "half of what the cache held"


@pytest.mark.fault("memory budget exceeded")
def test_idle_workers_end_and_that_is_measured(told: Any) -> None:
    first = rows_of(told, "parallel.workers")[0]
    assert (first["old"], first["new"], first["verdict"]) == ("4", "2", "kept")
    assert first["metric"] == "memory.children_rss"
    assert first["before"] - first["measured"] > 20e6


@pytest.mark.fault("memory budget exceeded")
def test_a_step_that_frees_nothing_says_that_it_is_switched_off(told: Any) -> None:
    useless = [row for row in told["rows"] if row["verdict"] == "rolled back" and row["measured"] is not None]
    assert useless
    assert any("switched off" in row["reason"] for row in useless)


@pytest.mark.fault("memory budget exceeded")
def test_the_warning_comes_once_with_its_bound(told: Any) -> None:
    (first, *more) = [data for data in told["warned"] if data["of"] == "growth"]
    assert first["threshold"] == 200 << 20
    assert first["share"] == pytest.approx(first["usage"] / first["threshold"])
    assert len(more) <= 1, "each crossing warns once, not each sample"


@pytest.mark.fault("memory budget exceeded")
@pytest.mark.fault("killed while it records")
def test_a_program_that_is_killed_when_memory_ends_tells_so(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "run"), "kill"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "short\n"
        program.kill()
    run = perflab.open_run(tmp_path / "run")
    warnings = run.flight.loc[run.flight["kind"] == "warning", "text"].tolist()
    assert warnings
    assert "(growth)" in warnings[-1]
    assert run.frames.resources["memory_ratio"].max() > 0.9
    assert "malloc_trim" in set(run.frames.optimizations["knob"])
