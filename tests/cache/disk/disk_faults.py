"""What the tests of the disk tier share: clocks, rows, and ways to make a machine fail."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perflab.record import Recorder

MOUNT, UMOUNT = "/bin/mount", "/bin/umount"
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


@contextlib.contextmanager
def mounted(*arguments: str) -> Iterator[None]:
    """Mount, or skip the test by name where that is not allowed."""
    target = arguments[-1]
    if (
        os.geteuid()
        or not Path(MOUNT).exists()
        or subprocess.run([MOUNT, *arguments], capture_output=True, check=False).returncode
    ):
        pytest.skip(f"mount {' '.join(arguments[:-1])} is not permitted here")
    try:
        yield
    finally:
        subprocess.run([UMOUNT, target], check=True)


def fill(place: Path) -> None:
    """Leave no byte free."""
    with contextlib.suppress(OSError), (place / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 512)


def python(code: str, *arguments: object, under: tuple[str, ...] = (), **environ: str) -> str:
    """Run code in a process of its own, perhaps under another program, and return what it printed."""
    found = subprocess.run(
        [*under, sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def program(name: str) -> str:
    """Return the path of a program, or skip the test by name where it is missing."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed here")
    return path
