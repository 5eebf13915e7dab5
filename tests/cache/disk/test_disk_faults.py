"""A disk tier on a machine that refuses: full, read-only, failing, busy; each fault is caused for real."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest
from disk_faults import LARGE, MOUNT, events, fill, mounted, program, python

from perflab.cache import DiskCache
from perflab.cache.disk.folder import exclusive
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
    monkeypatch.setattr("perflab.cache.disk.rows.BUSY_S", 0.05)
    recorder = Recorder()
    with DiskCache(tmp_path / "c", recorder=recorder) as cache:
        cache["key"] = 1
        with contextlib.closing(sqlite3.connect(tmp_path / "c" / "cache.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.warns(RuntimeWarning, match="busy"):
                assert cache.set("more", 2) is False
            assert cache["key"] == 1
            assert cache.set("key", "new") is False
            assert cache.get("key") is None, "the replaced value must not come back"
            other.execute("ROLLBACK")
        assert ("more", "reject", "busy") in events(recorder)
        assert cache.set("more", 2)
        with DiskCache(tmp_path / "c") as other_cache:
            assert list(other_cache) == ["more"], "what could not be removed then is removed now"


def test_a_disk_that_is_full_when_the_cache_opens(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)):
        fill(place)
        with pytest.warns(RuntimeWarning, match=r"cannot be written.*values stay in memory.*Free space"):
            cache = DiskCache(place / "c")
        with cache:
            assert cache.set("key", 1) is False
            assert (cache.get("key"), list(cache), cache.clear()) == (None, [], 0)


def test_inodes_that_run_out(tmp_path: Path) -> None:
    recorder, place = Recorder(), tmp_path / "small"
    place.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=4m,nr_inodes=12", "tmpfs", str(place)):
        with DiskCache(place / "c", recorder=recorder) as cache:
            cache["small"] = "value"
            with pytest.warns(RuntimeWarning, match="disk full") as caught:
                results = [cache.set(number, LARGE) for number in range(4)]
            assert results.count(True) == len(list((place / "c").glob("??/??/*.val")))
            assert not results[-1]
            assert len(caught) == 1
            assert ("3", "reject", "disk full") in events(recorder)
            assert cache["small"] == "value"
            assert cache.set("small", "new"), "a row needs no inode"
            cache.clear()
            assert cache.set("again", LARGE)
            (cache.folder / "more").mkdir()
        for number in range(12):
            with contextlib.suppress(OSError):
                (place / f"filler-{number}").touch()
        with pytest.warns(RuntimeWarning, match="cannot be written"):
            cache = DiskCache(place / "other")
        with cache:
            assert cache.set("key", 1) is False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder immutable")
def test_an_immutable_folder_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    with DiskCache(folder) as cache:
        cache["key"] = "value"
    chattr = program("chattr")
    if subprocess.run([chattr, "+i", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("chattr +i is not permitted here")
    try:
        with pytest.warns(RuntimeWarning, match="cannot be written"):
            cache = DiskCache(folder)
        with cache:
            assert cache["key"] == "value"
            assert cache.set("other", 1) is False
    finally:
        subprocess.run([chattr, "-i", str(folder)], check=True)


@pytest.mark.parametrize("value", ["small", LARGE], ids=["row", "file"])
def test_file_handles_that_run_out_are_no_false_miss(tmp_path: Path, value: object) -> None:
    recorder = Recorder()
    with DiskCache(tmp_path / "c", recorder=recorder) as cache:
        cache["key"] = value
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        first_free = os.dup(0)
        os.close(first_free)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            resource.setrlimit(resource.RLIMIT_NOFILE, (first_free, limits[1]))
            try:
                found = cache.get("key")
                other = DiskCache(tmp_path / "other")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        with other:
            assert other.set("key", 1), "there are handles again"
        assert "Too many open files" in str(caught[-1].message)
        if value is LARGE:
            assert "out of file handles" in str(caught[0].message)
            assert events(recorder)[-1] == ("key", "reject", "out of file handles")
        else:
            assert found == value
        assert cache["key"] == value, "it was not thrown away"


def test_a_folder_that_another_process_keeps_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["key"] = 1
    slept: list[float] = []
    with exclusive(tmp_path / "c"), pytest.raises(OSError, match="locked"), exclusive(tmp_path / "c", slept.append):
        pass
    assert math.isclose(sum(slept), 4)
    monkeypatch.setattr("perflab.cache.disk.folder.LOCK_S", 0.05)
    with exclusive(tmp_path / "c"), pytest.warns(RuntimeWarning, match="cannot be written"):
        cache = DiskCache(tmp_path / "c")
    with cache:
        assert cache["key"] == 1
        assert cache.set("key", 2) is False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused() -> None:
    setpriv = program("setpriv")
    code = (
        "import sys\nfrom perflab.cache import DiskCache\nfrom perflab.errors import StoreError\n"
        "try:\n    DiskCache(sys.argv[1])\nexcept StoreError as error:\n    print(error)\n"
    )
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        DiskCache(Path(place, "c")).close()
        under = (setpriv, "--reuid=65534", "--regid=65534", "--clear-groups")
        if subprocess.run([*under, sys.executable, "-c", ""], capture_output=True, check=False).returncode:
            pytest.skip("Python cannot be run as another user here")
        said = python(code, Path(place, "c"), under=under)
    assert "belongs to another user than uid 65534 (owner uid 0, mode drwx------)" in said


FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


@pytest.mark.skipif(not Path(FAKETIME).exists(), reason="libfaketime is not installed here")
def test_a_clock_that_is_two_hours_off(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache.set("hour", 1, ttl=3_600)
        cache["endless"] = 2
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom perflab.cache import DiskCache\n"
        "def offset(text):\n    Path(os.environ['FAKETIME_TIMESTAMP_FILE']).write_text(text)\n"
        "with DiskCache(sys.argv[1]) as cache:\n"
        "    offset('-2h')\n    print(cache.get('hour'), cache.get('endless'))\n"
        "    offset('+0')\n    print(cache.get('hour'), cache.get('endless'))\n"
        "    cache.set('own', 3, ttl=60)\n"
        "    offset('+2h')\n    print(cache.get('hour'), cache.get('endless'), cache.get('own'))\n"
        "    offset('-2h')\n    print(cache.get('hour'), cache.get('own'))\n"
    )
    (tmp_path / "offset").write_text("+0")
    said = python(
        code,
        tmp_path / "c",
        LD_PRELOAD=FAKETIME,
        FAKETIME_DONT_FAKE_MONOTONIC="1",
        FAKETIME_NO_CACHE="1",
        FAKETIME_TIMESTAMP_FILE=str(tmp_path / "offset"),
    )
    assert said.splitlines() == ["None None", "1 2", "None 2 3", "None 3"]
