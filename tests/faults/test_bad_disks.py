"""A run folder whose disk is full, read-only or gone: the program goes on, and one warning says so."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import perflab
from perflab import Config, PerformanceSystem
from perflab.config import RecordSettings
from perflab.errors import RunError
from perflab.record import Recorder, store
from perflab.record.running import RunningFolder
from perflab.record.store import RunFolder

MOUNT, UMOUNT = "/bin/mount", "/bin/umount"
QUIET: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "predictive_prefetching_enabled": False,
    "parallel": {"workers": 1},
    "cache": {"l3_enabled": False},
}
SMALL = {"chunk_rows": 100, "memory_budget_bytes": 50_000}


@contextlib.contextmanager
def mounted(*arguments: str) -> Iterator[Path]:
    """Mount, or skip the test by name where that is not allowed."""
    target = arguments[-1]
    allowed = not os.geteuid() and Path(MOUNT).exists()
    if not allowed or subprocess.run([MOUNT, *arguments], capture_output=True, check=False).returncode:
        pytest.skip(f"mount {' '.join(arguments[:-1])} is not permitted here")
    try:
        yield Path(target)
    finally:
        subprocess.run([UMOUNT, "-l", target], check=False, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    with mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)) as place:
        yield place


def fill(place: Path) -> None:
    """Leave no byte free."""
    with (place / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"x" * 512)


def make_read_only(place: Path) -> None:
    subprocess.run([MOUNT, "-o", "remount,ro", str(place)], check=True)


def read_keys(system: PerformanceSystem, name: str, count: int) -> None:
    for number in range(count):
        system.cache.get(f"{name} {number}")


def found_keys(system: PerformanceSystem) -> list[str]:
    return system.frames.accesses["key"].astype(str).tolist()


@contextlib.contextmanager
def one_warning(match: str) -> Iterator[None]:
    with pytest.warns(RuntimeWarning, match=match) as caught:
        yield
    assert [str(warning.message) for warning in caught if "goes on in memory" not in str(warning.message)] == []
    assert len(caught) == 1


def wait_for(done: Callable[[], bool]) -> None:
    for _ in range(1000):
        if done():
            return
        time.sleep(0.01)
    raise AssertionError("it was waited for in vain")


def test_a_disk_that_fills_costs_one_warning_and_no_rows(disk: Path) -> None:
    before = set(threading.enumerate())
    system = PerformanceSystem(Config(**QUIET, record={"flush_interval_s": 0.1}), run_dir=disk / "run")
    read_keys(system, "before", 10)
    wait_for(lambda: len(perflab.open_run(disk / "run").frames.accesses) == 10)
    fill(disk)
    with one_warning(r"run folder '.*run' cannot be written \(.*No space left on device\); recording goes on"):
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


def test_past_the_budget_rows_that_a_full_disk_does_not_take_are_counted(disk: Path) -> None:
    with PerformanceSystem(Config(**QUIET, record=SMALL), run_dir=disk / "run") as system:
        fill(disk)
        with one_warning("No space left on device"):
            read_keys(system, "key", 6_000)
        assert system.statistics()["rows_dropped"] > 0
        assert len(found_keys(system)) + system.statistics()["rows_dropped"] == 6_000
        assert found_keys(system)[-1] == "key 5999"


def test_a_disk_that_is_full_at_the_end_costs_one_warning_and_what_was_flushed_opens(disk: Path) -> None:
    system = PerformanceSystem(Config(**QUIET), run_dir=disk / "run")
    read_keys(system, "flushed", 10)
    system._recorder.flush()
    read_keys(system, "not flushed", 10)
    fill(disk)
    with one_warning("No space left on device"):
        system.close()
    system.close()
    assert len(found_keys(system)) == 20
    run = perflab.open_run(disk / "run")
    assert (run.status, len(run.frames.accesses)) == ("unfinished", 10)
    assert not list((disk / "run").rglob(".*.tmp"))


def test_a_disk_without_room_for_a_run_is_told_at_the_start_and_rows_stay_in_memory(disk: Path) -> None:
    fill(disk)
    with (
        one_warning(r"run folder '.*run' cannot be written: No space left on device; recording goes on in memory\."),
        PerformanceSystem(Config(**QUIET), run_dir=disk / "run") as system,
    ):
        read_keys(system, "key", 10)
    assert len(found_keys(system)) == 10


def test_a_read_only_disk_is_told_at_the_start_and_rows_stay_in_memory(disk: Path) -> None:
    make_read_only(disk)
    with (
        one_warning(r"run folder '.*run' cannot be written: Read-only file system; recording goes on in memory\."),
        PerformanceSystem(Config(**QUIET), run_dir=disk / "run") as system,
    ):
        read_keys(system, "key", 10)
    assert len(found_keys(system)) == 10
    assert not (disk / "run").exists()


def test_a_disk_that_becomes_read_only_costs_one_warning_and_no_rows(tmp_path: Path) -> None:
    system = PerformanceSystem(Config(**QUIET), run_dir=tmp_path / "run")
    read_keys(system, "before", 10)
    system._recorder.flush()
    with mounted("--bind", str(tmp_path), str(tmp_path)) as place:  # over the one in which files are open
        subprocess.run([MOUNT, "-o", "remount,bind,ro", str(place)], check=True)
        read_keys(system, "after", 10)
        with one_warning("Read-only file system"):
            system._recorder.flush()
            system.close()
    assert len(found_keys(system)) == 20
    assert len(perflab.open_run(tmp_path / "run").frames.accesses) == 10


def test_a_name_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="Not a directory"):
        PerformanceSystem(Config(**QUIET), run_dir=tmp_path / "file" / "run")


def unmount(place: Path) -> None:
    subprocess.run([UMOUNT, "-l", str(place)], check=True)


def remove(place: Path) -> None:
    shutil.rmtree(place / "run")


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
    with one_warning(r"run folder '.*run' cannot be written"):
        read_keys(system, "after", 3_000)
        system._recorder.flush()
        system.close()
    left = found_keys(system)
    assert left[-1] == "after 2999"
    assert len(left) + system.frames.accesses.attrs["rows_dropped"] == 6_000
    assert len(system.frames.select("accesses", ["key"], event="miss")) == len(left)


def test_a_part_that_is_damaged_ends_the_folder_and_not_the_program(tmp_path: Path) -> None:
    system = PerformanceSystem(Config(**QUIET, record=SMALL), run_dir=tmp_path / "run")
    read_keys(system, "before", 3_000)
    for part in (tmp_path / "run" / "parts").iterdir():
        part.write_bytes(b"PAR1")
    with one_warning("cannot be written .ArrowInvalid: Parquet"):
        system.close()


def test_threads_that_meet_one_error_tell_it_once(tmp_path: Path) -> None:
    running = RunningFolder(tmp_path / "run", {}, lambda: None, 60)
    met = threading.Barrier(4)

    def fail(_: RunFolder) -> None:
        met.wait(60)
        raise OSError(28, "No space left on device")

    with one_warning("No space left on device"):
        threads = [threading.Thread(target=running.use, args=(fail,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        running.use(fail)
        running.finish(fail)


def test_rows_on_their_way_into_the_finished_run_are_not_dropped_for_those_that_come_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path / "run", RecordSettings(**SMALL))
    for number in range(300):
        recorder.access(f"before {number}", "miss")
    write_file, frames = store.write_file, iter(["the first"])

    def written_slowly(*values: Any) -> None:
        for _ in frames:
            for number in range(3_000):
                recorder.access(f"meanwhile {number}", "miss")
        write_file(*values)

    monkeypatch.setattr(store, "write_file", written_slowly)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorder.close()
    kept = perflab.open_run(tmp_path / "run").frames.accesses["key"].tolist()
    assert kept == [f"before {number}" for number in range(300)]
    assert len(recorder.frames.accesses) + recorder.rows_dropped == 3_300


def _sorted() -> list[int]:
    return sorted(range(5_000, 0, -1))


def _listed() -> list[int]:
    return list(range(1, 5_001))


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


def test_a_folder_that_takes_no_more_rows_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "run")
    recorder.access("k", "hit")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(RunFolder, "write", full)
    with pytest.warns(RuntimeWarning, match="Disk quota exceeded"):
        recorder.flush()
    assert perflab.open_run(tmp_path / "run").ending == (
        "The run folder could not be written any more: Disk quota exceeded."
    )
