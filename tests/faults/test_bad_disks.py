"""A run folder whose disk is full, read-only or gone: the program goes on, and one warning says so."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from causes import MOUNT, UMOUNT, fill, python, read_only, small_disk
from contract import survived

import perflab
from perflab import Config, PerformanceSystem
from perflab.record.flight import RING, FlightRing
from perflab.record.flight_read import read_ring

QUIET: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "predictive_prefetching_enabled": False,
    "parallel": {"workers": 1},
    "cache": {"l3_enabled": False},
}
LATE = {"flush_interval_s": 3_600}
"""Nothing reaches the folder by itself."""
SMALL = {"chunk_rows": 100, "memory_budget_bytes": 50_000, **LATE}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    with small_disk(tmp_path) as place:
        yield place


def make_read_only(place: Path) -> None:
    subprocess.run([MOUNT, "-o", "remount,ro", str(place)], check=True)


def read_keys(system: PerformanceSystem, name: str, count: int) -> None:
    for number in range(count):
        system.cache.get(f"{name} {number}")


@contextlib.contextmanager
def survived_by(system: PerformanceSystem, cause: str) -> Iterator[None]:
    """Hold a block against the contract: a row says that the run folder is lost."""
    with survived(f"run folder '.*run' cannot be written.*{cause}", "goes on in memory; free space"):
        yield
    assert system.frames.events["name"].tolist() == ["run_folder_lost"]


def found_keys(system: PerformanceSystem) -> list[str]:
    return system.frames.accesses["key"].astype(str).tolist()


def wait_for(done: Callable[[], bool]) -> None:
    for _ in range(6_000):
        if done():
            return
        time.sleep(0.01)
    raise AssertionError("it was waited for in vain")


@pytest.mark.fault("recorder's disk full")
def test_a_disk_that_fills_costs_one_warning_and_no_rows(disk: Path) -> None:
    before = set(threading.enumerate())
    system = PerformanceSystem(Config(**QUIET, record={"flush_interval_s": 0.1}), run_dir=disk / "run")
    read_keys(system, "before", 10)
    wait_for(lambda: len(perflab.open_run(disk / "run").frames.accesses) == 10)
    with survived_by(system, "No space left on device"):
        fill(disk)
        read_keys(system, "after", 3_000)
        wait_for(lambda: not any(t.name == "perflab-recorder" for t in set(threading.enumerate()) - before))
        system._recorder.flush()
        read_keys(system, "later", 10)
        system._recorder.note(seed=1)
        system.close()
    assert len(found_keys(system)) == 3_020
    assert system.frames.accesses.attrs["rows_dropped"] == 0
    run = perflab.open_run(disk / "run")
    assert (run.status, run.frames.accesses["key"].tolist()) == ("unfinished", [f"before {n}" for n in range(10)])


@pytest.mark.fault("recorder over its budget")
def test_past_the_budget_rows_that_a_full_disk_does_not_take_are_counted(disk: Path) -> None:
    with PerformanceSystem(Config(**QUIET, record=SMALL), run_dir=disk / "run") as system:
        fill(disk)
        with survived_by(system, "No space left on device"):
            read_keys(system, "key", 6_000)
        assert system.statistics()["rows_dropped"] > 0
        assert len(found_keys(system)) + system.statistics()["rows_dropped"] == 6_000
        assert found_keys(system)[-1] == "key 5999"


@pytest.mark.fault("recorder's disk full")
def test_a_disk_that_is_full_at_the_end_costs_one_warning_and_what_was_flushed_opens(disk: Path) -> None:
    system = PerformanceSystem(Config(**QUIET, record=LATE), run_dir=disk / "run")
    read_keys(system, "flushed", 10)
    system._recorder.flush()
    read_keys(system, "not flushed", 10)
    fill(disk)
    with survived_by(system, "No space left on device"):
        system.close()
    system.close()
    assert len(found_keys(system)) == 20
    run = perflab.open_run(disk / "run")
    assert (run.status, len(run.frames.accesses)) == ("unfinished", 10)
    assert any("No space left" in text for text in run.flight["text"])
    assert not list((disk / "run").rglob(".*.tmp"))


@pytest.mark.fault("recorder's disk full")
def test_a_disk_without_room_for_a_run_is_told_at_the_start_and_rows_stay_in_memory(disk: Path) -> None:
    fill(disk)
    with (
        survived("run folder '.*run' cannot be written: No space left on device", "goes on in memory; free space"),
        PerformanceSystem(Config(**QUIET), run_dir=disk / "run") as system,
    ):
        read_keys(system, "key", 10)
    assert len(found_keys(system)) == 10
    assert system.frames.events["name"].tolist() == ["run_folder_lost"]


@pytest.mark.fault("recorder's disk read-only")
def test_a_read_only_disk_is_told_at_the_start_and_rows_stay_in_memory(disk: Path) -> None:
    make_read_only(disk)
    with (
        survived("run folder '.*run' cannot be written: Read-only file system", "goes on in memory; free space"),
        PerformanceSystem(Config(**QUIET), run_dir=disk / "run") as system,
    ):
        read_keys(system, "key", 10)
    assert len(found_keys(system)) == 10
    assert system.frames.events["name"].tolist() == ["run_folder_lost"]
    assert not (disk / "run").exists()


@pytest.mark.fault("recorder's disk read-only")
def test_a_disk_that_becomes_read_only_costs_one_warning_and_no_rows(tmp_path: Path) -> None:
    system = PerformanceSystem(Config(**QUIET, record=LATE), run_dir=tmp_path / "run")
    read_keys(system, "before", 10)
    system._recorder.flush()
    with read_only(tmp_path):  # over the one in which files are open
        read_keys(system, "after", 10)
        with survived_by(system, "Read-only file system"):
            system._recorder.flush()
            system.close()
    assert len(found_keys(system)) == 20
    assert len(perflab.open_run(tmp_path / "run").frames.accesses) == 10


def unmount(place: Path) -> None:
    subprocess.run([UMOUNT, "-l", str(place)], check=True)


def remove(place: Path) -> None:
    shutil.rmtree(place / "run")


@pytest.mark.fault("recorder's disk removed")
@pytest.mark.parametrize("lose", [unmount, remove])
def test_a_disk_that_is_removed_costs_one_warning_and_the_rows_that_were_on_it_alone(
    disk: Path, lose: Callable[[Path], None]
) -> None:
    system = PerformanceSystem(Config(**QUIET, record=SMALL), run_dir=disk / "run")
    read_keys(system, "before", 3_000)
    assert len(found_keys(system)) == 3_000
    lose(disk)
    left = found_keys(system)
    assert left == [f"before {number}" for number in range(3_000 - len(left), 3_000)]
    assert 0 < len(left) == 3_000 - system.statistics()["rows_dropped"]
    assert system.frames.describe().set_index(["frame", "column"])["rows"]["accesses", "key"] == len(left)
    with survived_by(system, ""):
        read_keys(system, "after", 3_000)
        system._recorder.flush()
        system.close()
    left = found_keys(system)
    assert left[-1] == "after 2999"
    assert len(left) + system.frames.accesses.attrs["rows_dropped"] == 6_000
    assert len(system.frames.select("accesses", ["key"], event="miss")) == len(left)


@pytest.mark.fault("recorder's files damaged")
def test_a_part_that_is_damaged_ends_the_folder_and_not_the_program(tmp_path: Path) -> None:
    system = PerformanceSystem(Config(**QUIET, record=SMALL), run_dir=tmp_path / "run")
    read_keys(system, "before", 3_000)
    for part in (tmp_path / "run" / "parts").iterdir():
        part.write_bytes(b"PAR1")
    with survived_by(system, "is no Parquet file"):
        system.close()


@pytest.mark.fault("recorder's disk full")
def test_a_disk_without_room_for_the_flight_ring_alone_turns_it_off(tmp_path: Path) -> None:
    with small_disk(tmp_path, "size=64k"):
        with survived("No space left on device", "Free space or name another run folder"):
            ring = FlightRing(tmp_path / RING)
        ring.write("event", "x")
        assert not ring.on
        assert list(tmp_path.iterdir()) == []


RING_ON_A_DISK_THAT_FILLS = """
import pathlib, sys
from perflab.record.flight import FlightRing

