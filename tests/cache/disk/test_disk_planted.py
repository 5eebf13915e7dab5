"""Values on disk that someone damaged, moved or planted: never believed, never executed."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import xxhash
from disk_cases import LARGE, Planted, events, sql

from perflab.cache import DiskCache
from perflab.cache.disk.envelope import ENVELOPE_VERSION
from perflab.cache.disk.safe_disk import SafeDisk
from perflab.cache.keys import encode_key
from perflab.errors import StoreError
from perflab.record import Recorder


def test_a_value_that_was_moved_to_another_key_is_found_out(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["one"], cache["two"] = 1, 2
        sql(tmp_path / "c", "UPDATE Cache SET value = (SELECT value FROM Cache WHERE rowid = 1) WHERE rowid = 2")
        with pytest.warns(RuntimeWarning, match="checksum"):
            assert cache.get("two") is None
        assert cache["one"] == 1


@pytest.mark.parametrize("value", ["value || x'80'", "'text'", "1", "NULL", "zeroblob(9)"])
def test_a_planted_row_of_another_type_is_refused(tmp_path: Path, value: str) -> None:
    recorder = Recorder()
    with DiskCache(tmp_path / "c", recorder=recorder) as cache:
        cache["key"] = "small"
        sql(tmp_path / "c", f"UPDATE Cache SET value = {value}")  # noqa: S608
        with pytest.warns(RuntimeWarning, match="refused"):
            assert cache.get("key") is None
        assert events(recorder)[-1][1] == "quarantine"
        assert list(cache) == []


@pytest.mark.parametrize("column", ["size", "store_time", "expire_time", "access_time", "tag"])
def test_planted_columns_harm_no_other_row(tmp_path: Path, column: str) -> None:
    with DiskCache(tmp_path / "c", 2_000) as cache:
        cache["key"], cache["other"] = b"x" * 400, b"y" * 400
        for value in ("'text'", "-1e300", "x'00ff'", "NULL"):
            sql(tmp_path / "c", f"UPDATE Cache SET {column} = {value} WHERE rowid = 1")  # noqa: S608
            assert cache["other"] == b"y" * 400
            assert len(cache.costs()) <= 2
            assert cache.set("other", b"y" * 400)
        for number in range(9):
            assert cache.set(number, b"z" * 400)
        assert cache[8] == b"z" * 400


@pytest.mark.parametrize("name", ["read", "_disk", "disk_planted", "sqlite_planted", "sqlite_mmap_size; --"])
def test_planted_settings_are_not_followed(tmp_path: Path, name: str) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["key"] = 1
    sql(tmp_path / "c", "INSERT INTO Settings VALUES (?, 1)", name)
    with pytest.warns(RuntimeWarning, match="settings that are not its own"):
        cache = DiskCache(tmp_path / "c")
    with cache:
        assert cache.get("key") is None
        assert cache.set("key", 2)
        assert cache["key"] == 2


@pytest.mark.parametrize("value", ["'text'", "1e300", "NULL", "x'00'"])
def test_planted_values_of_settings_are_not_followed(tmp_path: Path, value: str) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["key"] = 1
    sql(tmp_path / "c", f"UPDATE Settings SET value = {value}")  # noqa: S608
    with DiskCache(tmp_path / "c") as cache:
        assert cache["key"] == 1
        assert cache.set("key", 2)
        assert cache["key"] == 2


def test_planted_keys_and_file_names_are_not_followed(tmp_path: Path) -> None:
    proof, secret = tmp_path / "executed", tmp_path / "secret"
    secret.write_bytes(b"secret")
    with DiskCache(tmp_path / "c") as cache:
        cache["key"] = LARGE
        sql(
            tmp_path / "c", "INSERT INTO Cache (key, raw, mode, size) VALUES (?, 0, 4, 1)", pickle.dumps(Planted(proof))
        )
        sql(
            tmp_path / "c", "INSERT INTO Cache (key, raw, mode, size) VALUES (?, 1, 4, 1)", pickle.dumps(Planted(proof))
        )
        sql(tmp_path / "c", "UPDATE Cache SET filename = '../secret' WHERE filename IS NOT NULL")
        with pytest.warns(RuntimeWarning, match="refused"):
            assert (list(cache), cache.get("key")) == (["key"], None)
        assert cache.clear() == 0
    assert not proof.exists()
    assert secret.read_bytes() == b"secret"


def test_every_other_door_of_diskcache_is_shut(tmp_path: Path) -> None:
    disk = SafeDisk(str(tmp_path), min_file_size=10)
    for refused in (
        lambda: disk.put((1, 2)),  # type: ignore[arg-type]
        lambda: disk.get(b"key", False),
        lambda: disk.store("text", False),  # type: ignore[arg-type]
        lambda: disk.store(b"bytes", True),
        lambda: disk.fetch(1, None, "text", False),
        lambda: disk.fetch(4, None, pickle.dumps(1), False),
        lambda: disk.fetch(2, "/etc/passwd", None, False),
    ):
        with pytest.raises(StoreError):
            refused()


@pytest.mark.parametrize("size", [1, 5_000], ids=["less than a header", "more"])
@pytest.mark.parametrize("version", [ENVELOPE_VERSION - 1, ENVELOPE_VERSION + 1])
@pytest.mark.filterwarnings("error")
def test_what_another_version_wrote_is_a_miss_and_leaves_unsuspected(tmp_path: Path, size: int, version: int) -> None:
    recorder, body = Recorder(), b"w" * size
    checksum = xxhash.xxh3_128_digest(body, xxhash.xxh3_64_intdigest(encode_key("key")))
    with DiskCache(tmp_path / "c", recorder=recorder) as cache:
        cache["key"], cache["other"] = "old", "fine"
        sql(tmp_path / "c", "UPDATE Cache SET value = ? WHERE rowid = 1", bytes((version,)) + checksum + body)
        assert cache.get("key") is None
        assert list(cache) == ["other"]
        assert events(recorder)[-1] == ("key", "invalidate", "version")


def test_a_damaged_version_is_damage(tmp_path: Path) -> None:
    recorder = Recorder()
    with DiskCache(tmp_path / "c", recorder=recorder) as cache:
        cache["key"] = "value"
        other = bytes((ENVELOPE_VERSION + 1,)) + bytes(100)
        sql(tmp_path / "c", "UPDATE Cache SET value = ?", other)
        with pytest.warns(RuntimeWarning, match="checksum"):
            assert cache.get("key") is None
        assert events(recorder)[-1] == ("key", "quarantine", "checksum")
