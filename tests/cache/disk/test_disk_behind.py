"""Writing behind: what was set is read at once, stored in batches, and never lost without a word."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Literal

import pytest
from disk_cases import events, python

from perflab.cache import DiskCache
from perflab.errors import ConfigError, StoreError
from perflab.record import Recorder

NEVER = 3_600.0


def behind(folder: Path, **settings: object) -> DiskCache:
    """Return a cache whose thread waits for longer than the test lasts."""
    return DiskCache(folder, write="behind", **{"behind_s": NEVER, **settings})  # type: ignore[arg-type]


def writers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "perflab-cache-write"]


def test_what_waits_is_read_here_and_by_others_after_a_flush(tmp_path: Path) -> None:
    with behind(tmp_path / "c") as cache, DiskCache(tmp_path / "c") as other:
        assert cache.set("key", [1, 2])
        cache.set_many({"a": 1, "b": 2}, ttl=60)
        assert (cache["key"], cache.get_many(["a", "none", "b"]), "a" in cache) == ([1, 2], [1, None, 2], True)
        assert 59 < cache.ttl("a") <= 60
        assert other.get("key") is None
        assert cache.flush()
        assert other.get_many(["key", "a", "b"]) == [[1, 2], 1, 2]


def test_a_newer_value_a_delete_and_a_touch_reach_what_waits(tmp_path: Path) -> None:
    with behind(tmp_path / "c") as cache:
        cache["stored"] = "old"
        cache.flush()
        cache["stored"] = "new"
        cache["gone"] = 1
        assert cache.delete("gone")
        assert cache.touch("stored", 60)
        assert (cache["stored"], cache.get("gone")) == ("new", None)
        assert cache.ttl("stored") <= 60
        assert cache.delete("stored")
        assert cache.get("stored") is None, "the value on disk must not come back"
        assert cache.flush()
        assert list(cache) == []


def test_rows_tell_of_the_set_and_of_the_write(tmp_path: Path) -> None:
    recorder = Recorder()
    with behind(tmp_path / "c", recorder=recorder) as cache:
        cache["key"] = 1
        cache["key"] = 2
        assert events(recorder) == [("key", "set", None)] * 2
        cache.flush()
        assert events(recorder)[2:] == [("key", "write_back", None)]


def test_the_queue_is_bounded(tmp_path: Path) -> None:
    with behind(tmp_path / "c", behind_bytes=5_000) as cache, DiskCache(tmp_path / "c") as other:
        for number in range(30):
            cache[number] = b"x" * 1_000
            assert number + 1 - len(other) <= 5
            assert cache[number] == b"x" * 1_000


def test_a_thread_writes_without_being_asked_and_ends_with_close(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c", write="behind", behind_s=0) as cache, DiskCache(tmp_path / "c") as other:
        cache["key"] = 1
        end = time.monotonic() + 20
        while other.get("key") is None and time.monotonic() < end:
            time.sleep(0.005)
        assert other["key"] == 1
        assert writers()
    assert not writers()


def test_close_writes_what_waits_and_is_final(tmp_path: Path) -> None:
    cache = behind(tmp_path / "c")
    cache["key"] = 1
    cache.close()
    cache.close()
    for use in (lambda: cache.set("a", 1), lambda: cache.get("a"), lambda: len(cache)):
        with pytest.raises(StoreError, match="closed"):
            use()
    with DiskCache(tmp_path / "c") as again:
        assert again["key"] == 1


def test_a_cache_that_nobody_closed_is_written_when_it_goes(tmp_path: Path) -> None:
    cache = behind(tmp_path / "c")
    cache["key"] = 1
    (thread,) = writers()
    del cache
    gc.collect()
    thread.join(20)
    assert not thread.is_alive()
    with DiskCache(tmp_path / "c") as again:
        assert again["key"] == 1


def test_a_program_that_ends_without_closing_loses_nothing(tmp_path: Path) -> None:
    python(
        "import sys\nfrom perflab.cache import DiskCache\n"
        "cache = DiskCache(sys.argv[1], write='behind', behind_s=3600)\n"
        "cache.set_many([(n, n) for n in range(50)])\n",
        tmp_path / "c",
    )
    with DiskCache(tmp_path / "c") as again:
        assert sorted(again) == list(range(50))


def test_a_fork_leaves_each_row_to_one_side(tmp_path: Path) -> None:
    recorder = Recorder()
    with behind(tmp_path / "c", recorder=recorder) as cache:
        cache["before"] = 1
        child = os.fork()
        if child == 0:
            done = cache["before"] == 1 and cache.set("child", 2) and cache.flush()
            os._exit(0 if done else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert events(recorder) == [("before", "set", None), ("before", "write_back", None)]
        cache["after"] = 3
        assert cache.flush()
        assert cache.get_many(["before", "child", "after"]) == [1, 2, 3]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_that_ends_without_closing_loses_nothing(tmp_path: Path, method: str) -> None:
    worker = multiprocessing.get_context(method).Process(target=set_and_leave, args=(tmp_path / "c",))
    worker.start()
    worker.join(60)
    assert worker.exitcode == 0
    with DiskCache(tmp_path / "c") as again:
        assert again["key"] == 1


def set_and_leave(folder: Path) -> None:
    kept.append(behind(folder))
    kept[0]["key"] = 1


kept: list[DiskCache] = []


@pytest.mark.parametrize("write", ["through", "behind"])
def test_threads_read_what_they_wrote(tmp_path: Path, write: Literal["through", "behind"]) -> None:
    wrong: list[object] = []

    def work(thread: int) -> None:
        for number in range(60):
            cache[thread, number % 7] = (thread, number)
            if cache.get((thread, number % 7)) != (thread, number):
                wrong.append((thread, number))

    with DiskCache(tmp_path / "c", write=write, behind_s=0, behind_bytes=2_000) as cache:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert cache.flush()
        assert not wrong
        with DiskCache(tmp_path / "c") as other:
            assert len(other) == 8 * 7
            assert all(other[thread, n % 7] == (thread, n) for thread in range(8) for n in range(53, 60))


def test_settings_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'sideways'; it must be 'through' or 'behind'"):
        DiskCache(tmp_path / "c", write="sideways")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="behind_bytes"):
        DiskCache(tmp_path / "c", write="behind", behind_bytes=-1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_a_warning_ended_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perflab.cache.disk.rows.BUSY_S", 0.05)
    with DiskCache(tmp_path / "c", write="behind", behind_s=0) as cache:
        with contextlib.closing(sqlite3.connect(tmp_path / "c" / "cache.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            cache["lost"] = 1
            (thread,) = writers()
            thread.join(20)  # warnings are errors here
            assert not thread.is_alive()
            other.execute("ROLLBACK")
        assert not cache.flush()
        cache["key"] = 1
        assert writers() not in ([], [thread])
        assert cache.flush()
        assert cache.get_many(["lost", "key"]) == [None, 1]
