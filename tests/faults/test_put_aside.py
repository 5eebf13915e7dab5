"""Databases and values that somebody damaged or planted: put aside, never believed, never executed."""

from __future__ import annotations

import math
import os
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from contract import Ledger, answered, pipeline, recorded, survived

from perflab.cache import DiskCache

SMALL = {f"row {number}": "x" * 1_000 for number in range(200)}
LARGE = {"file": bytes(range(256)) * 400}


def filled(folder: Path) -> Path:
    """Fill a cache with rows and a file; return its database."""
    with DiskCache(folder, compress_bytes=math.inf) as cache:
        cache.update(SMALL | LARGE)
    return folder / "cache.db"


def overwrite_header(path: Path) -> None:
    path.write_bytes(b"garbage!" * 20 + path.read_bytes()[160:])


def overwrite_pages(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4_096] + os.urandom(path.stat().st_size - 4_096))


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(overwrite_header, marks=pytest.mark.fault("database header overwritten")),
        pytest.param(lambda path: os.truncate(path, 30_000), marks=pytest.mark.fault("database truncated")),
        pytest.param(lambda path: os.truncate(path, 0), marks=pytest.mark.fault("database empty")),
        pytest.param(make_folder, marks=pytest.mark.fault("database a folder")),
        pytest.param(overwrite_pages, marks=pytest.mark.fault("database pages overwritten")),
    ],
    ids=["header", "truncated", "empty", "folder", "pages"],
)
def test_a_broken_database_is_put_aside(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = filled(tmp_path / "c")
    damage(path)
    with survived(str(path), r"put aside as '.*quarantine-1'.*Delete it"), pipeline(tmp_path / "c") as system:
        ledger = Ledger(system.cache)
        answered(system.cache, SMALL | LARGE)
        assert ledger.set("new", 1)
        ledger.check()
        assert "quarantine: damaged" in recorded(system.frames)
    assert path.with_name("cache.db.quarantine-1").exists()
    with DiskCache(tmp_path / "c") as again:
        ledger.check(again)
        assert again.get_many(SMALL | LARGE) == list((SMALL | LARGE).values())


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(overwrite_pages, marks=pytest.mark.fault("database pages overwritten")),
        pytest.param(lambda path: os.truncate(path, 5_000), marks=pytest.mark.fault("database truncated")),
        pytest.param(lambda path: os.truncate(path, 0), marks=pytest.mark.fault("database empty")),
        pytest.param(make_folder, marks=pytest.mark.fault("database a folder")),
    ],
    ids=["pages", "truncated", "empty", "folder"],
)
def test_a_database_that_breaks_while_it_is_open_is_put_aside(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = filled(tmp_path / "c")
    with pipeline(tmp_path / "c") as system:
        answered(system.cache, LARGE)
        damage(path)
        with survived("damaged", "put aside", frames=system.frames, row="quarantine: damaged"):
            answered(system.cache, SMALL | LARGE)
            ledger = Ledger(system.cache)
            assert ledger.set("new", 1)
            ledger.check()
    with DiskCache(tmp_path / "c") as again:
        ledger.check(again)


def change_row(path: Path, change: Callable[[bytes], bytes]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for row, value in connection.execute("SELECT rowid, value FROM Cache WHERE filename IS NULL").fetchall():
            connection.execute("UPDATE Cache SET value = ? WHERE rowid = ?", (change(value), row))


def change_file(path: Path, change: Callable[[bytes], bytes]) -> None:
    (file,) = path.parent.glob("??/??/*.val")
    file.write_bytes(change(file.read_bytes()))


def flip(data: bytes) -> bytes:
    return data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]


@pytest.mark.parametrize(("where", "key"), [(change_row, "row 7"), (change_file, "file")], ids=["row", "file"])
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(flip, marks=pytest.mark.fault("value bytes flipped")),
        pytest.param(lambda data: data[:-3], marks=pytest.mark.fault("value truncated")),
        pytest.param(lambda _: b"", marks=pytest.mark.fault("value truncated")),
    ],
    ids=["flipped", "cut", "empty"],
)
def test_a_damaged_value_is_computed_again_and_counted(
    tmp_path: Path,
    where: Callable[[Path, Callable[[bytes], bytes]], None],
    key: str,
    damage: Callable[[bytes], bytes],
) -> None:
    values = SMALL | LARGE
    where(filled(tmp_path / "c"), damage)
    with pipeline(tmp_path / "c") as system:
        with survived(
            "refused, removed and counted as a miss", "check the disk", frames=system.frames, row="quarantine: checksum"
        ):
            answered(system.cache, {key: values[key]})
        answered(system.cache, {key: values[key]})
        assert (system.frames.accesses["event"] == "quarantine").sum() == 1


class Planted:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.fault("planted pickle")
@pytest.mark.parametrize("mode", [0, 1, 2, 3, 4, 9])
@pytest.mark.parametrize(("where", "key"), [(change_row, "row 7"), (change_file, "file")], ids=["row", "file"])
def test_a_planted_pickle_is_never_executed(
    tmp_path: Path, where: Callable[[Path, Callable[[bytes], bytes]], None], key: str, mode: int
) -> None:
    path, proof = filled(tmp_path / "c"), tmp_path / "executed"
    where(path, lambda _: pickle.dumps(Planted(proof)))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE Cache SET mode = ?", (mode,))
    values = SMALL | LARGE
    with pipeline(tmp_path / "c") as system:
        with survived("refused, removed and counted as a miss", "who may write to the folder"):
            answered(system.cache, {key: values[key]})
        assert any(row.startswith("quarantine: ") for row in recorded(system.frames))
        answered(system.cache, {key: values[key]})
    assert not proof.exists()
