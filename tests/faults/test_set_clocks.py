"""Wall clocks that are set by two hours, in processes that go on and between processes that share a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from causes import FakedClock, python

import perflab
from perflab.cache import DiskCache

TWO_PROCESSES = """
import os, sys
from pathlib import Path
from perflab.cache import DiskCache

def offset(text):
    Path(os.environ["FAKETIME_TIMESTAMP_FILE"]).write_text(text)

with DiskCache(sys.argv[1]) as cache:
    offset("-2h")
    print(cache.get("hour"), cache.get("endless"))
    offset("+0")
    print(cache.get("hour"), cache.get("endless"))
    cache.set("own", 3, ttl=60)
    offset("+2h")
    print(cache.get("hour"), cache.get("endless"), cache.get("own"))
    offset("-2h")
    print(cache.get("hour"), cache.get("own"))
"""


@pytest.mark.fault("clock back two hours")
@pytest.mark.fault("clock forward two hours")
def test_another_process_believes_an_entry_between_its_times_alone(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache.set("hour", 1, ttl=3_600)
        cache["endless"] = 2
    said = python(TWO_PROCESSES, tmp_path / "c", **FakedClock(tmp_path / "offset").environ)
    assert said.splitlines() == ["None None", "1 2", "None 2 3", "None 3"]


MEMORY = """
import os, select, sys, time
from pathlib import Path
from perflab import Config, PerformanceSystem

def offset(text):
    Path(os.environ["FAKETIME_TIMESTAMP_FILE"]).write_text(text)

before = time.time()
with PerformanceSystem(Config(enable_auto_optimization=False, resource_monitoring={"interval_s": 0.2})) as system:
    system.cache.set("minute", 1, ttl=60)
    system.cache.set("soon", 2, ttl=0.3)
    offset(sys.argv[2])
    begun = time.monotonic()
    print(round((time.time() - before) / 3_600), system.cache.get("minute"), 30 < system.cache.ttl("minute") <= 60)
    select.select([], [], [], 0.7)
    print(system.cache.get("soon"), system.cache.get_or_load("soon", lambda: 3), system.cache.get("minute"))
    while len(rows := system.frames.resources) < 2 and time.monotonic() - begun < 30:
        select.select([], [], [], 0.1)
    print(rows["cpu_ratio"].dropna().between(0, 1).all(), len(rows) >= 2, time.monotonic() - begun < 60)
"""


@pytest.mark.parametrize(
    "hours",
    [
        pytest.param(-2, marks=pytest.mark.fault("clock back two hours")),
        pytest.param(2, marks=pytest.mark.fault("clock forward two hours")),
    ],
)
def test_inside_a_process_times_to_live_go_on_as_if_nothing_were(tmp_path: Path, hours: int) -> None:
    clock = FakedClock(tmp_path / "offset")
    said = python(MEMORY, tmp_path, f"{hours:+d}h", **clock.environ)
    assert said.splitlines() == [f"{hours} 1 True", "None 3 1", "True True True"]


RECORDED = """
import json, pathlib, sys, time
from perflab import Config, PerformanceSystem

quiet = {"resource_monitoring": {"enabled": False}, "enable_auto_optimization": False, "parallel": {"workers": 1}}
system = PerformanceSystem(Config(**quiet), run_dir=sys.argv[1])
offset = pathlib.Path(sys.argv[2])


def work(name):
    for number in range(20):
        with system.operation(name, key=number):
            system.cache.get_or_load(number, lambda: "value", ttl=60)


with system.operation("around"):
    work("before")
    system._recorder.flush()
    before = time.time()
    offset.write_text(sys.argv[3])
    jumped_s = time.time() - before
    work("after")
system.metrics_history(), system.metrics()
system.close()
print(json.dumps({"jumped_s": jumped_s}))
"""


@pytest.mark.parametrize(
    "hours",
    [
        pytest.param(-2, marks=pytest.mark.fault("clock back two hours")),
        pytest.param(2, marks=pytest.mark.fault("clock forward two hours")),
    ],
)
def test_rows_move_with_the_clock_and_none_is_lost(tmp_path: Path, hours: int) -> None:
    clock = FakedClock(tmp_path / "offset")
    said = python(RECORDED, tmp_path / "run", clock.path, f"{hours:+d}h", **clock.environ)
    assert json.loads(said)["jumped_s"] == pytest.approx(hours * 3600, abs=60)
    run = perflab.open_run(tmp_path / "run")
    operations, accesses = run.frames.operations, run.frames.accesses
    assert operations["name"].value_counts().to_dict() == {"before": 20, "after": 20, "around": 1}
    assert operations["duration_s"].between(0, 60).all()
    assert accesses["event"].value_counts()[["miss", "load", "hit"]].to_dict() == {"miss": 20, "load": 20, "hit": 20}
    mean_t = operations.groupby("name", observed=True)["t"].mean()
    assert (mean_t["after"] - mean_t["before"]).total_seconds() == pytest.approx(hours * 3600, abs=60)
    hits, misses = (accesses.loc[accesses["event"] == event, "t"].mean() for event in ("hit", "miss"))
    assert (hits - misses).total_seconds() == pytest.approx(hours * 3600, abs=60)
    assert accesses["t"].is_monotonic_increasing
    assert run.report(tmp_path / "report.md").stat().st_size > 500
