"""Whose folder a disk tier trusts, and what it makes of a database that is not one."""

from __future__ import annotations

import os
import shutil
import stat
import warnings
from pathlib import Path

import pytest
from disk_faults import LARGE, events, sql

from perflab.cache import DiskCache
from perflab.errors import StoreError
from perflab.record import Recorder


def test_modes_and_owner_are_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with DiskCache(tmp_path / "c") as cache:
            cache["large"] = LARGE
            found = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "c").rglob("*")}
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o700
    assert {mode for path, mode in found.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}


def test_a_folder_that_others_control_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StoreError, match=r"link.*symbolic link.*owner uid.*give the folder"):
        DiskCache(tmp_path / "link")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(StoreError, match=r"open.*everyone may write.*drwxrwxrwx.*chmod o-w"):
        DiskCache(tmp_path / "open")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="not a folder"):
        DiskCache(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    os.chown(tmp_path / "theirs", 65534, 65534)
    with pytest.raises(StoreError, match=r"theirs.*another user.*owner uid 65534"):
        DiskCache(tmp_path / "theirs")


def test_a_newer_schema_and_a_foreign_database_are_refused(tmp_path: Path) -> None:
    DiskCache(tmp_path / "c").close()
    for version, whose in ((2, "newer version"), (0, "another program")):
        sql(tmp_path / "c", f"PRAGMA user_version = {version}")
        with pytest.raises(StoreError, match=f"schema version {version}.*{whose}"):
            DiskCache(tmp_path / "c")


@pytest.mark.parametrize("damage", ["header", "truncated", "empty", "folder", "middle"])
def test_a_broken_database_is_put_aside(tmp_path: Path, damage: str) -> None:
    recorder, path = Recorder(), tmp_path / "c" / "cache.db"
    with DiskCache(tmp_path / "c") as cache:
        cache.update(dict.fromkeys(range(200), "x" * 1000))
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        data = path.read_bytes()
        path.write_bytes(
            {
                "header": b"garbage!" * 20 + data[160:],
                "truncated": data[: len(data) // 3],
                "empty": b"",
                "middle": data[:4_096] + os.urandom(len(data) - 4_096),
            }[damage]
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with DiskCache(tmp_path / "c", recorder=recorder) as cache:
            assert cache.get(7) is None
            assert cache.set("new", 1)
            assert cache["new"] == 1
    (message,) = (str(warning.message) for warning in caught)
    assert str(path) in message
    assert "quarantine-1" in message
    assert (tmp_path / "c" / "cache.db.quarantine-1").exists()
    assert (None, "quarantine", "damaged") in events(recorder)


def test_damage_that_appears_while_open_is_repaired(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["old"] = "x"
        cache._rows.store._opened().close()
        (tmp_path / "c" / "cache.db").write_bytes(b"garbage!" * 1_000)
        with pytest.warns(RuntimeWarning, match="put aside"):
            assert cache.set("key", 1)
        assert cache["key"] == 1


def test_a_deleted_folder_is_made_again(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["key"] = LARGE
        shutil.rmtree(tmp_path / "c")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cache.get("key")
            cache["key"] = LARGE
            cache["again"] = 1
        assert cache.get("again") == 1
