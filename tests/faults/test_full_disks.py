"""A disk without room for what the cache stores: the pipeline gets its results, and what is stored can be read."""

from __future__ import annotations

import contextlib
import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from causes import crowd, fill, small_disk
from contract import Ledger, answered, pipeline, recorded, survived

from perflab.cache import DiskCache
from perflab.record import Recorder

LARGE = os.urandom(100_000)  # cannot be compressed, so it goes into a file of its own
FULL = ("disk full", "Free space")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    with small_disk(tmp_path / "small") as place:
        yield place


def numbered(name: str, size: int = 5) -> dict[Any, bytes]:
    return {f"{name} {number}": LARGE[number : number + 9_000] for number in range(size)}


@pytest.mark.fault("disk full during a set")
@pytest.mark.parametrize("write", ["through", "behind"])
def test_a_pipeline_goes_on_while_its_disk_is_full(disk: Path, write: str) -> None:
    with pipeline(disk / "c", l3_write=write) as system:
        answered(system.cache, numbered("before"))
        system.cache.flush()
        fill(disk)
        with survived(*FULL, frames=system.frames, row="reject: disk full"):
            answered(system.cache, numbered("during"))
            system.cache.flush()
            answered(system.cache, numbered("before"))
        assert [system.cache.get(key) for key in numbered("before")] == list(numbered("before").values())
        (disk / "filler").unlink()
        answered(system.cache, numbered("after"))
        system.cache.flush()
    with DiskCache(disk / "c") as again:
        assert set(again) >= set(numbered("before")) | set(numbered("after"))


@pytest.mark.fault("disk full during a set")
def test_what_a_full_disk_refused_does_not_leave_the_value_from_before(disk: Path) -> None:
    recorder = Recorder()
    with DiskCache(disk / "c", recorder=recorder) as cache:
        ledger = Ledger(cache)
        assert ledger.set("kept", "value")
        assert ledger.set("large", LARGE)
        fill(disk)
        with survived(*FULL, frames=recorder.frames, row="reject: disk full"):
            assert [ledger.set(key, LARGE) for key in ("more-0", "more-1", "kept")] == [False] * 3
            ledger.check()
        (disk / "filler").unlink()
        assert all(ledger.set(f"more-{n}", LARGE) for n in range(5))
    with DiskCache(disk / "c") as again:
        ledger.check(again)


@pytest.mark.fault("disk full during a set")
def test_a_batch_behind_that_a_full_disk_refused_is_told_of_key_by_key(disk: Path) -> None:
    recorder = Recorder()
    with DiskCache(disk / "c", write="behind", behind_s=3_600, recorder=recorder) as cache:
        cache["kept"], cache["replaced"] = "value", "old"
        assert cache.flush()
        fill(disk)
        cache.set_many([("replaced", os.urandom(9_000)), *((n, os.urandom(9_000)) for n in range(3))])
        with survived(*FULL, frames=recorder.frames, row="reject: disk full"):
            assert not cache.flush()
        rows = recorder.frames.accesses
        assert set(rows.loc[rows["reason"] == "disk full", "key"]) == {"replaced", "0", "1", "2"}
        assert cache.get_many(["kept", "replaced", 0]) == ["value", None, None]
        (disk / "filler").unlink()
        cache["replaced"] = "new"
        assert cache.flush()
    with DiskCache(disk / "c") as again:
        assert {key: again[key] for key in again} == {"kept": "value", "replaced": "new"}


@pytest.mark.fault("disk full at open")
def test_a_pipeline_begins_on_a_full_disk(disk: Path) -> None:
    fill(disk)
    with survived(r"cannot be written.*values stay in memory", "Free space"):
        system = pipeline(disk / "c")
    with system:
        answered(system.cache, numbered("during"))
        assert system.cache.set("key", 1) is False
        assert (system.cache.get("key"), system.clear_caches()) == (None, 0)
        assert "reject: disk full" in recorded(system.frames)


