"""A disk tier on a machine that refuses: full, read-only, failing, busy; each fault is caused for real."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import warnings
from pathlib import Path

import pytest
from disk_faults import LARGE, MOUNT, events, fill, mounted

from perflab.cache import DiskCache
from perflab.record import Recorder


def test_a_full_disk_is_passed_through(tmp_path: Path) -> None:
    recorder, place = Recorder(), tmp_path / "small"
    place.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)):
        with DiskCache(place / "c", recorder=recorder) as cache:
            cache["kept"], cache["large"] = "value", LARGE
            fill(place)
            with pytest.warns(RuntimeWarning, match="disk full") as caught:
                results = [cache.set(key, LARGE) for key in ("more-0", "more-1", "kept")]
            assert results == [False] * 3
            assert len(caught) == 1
            assert cache.get("kept") is None, "the replaced value must not come back"
            assert cache["large"] == LARGE
            assert [event for event in events(recorder) if event[0] == "more-1"] == [("more-1", "reject", "disk full")]
            (place / "filler").unlink()
            assert all(cache.set(f"more-{n}", LARGE) for n in range(5))
        fill(place)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with DiskCache(place / "c") as cache:
                assert cache["more-0"] == LARGE
                assert cache.clear() >= 1
                assert len(cache) == 0
            with DiskCache(place / "c") as cache:
                assert cache.set("room", b"y" * 50_000), "clear made room"


def test_a_read_only_folder_is_read(tmp_path: Path) -> None:
    recorder = Recorder()
    with DiskCache(tmp_path / "c") as cache:
        cache["small"], cache["large"] = "value", LARGE
    with mounted("--bind", str(tmp_path / "c"), str(tmp_path / "c")):
        subprocess.run([MOUNT, "-o", "remount,bind,ro", str(tmp_path / "c")], check=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with DiskCache(tmp_path / "c", recorder=recorder) as cache:
                assert cache["small"] == "value"
                assert cache["large"] == LARGE
                assert cache.set("small", "new") is False
                assert cache.get("small") is None, "the replaced value must not come back"
                assert cache.set("other", 1) is False
                assert cache.delete("large")
                assert len(cache) == 0
        assert len(caught) == 1
        assert "cannot be written" in str(caught[0].message)
        assert ("other", "reject", "read-only") in events(recorder)


def test_a_locked_database_costs_seconds_and_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perflab.cache.store.BUSY_S", 0.05)
    recorder = Recorder()
    with DiskCache(tmp_path / "c", recorder=recorder) as cache:
        cache["key"] = 1
        with contextlib.closing(sqlite3.connect(tmp_path / "c" / "cache.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.warns(RuntimeWarning, match="busy"):
                assert cache.set("more", 2) is False
            assert cache["key"] == 1
            other.execute("ROLLBACK")
        assert ("more", "reject", "busy") in events(recorder)
        assert cache.set("more", 2)
