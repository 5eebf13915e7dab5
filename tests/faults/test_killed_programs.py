"""Programs that are killed: their run opens with all that was flushed, and tells what they were doing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import perflab
from perflab.system import Run

AT_WORK = """
import sys, threading
from perflab import Config, PerformanceSystem

quiet = {"resource_monitoring": {"enabled": False}, "enable_auto_optimization": False, "parallel": {"workers": 1}}
system = PerformanceSystem(Config(**quiet, record={"flush_interval_s": 0.1}), run_dir=sys.argv[1])
for number in range(20):
    with system.operation("parse", key=f"file {number}") as op:
        op.nbytes = number
        system.cache.get(number)
try:
    with system.operation("validate", key="bad"):
        raise ValueError("no rule")
except ValueError:
    pass
with system.operation("report", key="<all>"), system.operation("render", key="page 7"):
    system.cache.get("page 7")
    print("ready", flush=True)
    threading.Event().wait()
"""


def flushed(path: Path, rows: int) -> Run:
    """Return the run once so many operations are on disk."""
    for _ in range(600):
        run = perflab.open_run(path)
        if len(run.frames.operations) >= rows and len(run.frames.accesses) > 20:
            return run
        time.sleep(0.02)
    raise AssertionError("nothing was flushed")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run folder of a program that was killed inside two operations, and what was said of it before."""
    path = tmp_path_factory.mktemp("killed") / "run"
    with subprocess.Popen([sys.executable, "-c", AT_WORK, str(path)], stdout=subprocess.PIPE) as program:
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == b"ready\n"
            before = flushed(path, 21).ending
        finally:
            program.kill()
    assert program.returncode == -signal.SIGKILL
    return path, before


@pytest.mark.fault("killed while it records")
def test_what_was_flushed_is_there_and_the_run_is_unfinished(killed: tuple[Path, str]) -> None:
    run = perflab.open_run(killed[0])
    operations = run.frames.operations.astype({"name": str})
    assert run.status == "unfinished"
    assert operations["name"].tolist() == ["parse"] * 20 + ["validate"]
    assert operations["nbytes"].dropna().tolist() == list(range(20))
    assert operations["error"].dropna().tolist() == ["ValueError: no rule"]
    assert run.frames.accesses["key"].tolist() == [*map(str, range(20)), "page 7"]
    assert set(run.frames.accesses["operation"].iloc[:20]) == {"parse"}
    assert run.metrics().set_index("name")["value"]["cache.hit_rate"] == 0


@pytest.mark.fault("killed while it records")
def test_the_flight_tells_which_operations_were_open_and_which_had_ended(killed: tuple[Path, str]) -> None:
    path, before = killed
    run = perflab.open_run(path)
    flight = run.flight
    ended = flight[flight["kind"] == "end"]
    assert ended["text"].tolist() == ["parse"] * 20
    assert (ended["duration_s"] > 0).all()
    recorded = run.frames.operations.set_index("operation_id")["duration_s"]
    told = flight[flight["kind"].isin(["end", "failed"])].set_index("operation_id")["duration_s"]
    assert told.to_dict() == recorded.to_dict()
    assert flight["text"].tolist()[-2:] == ["report '<all>'", "render 'page 7'"]
    assert flight.attrs["problem"] is None
    render, report = flight["operation_id"].iloc[[-1, -2]]
    assert before.startswith(f"The program is still running; it is in: render 'page 7' (operation {render}, ")
    assert run.ending.startswith(f"The program ended during: render 'page 7' (operation {render}, ")
    assert f"; report '<all>' (operation {report}, " in run.ending
    assert run.ending in repr(run)
    assert "report &#x27;&lt;all&gt;&#x27;" in run._repr_html_()


@pytest.mark.fault("killed while it records")
def test_a_killed_run_makes_way_for_none_and_can_be_reported(killed: tuple[Path, str], tmp_path: Path) -> None:
    with pytest.raises(perflab.PerflabError, match="holds a run already"):
        perflab.PerformanceSystem(run_dir=killed[0])
    assert perflab.open_run(killed[0]).report(tmp_path / "report.md").stat().st_size > 500


