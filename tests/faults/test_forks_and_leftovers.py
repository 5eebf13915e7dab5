"""Forks after use, and what killed programs leave behind: both sides work, and nothing stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from causes import python
from contract import LONGEST_S, pipeline

from perflab.cache import DiskCache

FORKED = """
import json, os, psutil, sys
from perflab import Config, PerformanceSystem

quiet = {"enable_auto_optimization": False, "resource_monitoring": {"enabled": False}}
system = PerformanceSystem(Config(**quiet, cache={"l3_dir": sys.argv[1]}))
system.cache.set("before", "value")
sys.stdout.flush()
child = os.fork()
me, other = ("parent", "child") if child else ("child", "parent")
assert system.cache.get("before") == "value"
assert system.cache.set(me, 1)
assert system.cache.get_or_load("loaded by " + me, lambda: me) == me
ballast = b"x" * (10_000_000 if child else 60_000_000)
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [system.cache.l3.get(name) for name in ("before", "child", "parent")] == ["value", 1, 1]
keys = set(system.frames.accesses["key"])
assert me in keys and other not in keys
with PerformanceSystem(Config(**quiet, cache={"l3_enabled": False})) as own:
    told = own.monitor.sample().rss_bytes
print(json.dumps([me, told / psutil.Process().memory_info().rss]), flush=True)
if child:
    system.close()
os._exit(0)
"""


@pytest.mark.fault("fork after use")
def test_both_sides_of_a_fork_work_and_report_their_own_rows_and_memory(tmp_path: Path) -> None:
    told = [json.loads(line) for line in python(FORKED, tmp_path / "c").splitlines()]
    assert [side for side, _ in told] == ["child", "parent"]
    assert [ratio for _, ratio in told] == [pytest.approx(1, abs=0.05)] * 2
    with DiskCache(tmp_path / "c") as again:
        assert again.get_many(["before", "child", "parent"]) == ["value", 1, 1]


WAITING = """
import psutil, signal, sys
from perflab import Config, PerformanceSystem

quiet = {"enable_auto_optimization": False, "resource_monitoring": {"enabled": False}}
system = PerformanceSystem(Config(**quiet, parallel={"workers": 2}))
system.cache.set("key", b"x" * 100_000)
list(system._workers.map(len, ["a", "b"]))
print(system.cache.l3.folder, *(child.pid for child in psutil.Process().children()), flush=True)
signal.pause()
"""


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[psutil.Process]]:
    """The private folder and the workers of a program that was killed."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WAITING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as program:
        assert program.stdout is not None
        folder, *workers = program.stdout.readline().split()
        found = [psutil.Process(int(worker)) for worker in workers]
        program.send_signal(signal.SIGKILL)
    return Path(folder), found


@pytest.mark.fault("killed with workers")
def test_the_workers_of_a_killed_program_end(killed: tuple[Path, list[psutil.Process]]) -> None:
    assert killed[1]
    assert psutil.wait_procs(killed[1], LONGEST_S)[1] == []


@pytest.mark.fault("killed with a private folder")
def test_the_private_folder_of_a_killed_program_goes_at_the_next_start(
    killed: tuple[Path, list[psutil.Process]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert killed[0].exists()
    psutil.wait_procs(killed[1], LONGEST_S)
    begun = time.monotonic()
    monkeypatch.setattr("tempfile.tempdir", str(killed[0].parent))
    pipeline(None, l3_enabled=True).close()
    assert not killed[0].exists()
    assert time.monotonic() - begun < LONGEST_S
