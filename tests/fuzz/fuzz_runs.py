"""Run folders that something has changed: every frame is read, or refused with a reason."""

from __future__ import annotations

import contextlib
import functools
import tempfile
import time
from pathlib import Path

from fuzzing import fuzzer, mutated
from hypothesis import strategies as st

import perflab
from perflab import Config, PerformanceSystem
from perflab.errors import PerflabError
from perflab.record.flight import RING
from perflab.record.flight_read import flight_frame, last_words, read_ring
from perflab.record.frames import FRAMES, SCHEMA

SCRATCH = Path(tempfile.mkdtemp(prefix="perflab-fuzz-"))


@functools.cache
def runs() -> list[dict[str, bytes]]:
    """Return the files of two small runs: as it was when it was closed, and as a killed program leaves it."""
    folder = SCRATCH / "run"
    with PerformanceSystem(Config(record={"flush_interval_s": 0.1}), run_dir=folder) as system:
        for number in range(40):
            with system.operation("render", key=f"page {number % 7}"):
                system.cache.get_or_load(number % 7, lambda: b"x" * 100)
        while not list(folder.glob("parts/*.parquet")):
            time.sleep(0.05)
        killed = _files(folder)
    return [killed, _files(folder)]


def _files(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}


COLUMNS = {frame: {column.name for column in SCHEMA if column.frame == frame} for frame in FRAMES}


@st.composite
def changed(draw: st.DrawFn) -> dict[str, bytes]:
    """Draw the files of a run of which one or two are changed or missing."""
    files = dict(draw(st.sampled_from(runs())))
    for name in draw(st.lists(st.sampled_from(sorted(files)), min_size=1, max_size=2, unique=True)):
        content = draw(st.none() | mutated([files.pop(name)]))
        files |= {} if content is None else {name: content}
    return files


@fuzzer(files=changed(), judged=st.integers(0, 9).map(lambda number: number == 9))
def run_folders(files: dict[str, bytes], judged: bool) -> None:
    """Whatever is changed in a run folder, what opens is whole frames; the rest is refused by name."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        _look(folder, judged)


def _look(folder: str, judged: bool) -> None:
    with contextlib.suppress(PerflabError):
        run = perflab.open_run(folder)
        assert isinstance(run.ending, str)
        assert isinstance(run.config, Config)
        assert {"t", "kind", "text"} <= set(run.flight.columns)
        assert repr(run)
        for frame in FRAMES:
            with contextlib.suppress(PerflabError):
                assert set(getattr(run.frames, frame).columns) == COLUMNS[frame]
        if judged:  # which takes as long as the rest of ten examples
            run.metrics()


@fuzzer(content=st.deferred(lambda: mutated([runs()[0][RING]])))
def flight_rings(content: bytes) -> None:
    """A ring never raises: it gives the events that are whole, and says what is wrong with it."""
    path = SCRATCH / "ring"
    path.write_bytes(content)
    flight = read_ring(path)
    assert flight.events or flight.problem
    assert isinstance(last_words(flight), str)
    assert len(flight_frame(flight)) == len(flight.events)
