"""A run folder that takes no more rows: told of once, and no row is dropped for it that memory has room for."""

from __future__ import annotations

import errno
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

import perflab
from perflab.config import RecordSettings
from perflab.record import Recorder, store
from perflab.record.running import RunningFolder
from perflab.record.store import RunFolder


def test_threads_that_meet_one_error_tell_it_once(tmp_path: Path) -> None:
    running = RunningFolder(tmp_path / "run", {}, lambda: None, 60)
    met = threading.Barrier(4)

    def fail(_: RunFolder) -> None:
        met.wait(60)
        raise OSError(28, "No space left on device")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=running.use, args=(fail,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        running.use(fail)
        running.finish(fail)
    assert ["No space left on device" in str(warning.message) for warning in caught] == [True]


def test_rows_on_their_way_into_the_finished_run_are_not_dropped_for_those_that_come_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path / "run", RecordSettings(chunk_rows=100, memory_budget_bytes=50_000))
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