ring = FlightRing(pathlib.Path(sys.argv[1]))
try:
    with open(sys.argv[2], "wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 512)
except OSError:
    pass
for number in range(2_000):
    ring.write("event", str(number))
"""


@pytest.mark.fault("recorder's disk full")
def test_a_disk_that_fills_under_the_flight_ring_does_not_end_the_program(tmp_path: Path) -> None:
    with small_disk(tmp_path, "size=256k"):
        python(RING_ON_A_DISK_THAT_FILLS, tmp_path / RING, tmp_path / "filler")
        found = [event.text for event in read_ring(tmp_path / RING).events]
        assert found == [str(number) for number in range(2_000 - 512, 2_000)]


def _sorted() -> list[int]:
    return sorted(range(5_000, 0, -1))


def _listed() -> list[int]:
    return list(range(1, 5_001))


@pytest.mark.fault("recorder's disk full")
def test_a_benchmark_whose_disk_fills_up_keeps_its_samples_in_memory(disk: Path) -> None:
    def fill_at_once(what: str, done: int, total: int, remaining_s: float | None) -> None:
        del what, total, remaining_s
        if done == 1:
            fill(disk)

    with pytest.warns(RuntimeWarning, match="run folder"):
        result = perflab.benchmark(_sorted, _listed, pairs=8, budget_s=0, run_dir=disk / "run", on_step=fill_at_once)
    assert len(result.run.frames.samples) == 20
    assert result.verdict in ("faster", "unclear")
    run = perflab.open_run(disk / "run")
    assert run.status != "finished"
    assert any("No space left" in text for text in run.flight["text"])
