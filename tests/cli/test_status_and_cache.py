"""`perflab status` as a health check, and `perflab cache`, on real folders."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from spoken import answered, said

from perflab import Config, PerformanceSystem
from perflab.cache.disk.tier import DiskCache

QUIET = Config(resource_monitoring={"enabled": False})
LIVING = """
import sys, time
from perflab import Config, PerformanceSystem
config = Config(resource_monitoring={"interval_s": 0.1}, record={"flush_interval_s": 0.1})
with PerformanceSystem(config, run_dir=sys.argv[1], label="living"):
    print("begun", flush=True)
    time.sleep(600)
"""


def test_a_folder_without_runs_is_well_but_not_fresh(tmp_path: Path) -> None:
    assert answered("status", "--runs", tmp_path)[0] == 0
    code, answer = answered("status", "--runs", tmp_path, "--fresh", "60")
    assert (code, answer["healthy"]) == (1, False)
    assert "No running run has written anything for 60 s." in said("status", "--runs", tmp_path, "--fresh", "60").text


def test_a_failed_run_is_not_well(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), PerformanceSystem(QUIET, run_dir=tmp_path / "run"):
        raise ZeroDivisionError
    code, answer = answered("status", "--runs", tmp_path)
    assert (code, answer["last"]["status"], answer["healthy"]) == (1, "failed", False)


def test_a_program_at_work_is_running_and_one_that_was_killed_has_died(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIVING, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            code, answer = answered("status", "--runs", tmp_path, "--fresh", "60")
            assert (code, [job["label"] for job in answer["running"]]) == (0, ["living"])
            assert "running  1" in said("status", "--runs", tmp_path).text
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(0.3)
            assert answered("status", "--runs", tmp_path, "--fresh", "0.2")[0] == 1
        finally:
            process.kill()
    code, answer = answered("status", "--runs", tmp_path)
    assert (code, answer["last"]["status"], answer["running"]) == (1, "died", [])


def test_the_tier_of_the_config_or_of_optimize_files_is_meant_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert answered("cache", "inspect")[1]["folder"] == ".perflab/cache"
    monkeypatch.setenv("PERFLAB_CACHE__L3_DIR", str(tmp_path / "tier"))
    with DiskCache(tmp_path / "tier") as cache:
        cache["page"] = "text"
    assert answered("cache", "inspect")[1]["entries"] == 1
    assert answered("status")[1]["cache"]["entries"] == 1
    assert "entries   1, " in said("cache", "inspect").text


def test_clear_and_prune_and_verify(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "tier") as cache:
        cache.set_many({number: bytes(1_000) for number in range(10)})
    assert said("cache", "verify", tmp_path / "tier").text == "10 values, 0 damaged\n"
    code, answer = answered("cache", "prune", tmp_path / "tier", "--keep", "6kB")
    assert (code, answer["after"]["entries"]) == (0, 5)
    assert said("cache", "clear", "l3", tmp_path / "tier").text.startswith("5 entries were removed")
    assert answered("cache", "inspect", tmp_path / "tier")[1]["entries"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("clear", "l1"), "l1 lives only in the memory of a running program; clear it there, with system.clear_caches"),
        (("clear", "l4"), "'l4' is no tier; choose l3"),
        (("prune", "--keep", "much"), "--keep is 'much'"),
    ],
)
def test_mistakes_are_one_sentence(arguments: tuple[str, ...], message: str) -> None:
    code, _, errors = said("cache", *arguments)
    assert (code, errors.count("\n")) == (2, 1)
    assert message in errors


def test_a_damaged_value_ends_verify_with_1(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "tier") as cache:
        cache["large"] = os.urandom(100_000)
    for path in (tmp_path / "tier").rglob("*.val"):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    code, text, _ = said("cache", "verify", tmp_path / "tier")
    assert code == 1
    assert "damaged: large: " in text
    assert "remove them with: perflab cache prune" in text
