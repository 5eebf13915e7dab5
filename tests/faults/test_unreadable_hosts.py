"""Hosts that do not tell: what cannot be read is missing and marked so, and everything else is measured."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from causes import another_user, program, python

TOLD = """
import json, sys, time
from perflab import Config, PerformanceSystem

config = Config(resource_monitoring={"interval_s": 0.1}, cache={"l3_enabled": False}, enable_auto_optimization=False)
with PerformanceSystem(config) as system:
    begun = time.monotonic()
    answer = system.cache.get_or_load("key", lambda: 42)
    while len(system.frames.resources) < 3 and time.monotonic() - begun < 5:
        time.sleep(0.05)
    rows = system.frames.resources
    metrics = system.metrics().set_index("name")
    print(json.dumps({
        "answer": answer,
        "samples": len(rows),
        "missing": [name for name in rows if rows[name].isna().all()],
        "zero": [name for name in rows.select_dtypes("number") if (rows[name] == 0).all()],
        "metrics": metrics["value"].dropna().index.tolist(),
    }))
"""


def hidden(*covered: str) -> tuple[str, ...]:
    """Return what a program is run under to see these files of /proc empty, in a mount namespace of its own."""
    unshare = program("unshare")
    mounts = " && ".join(f"mount --bind /dev/null {path}" for path in covered)
    under = (unshare, "--mount", "/bin/sh", "-c", f'{mounts} && exec "$@"', "sh")
    if subprocess.run([*under, sys.executable, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip("a mount namespace is not permitted here")
    return under


def told(under: tuple[str, ...]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(python(TOLD, under=under))
    assert found["answer"] == 42
    assert found["samples"] >= 3
    return found


@pytest.fixture(scope="module")
def usual() -> Mapping[str, Any]:
    """What this host tells of itself."""
    return told(())


@pytest.mark.fault("pressure files unreadable")
def test_pressure_that_cannot_be_read_is_missing_and_never_0(usual: Mapping[str, Any]) -> None:
    files = [str(path) for path in Path("/proc/pressure").glob("*") if path.name in ("cpu", "memory", "io")]
    if not files:
        pytest.skip("this kernel tells no pressure")
    found = told(hidden(*files))
    lost = {"cpu_pressure_ratio", "memory_pressure_ratio", "io_pressure_ratio"}
    assert set(found["missing"]) == set(usual["missing"]) | lost
    assert not lost & set(found["zero"])


@pytest.mark.fault("/proc files unreadable")
def test_counters_that_cannot_be_read_are_missing_and_all_others_are_there(usual: Mapping[str, Any]) -> None:
    found = told(hidden("/proc/stat", "/proc/diskstats", "/proc/loadavg", "/proc/mounts"))
    lost = set(found["missing"]) - set(usual["missing"])
    assert "cpu_ratio" in lost
    assert "rss_bytes" not in found["missing"]
    assert not lost & set(found["zero"])
    assert set(found["metrics"]) <= set(usual["metrics"])


@pytest.mark.fault("/proc files unreadable")
@pytest.mark.fault("processes of other users unreadable")
def test_a_proc_that_shows_no_other_process_costs_columns_alone(
    usual: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"'
    under = (program("unshare"), "--mount", "/bin/sh", "-c", mount, "sh", *another_user())
    if subprocess.run([*under, sys.executable, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip("proc cannot be mounted with hidepid here")
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        monkeypatch.setenv("TMPDIR", place)
        found = told(under)
    assert "rss_bytes" not in found["missing"]
    assert set(found["metrics"]) <= set(usual["metrics"])
