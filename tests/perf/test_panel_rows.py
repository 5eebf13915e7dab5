"""What panels cost on ten million recorded rows, in seconds and megabytes: run with `make perf`.

Nothing here asserts a time; each line is of one panel in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perflab import Config, PerformanceSystem
from perflab.workloads.accesses import zipf

READS = 9_000_000
"""With what they store and evict, some ten million rows."""

PROGRAM = """
import sys, threading, time
import matplotlib.figure, pandas, psutil, scipy.stats
import perflab
from perflab.widgets import Explorer, Targets, WhatIfPanel

folder, kind = sys.argv[1:]
run = perflab.open_run(folder)
process = psutil.Process()
peak = [before := process.memory_info().rss]

def watch():
    while True:
        peak[0] = max(peak[0], process.memory_info().rss)
        time.sleep(0.01)

threading.Thread(target=watch, daemon=True).start()
started, begun = time.perf_counter(), time.process_time()
panel = {"targets": Targets, "explorer": Explorer, "what-if": WhatIfPanel}[kind](run)
assert panel.settle(600)
assert "Looked at" in panel.shown
took, computed = time.perf_counter() - started, time.process_time() - begun
print(f"{took:.1f} s, {computed:.1f} s of CPU, {(peak[0] - before) / 1e6:.0f} MB more at the peak")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("many") / "run"
    config = Config(
        cache={"l1_bytes": "60 kB", "l2_bytes": "10 kB", "l3_enabled": False}, enable_auto_optimization=False
    )
    pages = zipf(100_000, 200, seed=2026)
    with PerformanceSystem(config, run_dir=made) as system:
        for _ in range(READS // len(pages)):
            for page in pages:
                system.cache.get_or_load(page, lambda: "x" * 1_000)
        print(f"\n{system.frames}")
    return made


@pytest.mark.parametrize("kind", ["targets", "explorer", "what-if"])
def test_a_panel_on_ten_million_rows(folder: Path, kind: str) -> None:
    command = [sys.executable, "-c", PROGRAM, str(folder), kind]
    print(f"\n{kind}: {subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()}")