@pytest.mark.fault("disk full at open")
def test_what_is_on_a_full_disk_is_read_by_who_opens_it(disk: Path) -> None:
    with DiskCache(disk / "c") as cache:
        ledger = Ledger(cache)
        assert ledger.set("small", "value")
        assert ledger.set("large", LARGE)
    fill(disk)
    recorder = Recorder()
    with survived("disk.* full|No space|disk I/O", "Free space"), DiskCache(disk / "c", recorder=recorder) as again:
        ledger.check(again)
        assert again.set("more", LARGE) is False
    assert any(row.startswith("reject: disk") for row in recorded(recorder.frames))


@pytest.mark.fault("disk full at clear")
def test_clear_makes_room_on_a_full_disk(disk: Path) -> None:
    with pipeline(disk / "c") as system:
        answered(system.cache, {number: LARGE[number:] for number in range(5)})
        fill(disk)
        with survived(*FULL, frames=system.frames, row="invalidate: cleared"):
            assert system.clear_caches() == 5
        assert len(system.cache.l3 or ()) == 0
        answered(system.cache, numbered("after", 2))
        assert system.cache.get("after 1") == numbered("after", 2)["after 1"]


@pytest.mark.fault("disk full at clear")
def test_clear_makes_room_where_the_disk_was_full_at_open(disk: Path) -> None:
    with DiskCache(disk / "c") as cache:
        cache.update({number: LARGE + b"%d" % number for number in range(4)})
    fill(disk)
    with survived("cannot be written", "Free space"), DiskCache(disk / "c") as cache:
        assert cache[3] == LARGE + b"3"
        assert cache.clear() == 4
        assert len(cache) == 0
        assert cache.set("room", b"y" * 50_000), "clear made room"


@pytest.mark.fault("disk full at clear")
def test_clear_leaves_no_half_of_a_database_where_it_made_too_little_room_for_one(disk: Path) -> None:
    with DiskCache(disk / "c") as cache:
        cache["small"] = 1
    fill(disk)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with DiskCache(disk / "c") as cache:
            assert cache.clear() == 1
            assert cache.set("more", 1) is False
    assert [path.name for path in disk.rglob("*") if path.is_file()] == ["filler"]
    assert shutil.disk_usage(disk).free >= 32_768


@pytest.mark.fault("inodes exhausted during a set")
def test_a_pipeline_goes_on_while_inodes_are_exhausted(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "size=4m,nr_inodes=12") as place, pipeline(place / "c") as system:
        ledger = Ledger(system.cache)
        ledger.set("small", "value")
        large = {number: LARGE[number:] for number in range(4)}
        with survived(*FULL, frames=system.frames, row="reject: disk full"):
            answered(system.cache, large)
        answered(system.cache, large)
        stored = [system.cache.get(number) is not None for number in range(4)]
        assert stored.count(True) == len(list((place / "c").glob("??/??/*.val")))
        assert not stored[-1]
        ledger.check()
        assert ledger.set("small", "new"), "a row needs no inode"
        system.clear_caches()
        answered(system.cache, {"again": LARGE})
        assert system.cache.get("again") == LARGE


@pytest.mark.fault("inodes exhausted at open")
def test_a_pipeline_begins_without_an_inode_to_be_had(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "size=4m,nr_inodes=12") as place:
        crowd(place)
        with survived("cannot be written", "Free space"):
            system = pipeline(place / "c")
        with system:
            answered(system.cache, numbered("during"))
            assert system.cache.set("key", 1) is False
            assert "reject: disk full" in recorded(system.frames)


@contextlib.contextmanager
def limited_file_size(nbytes: int) -> Iterator[None]:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.fault("file size limit reached")
@pytest.mark.parametrize(("size", "reason"), [(9_000, "disk error"), (100_000, "file size limit")])
def test_a_pipeline_goes_on_past_a_limit_on_the_size_of_files(tmp_path: Path, size: int, reason: str) -> None:
    with pipeline(tmp_path / "c") as system:
        ledger = Ledger(system.cache)
        assert ledger.set("kept", "value")
        values = {number: os.urandom(size) for number in range(9)}
        limit = limited_file_size(70_000)
        with limit, survived(reason, "raise the limit", frames=system.frames, row=f"reject: {reason}"):
            answered(system.cache, values)
        ledger.check()
        answered(system.cache, values)
    with DiskCache(tmp_path / "c") as again:
        ledger.check(again)