KILLED_WHILE_WRITING = """
import os, pathlib, signal, sys
import pyarrow.parquet as pq
from perflab.config import RecordSettings
from perflab.record import Recorder, log

FLUSHES = 5
log.MERGE_PIECES = 4
steps = 0


def counted(owner, name):
    wrapped = getattr(owner, name)

    def step(*values, **named):
        global steps
        steps += 1
        if steps == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return wrapped(*values, **named)

    setattr(owner, name, step)


def work(folder):
    recorder = Recorder(folder, RecordSettings(flush_interval_s=600))
    for number in range(FLUSHES):
        with recorder.operation("save", key=number):
            recorder.access(number, "miss")
            recorder.flush()
            (folder / "said").write_text(str(number + 1))
    recorder.close()


for owner, name in ((pq.ParquetWriter, "write_table"), (pathlib.Path, "replace"), (pathlib.Path, "unlink")):
    counted(owner, name)
for deadly in range(2, 1000, 2):
    folder = pathlib.Path(sys.argv[1], str(deadly))
    child = os.fork()
    if child == 0:
        work(folder)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


@pytest.mark.fault("killed while it records")
def test_a_program_killed_at_steps_of_a_flush_or_of_the_end_keeps_what_it_was_told_is_kept(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(tmp_path)], check=True, timeout=300)
    folders = sorted(tmp_path.iterdir(), key=lambda folder: int(folder.name))
    statuses = []
    for folder in folders:
        run = perflab.open_run(folder)
        said = int((folder / "said").read_text()) if (folder / "said").exists() else 0
        accesses = run.frames.accesses["key"].astype(str).tolist()
        operations = run.frames.operations["key"].astype(str).tolist()
        assert accesses in ([*map(str, range(said))], [*map(str, range(said + 1))]), folder
        assert operations in ([*map(str, range(said - 1))], [*map(str, range(said))]), folder
        if run.status == "unfinished" and said < 5:
            assert run.ending.startswith(f"The program ended during: save {said} (operation "), folder
        statuses.append(run.status)
    assert len(folders) > 20
    assert statuses == sorted(statuses, reverse=True)  # unfinished up to a step, finished from it on
    assert set(statuses) == {"unfinished", "finished"}
    assert not (folders[-1] / "flight.ring").exists()


def wait_for_parts(path: Path) -> None:
    """Wait until rows of both frames are on disk."""
    for _ in range(3000):
        if all(list((path / "parts").glob(f"{frame}-*.parquet")) for frame in ("accesses", "operations")):
            return
        time.sleep(0.01)
    raise AssertionError("nothing was flushed")


@pytest.mark.fault("killed while it records")
def test_a_program_killed_at_any_time_while_it_flushes_all_the_time_opens(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time\n"
        "from perflab.config import RecordSettings\n"
        "from perflab.record import Recorder\n"
        "recorder = Recorder(pathlib.Path(sys.argv[1]), RecordSettings(flush_interval_s=0.001))\n"
        "number = 0\n"
        "while True:\n"
        "    with recorder.operation('count', key=number):\n"
        "        recorder.access(number, 'miss')\n"
        "        number += 1\n"
        "    time.sleep(0.0005)\n"
    )
    for delay_s in (0.05, 0.13, 0.31):
        path = tmp_path / str(delay_s)
        with subprocess.Popen([sys.executable, "-c", code, str(path)]) as program:
            try:
                wait_for_parts(path)
                time.sleep(delay_s)
            finally:
                program.kill()
        run = perflab.open_run(path)
        for frame in (run.frames.accesses, run.frames.operations):
            assert frame["key"].astype(str).tolist() == [*map(str, range(max(1, len(frame))))]
        assert run.status == "unfinished"
        assert "count" in run.ending
