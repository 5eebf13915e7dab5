"""What the tests of the disk tier share: clocks, rows, and what lies in a folder."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from perflab.record import Recorder

LARGE = os.urandom(100_000)  # cannot be compressed, so it goes into a file of its own


class Clock:
    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Planted:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def events(recorder: Recorder) -> list[tuple[str, str, str | None]]:
    frame = recorder.frames.accesses
    named = frame.astype(object).where(frame.notna(), None)
    return [(row.key, row.event, row.reason) for row in named.itertuples()]


def value_file(folder: Path) -> Path:
    (found,) = folder.glob("??/??/*.val")
    return found


def sql(folder: Path, statement: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(folder / "cache.db")) as connection, connection:
        connection.execute(statement, values)


def python(code: str, *arguments: object) -> str:
    """Run code in a process of its own, and return what it printed."""
    found = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout
