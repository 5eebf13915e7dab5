from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from perflab import open_run
from perflab.errors import BenchmarkError, RunError
from perflab.system.detached import Detached, last_begun, start


def by_list() -> int:
    return sum([number * number for number in range(60_000)])


def by_stream() -> int:
    return sum(number * number for number in range(60_000))


def lives(process: psutil.Process) -> bool:
    # One whose parent does not wait for it stays in the table and runs no more.
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


OWN: dict[str, Any] = {"workload": by_list, "optimized": by_stream}


def test_it_measures_and_the_folder_is_a_run(tmp_path: Path) -> None:
    background = start(tmp_path / "run", {**OWN, "pairs": 8})
    found = background.wait(60)
    run = open_run(tmp_path / "run")
    assert (found.status, run.status) == ("finished", "finished")
    assert found.done == found.total == len(run.frames.samples)
    assert Detached(tmp_path / "run").progress() == found


def test_a_cancelled_one_leaves_no_process_and_keeps_its_samples(tmp_path: Path) -> None:
    background = start(tmp_path / "run", {**OWN, "pairs": 200})
    while background.progress().done < 3:
        pass
    found = last_begun(tmp_path)
    assert found is not None
    assert found.folder == tmp_path / "run"
    worker = psutil.Process(background.pid)
    family = [worker, *worker.children(recursive=True)]
    Detached(tmp_path / "run").cancel()
    assert background.progress().status == "cancelled"
    assert [process for process in family if lives(process)] == []
    assert open_run(tmp_path / "run").status == "cancelled"
    assert len(open_run(tmp_path / "run").frames.samples) >= 3
    background.cancel()
    assert background.progress().status == "cancelled"


def test_one_that_does_not_listen_is_ended(tmp_path: Path) -> None:
    background = start(tmp_path / "run", {**OWN, "pairs": 200})
    while background.progress().done < 3:
        pass
    worker = psutil.Process(background.pid)
    family = [worker, *worker.children(recursive=True)]
    os.kill(worker.pid, signal.SIGSTOP)
    background.cancel()
    assert [process for process in family if lives(process)] == []
    assert background.progress().status == "cancelled"
    open_run(tmp_path / "run")


def test_it_stands_in_a_session_of_its_own(tmp_path: Path) -> None:
    background = start(tmp_path / "run", {**OWN, "pairs": 200})
    assert os.getsid(background.pid) == background.pid != os.getsid(0)
    background.cancel()
    assert background.progress().is_over


def test_what_went_wrong_is_told(tmp_path: Path) -> None:
    found = start(tmp_path / "one", {"workload": "no-such-workload"}).wait(60)
    assert found.status == "failed"
    assert found.what.startswith("'no-such-workload' is no workload; choose")
    found = start(tmp_path / "two", {"workload": by_list, "optimized": lambda: 1 / 0, "pairs": 2}).wait(60)
    assert found.status == "failed"
    assert "ZeroDivisionError" in found.what


def test_what_cannot_travel_is_refused(tmp_path: Path) -> None:
    lock = threading.Lock()
    with pytest.raises(BenchmarkError, match="cannot travel to another process"):
        start(tmp_path / "run", {"workload": lambda: lock, "optimized": by_list})


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be made"):
        start(tmp_path / "file" / "run", OWN)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"pid": 1}', '{"pid": "x", "created": 0}'])
def test_a_damaged_note_of_the_worker_is_no_worker(tmp_path: Path, content: str) -> None:
    (tmp_path / "worker.json").write_text(content)
    found = Detached(tmp_path)
    assert found.progress().is_over
    found.cancel()


def test_a_wait_that_is_too_long_says_so(tmp_path: Path) -> None:
    background = start(tmp_path / "run", {**OWN, "pairs": 200})
    with pytest.raises(BenchmarkError, match="is not over after 0 s"):
        background.wait(0)
    background.cancel()


def test_one_that_goes_on_is_found_before_one_that_was_begun_later(tmp_path: Path) -> None:
    assert last_begun(tmp_path / "missing") is None
    assert last_begun(tmp_path) is None
    first = start(tmp_path / "first", {**OWN, "pairs": 200})
    start(tmp_path / "second", {"workload": "no-such-workload"}).wait(60)
    found = last_begun(tmp_path)
    assert found is not None
    assert found.folder == first.folder
    first.cancel()
    found = last_begun(tmp_path)
    assert found is not None
    assert found.progress().is_over
