"""A cache folder that takes no writes, is locked or taken away: what is in it is read, and sets are skipped."""

from __future__ import annotations

import contextlib
import math
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import pytest
from causes import immutable, read_only
from contract import Ledger, answered, pipeline, survived

from perflab.cache import DiskCache
from perflab.cache.disk.folder import exclusive
from perflab.record import Recorder

LARGE = bytes(range(256)) * 400
UNWRITABLE = ("cannot be written", "Free space or allow writing")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with DiskCache(tmp_path / "c", compress_bytes=math.inf) as cache:
        cache["small"], cache["large"] = "value", LARGE
    return tmp_path / "c"


@pytest.mark.parametrize("write", ["through", "behind"])
@pytest.mark.parametrize(
    "refuse",
    [
        pytest.param(read_only, marks=pytest.mark.fault("cache folder on a read-only mount")),
        pytest.param(immutable, marks=pytest.mark.fault("cache folder immutable")),
    ],
)
def test_a_folder_that_takes_no_writes_is_read(
    folder: Path, refuse: Callable[[Path], AbstractContextManager[Path]], write: Literal["through", "behind"]
) -> None:
    recorder = Recorder()
    told = survived(*UNWRITABLE, frames=recorder.frames, row="reject: read-only")
    with refuse(folder), told, DiskCache(folder, write=write, recorder=recorder) as cache:
        assert (cache["small"], cache["large"]) == ("value", LARGE)
        assert cache.set("small", "new") is False
        assert cache.get("small") is None, "the replaced value must not come back"
        assert cache.set("other", 1) is False
        assert cache.delete("large")
        assert len(cache) == 0


@pytest.mark.fault("cache folder on a read-only mount")
def test_a_pipeline_goes_on_with_a_read_only_folder(folder: Path) -> None:
    with read_only(folder):
        with survived(*UNWRITABLE):
            system = pipeline(folder)
        with system:
            answered(system.cache, {"small": "value", "new": 1, "large": LARGE})
            rows = system.frames.accesses
            assert rows.loc[rows["reason"] == "read-only", "key"].dropna().tolist() == ["new"]


@pytest.mark.fault("cache folder taken away")
@pytest.mark.parametrize("first", ["read", "row", "file", "clear"])
def test_a_folder_that_is_deleted_under_the_cache_is_made_again(folder: Path, first: str) -> None:
    with pipeline(folder, l3_compress_bytes=10**9) as system:
        ledger = Ledger(system.cache)
        shutil.rmtree(folder)
        if first == "read":
            with survived(
                "The file of a row is missing", "check the disk", frames=system.frames, row="quarantine: missing"
            ):
                answered(system.cache, {"small": "value", "large": LARGE})
        elif first == "clear":
            system.clear_caches()
        for key, value in {"row": ("small", "new"), "file": ("large", LARGE)}.items():
            if first in (key, "read", "clear"):
                assert ledger.set(*value)
        ledger.check()
    with DiskCache(folder) as again:
        ledger.check(again)


@pytest.mark.fault("database locked by another process")
def test_a_database_that_another_process_keeps_locked_costs_seconds_and_no_result(folder: Path) -> None:
    with pipeline(folder) as system:
        ledger = Ledger(system.cache)
        with contextlib.closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            # It gives up after 4 s of waiting, which a busy machine stretches; diskcache's own wait would be 60 s.
            with survived("busy", "Free space, allow access", frames=system.frames, row="reject: busy", longest_s=15):
                answered(system.cache, {"new": 1})
            assert system.cache.get("small") == "value"
            other.execute("ROLLBACK")
        assert ledger.set("new", 2)
        ledger.check()


@pytest.mark.fault("database locked by another process")
def test_a_value_that_could_not_be_replaced_does_not_come_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perflab.cache.disk.rows.BUSY_S", 0.05)
    recorder = Recorder()
    with DiskCache(folder, recorder=recorder) as cache:
        ledger = Ledger(cache)
        with contextlib.closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with survived("busy", "Free space, allow access", frames=recorder.frames, row="reject: busy"):
                assert ledger.set("small", "new") is False
                ledger.check()
            other.execute("ROLLBACK")
        assert ledger.set("more", 2)
        ledger.check()
        with DiskCache(folder) as again:
            assert sorted(again) == ["large", "more"], "what could not be removed then is removed now"


@pytest.mark.fault("database locked by another process")
def test_a_folder_that_another_process_keeps_locked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    with exclusive(folder), pytest.raises(OSError, match="locked"), exclusive(folder, slept.append):
        pass
    assert math.isclose(sum(slept), 4)
    monkeypatch.setattr("perflab.cache.disk.folder.LOCK_S", 0.05)
    with exclusive(folder), survived(*UNWRITABLE), DiskCache(folder) as cache:
        assert cache["small"] == "value"
        assert cache.set("small", 2) is False
