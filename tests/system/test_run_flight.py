from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import perflab
from perflab.record.flight import RING, FlightRing
from perflab.record.frames import FRAMES
from perflab.record.store import RunFolder
from perflab.system import Run

KILLED = """
import os, pathlib, signal, sys, time
from perflab.record.flight import RING, FlightRing, begin_text
from perflab.record.store import RunFolder

path = pathlib.Path(sys.argv[1])
folder = RunFolder(path, {"run_id": "r"})
clock = iter(range(10**18, 2 * 10**18, 1_600_000_000)).__next__
ring = FlightRing(path / RING, clock=clock)
ring.write("begin", begin_text("parse", "b.py"), 11)
ring.write("end", "parse", 11, 0.5)
ring.write("begin", begin_text("parse", "a.py"), 12)
ring.write("event", "memory_warning", 12)
ring.write("event", "cpu_warning")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a program that was killed."""
    path = tmp_path_factory.mktemp("killed") / "run"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    return path


@pytest.fixture
def killed(left: Path, tmp_path: Path) -> Path:
    return shutil.copytree(left, tmp_path / "run")


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[RunFolder]:
    folder = RunFolder(tmp_path / "run", {"run_id": "r"})
    yield folder
    folder.release()


def test_a_killed_program_leaves_its_last_events(killed: Path) -> None:
    frame = perflab.open_run(killed).flight
    assert list(frame) == ["t", "kind", "text", "operation_id", "duration_s"]
    assert frame["kind"].tolist() == ["begin", "end", "begin", "event", "event"]
    assert frame["text"].tolist() == ["parse 'b.py'", "parse", "parse 'a.py'", "memory_warning", "cpu_warning"]
    assert frame["operation_id"].fillna(0).tolist() == [11, 11, 12, 12, 0]
    assert frame["duration_s"].dropna().tolist() == [0.5]
    assert str(frame["t"][0]) == "2001-09-09 01:46:40+00:00"
    assert frame.attrs["problem"] is None


def test_a_killed_program_tells_what_it_was_doing(killed: Path) -> None:
    run = perflab.open_run(killed)
    said = "The program ended during: parse 'a.py' (operation 12, begun 3.20 s before the last event)."
    assert run.ending == said
    assert said in repr(run)
    assert said.replace("'", "&#x27;") in run._repr_html_()


def test_a_program_that_is_at_work_did_not_end(writing: RunFolder) -> None:
    ring = FlightRing(writing.path / RING)
    ring.write("begin", "parse", 3)
    run = perflab.open_run(writing.path)
    assert run.ending.startswith("The program is still running; it is in: parse (operation 3, ")
    writing.release()
    assert run.ending.startswith("The program ended during: parse (operation 3, ")


def test_looking_at_a_run_leaves_it_to_its_writer(writing: RunFolder) -> None:
    assert "still running" in perflab.open_run(writing.path).ending
    with pytest.raises(perflab.PerflabError, match="Another system writes"):
        RunFolder(writing.path, {})


def test_another_reader_is_no_writer(killed: Path) -> None:
    with (killed / ".lock").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert perflab.open_run(killed).ending.startswith("The program ended during: parse")


def test_a_closed_run_has_no_flight(writing: RunFolder) -> None:
    ring = FlightRing(writing.path / RING)
    ring.write("begin", "parse", 3)
    writing.finish({frame: [] for frame in FRAMES}, status="finished")
    ring.close()
    run = perflab.open_run(writing.path)
    assert run.flight.empty
    assert run.flight.attrs["problem"] == "there is no flight ring"
    assert (run.status, run.ending) == ("finished", "")
    assert re.fullmatch(r"<Run r finished <Frames [^<>]*>>", repr(run))


def test_a_run_that_is_not_in_a_folder_has_no_flight(killed: Path) -> None:
    run = Run({"run_id": "r"}, perflab.open_run(killed).frames)
    assert run.flight.empty
    assert (run.status, run.ending) == ("unfinished", "")


def test_a_run_of_a_version_without_a_ring_says_so(killed: Path) -> None:
    (killed / RING).unlink()
    run = perflab.open_run(killed)
    assert run.flight.empty
    assert run.ending == "What the program did last is unknown: there is no flight ring."


@pytest.mark.parametrize("content", [b"", b"\0" * 10_000, b"perflab\0" + b"\xff" * 10_000])
def test_a_damaged_ring_does_not_keep_a_run_from_opening(killed: Path, content: bytes) -> None:
    (killed / RING).write_bytes(content)
    run = perflab.open_run(killed)
    assert run.flight.empty
    assert run.flight.attrs["problem"]
    assert run.ending.startswith("What the program did last is unknown: the f")


@pytest.mark.parametrize("lock", ["missing", "pipe", "folder"])
def test_a_lock_that_is_none_does_not_keep_a_run_from_opening(killed: Path, lock: str) -> None:
    (killed / ".lock").unlink()
    make = {"missing": lambda _: None, "pipe": os.mkfifo, "folder": Path.mkdir}
    make[lock](killed / ".lock")
    assert perflab.open_run(killed).ending.startswith("The program ended during: parse")


def test_hostile_text_is_shown_inert(writing: RunFolder) -> None:
    text = "<script>\x1b[31m\u202e\n"
    FlightRing(writing.path / RING).write("begin", text, 1)
    run = perflab.open_run(writing.path)
    assert run.flight["text"].tolist() == [text]
    assert r"<script>\x1b[31m\u202e\n" in repr(run)
    assert not set("\x1b\u202e\n") & set(run.ending)
    assert "<script>" not in run._repr_html_()
