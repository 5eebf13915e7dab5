"""The folder of a disk tier from outside: what is told of it, what is found damaged, what is removed."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from perflab.cache.disk.folder import DATABASE
from perflab.cache.disk.survey import Survey, prune, survey, verify
from perflab.cache.disk.tier import DiskCache
from perflab.errors import StoreError

NOW = 1_000_000.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small values, a large one in a file of its own, and one that is due after ten seconds."""
    place = tmp_path / "tier"
    with DiskCache(place, wall=lambda: NOW) as cache:
        cache.set_many({name: name * 50 for name in "abc"})
        cache["large"] = random.Random(4).randbytes(100_000)
        cache.set("short", 1, ttl=10)
    return place


def spoil(folder: Path) -> None:
    with sqlite3.connect(folder / DATABASE) as connection:
        connection.execute("UPDATE Cache SET value = zeroblob(200) WHERE rowid = 1")
    connection.close()


def test_it_counts_what_lives_and_what_is_due_and_changes_nothing(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    young, old = survey(folder, wall=lambda: NOW), survey(folder, wall=lambda: NOW + 60)
    assert (young.entries, young.due, old.entries, old.due) == (5, 0, 4, 1)
    assert {path: path.read_bytes() for path in before} == before
    assert young.disk_bytes >= sum(map(len, before.values()))
    with DiskCache(folder, wall=lambda: NOW) as cache:
        assert young.nbytes == sum(cost for _, cost in cache.costs())


def test_a_folder_that_is_not_there_holds_nothing_and_is_not_made(tmp_path: Path) -> None:
    place = tmp_path / "none"
    assert survey(place) == Survey(place)
    assert verify(place) == (0, [])
    assert prune(place) == (Survey(place), Survey(place))
    assert not place.exists()


def test_it_can_be_looked_at_while_a_program_writes(folder: Path) -> None:
    with DiskCache(folder, wall=lambda: NOW) as cache:
        cache["more"] = 1
        assert survey(folder, wall=lambda: NOW).entries == 6
        assert verify(folder, wall=lambda: NOW) == (6, [])
        prune(folder, wall=lambda: NOW + 60)
        assert cache["more"] == 1


def test_a_value_that_does_not_fit_its_checksum_is_named_and_pruning_removes_it(folder: Path) -> None:
    spoil(folder)
    count, damages = verify(folder, wall=lambda: NOW)
    assert (count, [damage.key for damage in damages]) == (5, ["a"])
    before, after = prune(folder, wall=lambda: NOW)
    assert (before.entries, after.entries) == (5, 4)
    assert verify(folder, wall=lambda: NOW) == (4, [])


def test_a_missing_value_file_is_damage(folder: Path) -> None:
    for path in folder.rglob("*.val"):
        path.unlink()
    assert [damage.key for damage in verify(folder, wall=lambda: NOW)[1]] == ["large"]


def test_pruning_removes_what_is_due_left_over_and_put_aside(folder: Path) -> None:
    aside = folder / f"{DATABASE}.quarantine-1"
    aside.write_text("damaged")
    orphan = folder / "aa" / "bb" / f"{2**22 + 1}-{'0' * 28}.val"
    orphan.parent.mkdir(parents=True)
    orphan.write_text("left by a process that died")
    before, after = prune(folder, wall=lambda: NOW + 60)
    assert (before.put_aside, before.due, after.put_aside, after.due, after.entries) == (1, 1, 0, 0, 4)
    assert not aside.exists()
    assert not orphan.exists()


def test_keeping_some_bytes_keeps_what_was_stored_last(folder: Path) -> None:
    with DiskCache(folder, wall=lambda: NOW) as cache:
        costs = cache.costs()
    newest = sum(cost for _, cost in costs[:2])
    _, after = prune(folder, newest, wall=lambda: NOW)
    with DiskCache(folder, wall=lambda: NOW) as cache:
        assert [key for key, _ in cache.costs()] == [key for key, _ in costs[:2]]
    assert after.nbytes == newest


def test_a_broken_database_is_told_and_a_planted_link_refused(folder: Path, tmp_path: Path) -> None:
    (folder / DATABASE).write_bytes(b"no database at all" * 100)
    assert survey(folder).problem == "damaged"
    assert [damage.key for damage in verify(folder)[1]] == [DATABASE]
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(StoreError, match="symbolic link"):
        verify(tmp_path / "link")
