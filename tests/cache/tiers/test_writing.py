"""Write policies: what each one promises of a value that was acknowledged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from perflab.cache import MISSING, DiskCache, MemoryCache, TieredCache, TTLCache, build_tiers
from perflab.cache.tiers.writing import BATCH
from perflab.config import Config
from perflab.errors import ConfigError
from perflab.record import Recorder


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Unsupported:
    """A value that only memory can hold."""


def make(folder: Path | None, policy: str, clock: Clock | None = None, room: int = 3) -> TieredCache:
    timer, recorder = clock or Clock(), Recorder()
    cache = TieredCache(
        MemoryCache(room, weigh=lambda *_: 1, timer=timer, recorder=recorder),
        TTLCache(room, weigh=lambda *_: 1, timer=timer, recorder=recorder, default_ttl=50),
        None if folder is None else DiskCache(folder, timer=timer, wall=timer, recorder=recorder),
        recorder,
    )
    cache.write_policy = policy
    return cache


@pytest.fixture
def back(tmp_path: Path) -> Iterator[TieredCache]:
    with make(tmp_path / "c", "back") as cache:
        yield cache


def written(cache: TieredCache) -> list[tuple[str, str]]:
    rows = cache.recorder.frames.accesses.query("event == 'write_back'")
    assert (rows["tier"] == "l3").all()
    return list(zip(rows["key"], rows["reason"], strict=True))


def test_through_is_on_disk_when_set_returns(tmp_path: Path) -> None:
    with make(tmp_path / "c", "through") as cache:
        cache["a"] = 1
        assert (cache.l1["a"], cache.l3["a"], cache.flush()) == (1, 1, 0)


def test_around_goes_to_disk_alone_and_comes_when_it_is_read(tmp_path: Path) -> None:
    with make(tmp_path / "c", "through") as cache:
        cache["a"] = "old"
        cache.write_policy = "around"
        cache["a"] = "new"
        cache.set_many({"b": 2})
        assert (list(cache.l1), list(cache.l2), set(cache.l3)) == ([], [], {"a", "b"})
        assert (cache["a"], cache.l1["a"]) == ("new", "new")
        invalid = cache.recorder.frames.accesses.query("event == 'invalidate'")
        assert invalid[["key", "tier", "reason"]].values.tolist() == [["a", "l1", "replaced"]]
        assert cache.get_or_load("c", lambda: 3) == 3
        assert "c" not in cache.l1
        value = Unsupported()
        assert cache.set("a", value)
        assert (cache.l1["a"], "a" in cache.l3) == (value, False), "what disk does not take goes to memory"


def test_without_disk_every_policy_writes_to_memory() -> None:
    for policy in ("through", "back", "around"):
        with make(None, policy) as cache:
            assert cache.set("a", 1)
            assert (cache["a"], cache.flush()) == (1, 0)


def test_back_is_on_disk_after_flush_and_only_then(back: TieredCache) -> None:
    back.set("a", 1)
    back.set("b", 2, ttl=40)
    assert list(back.l3) == []
    assert (back.flush(), back.flush()) == (2, 0)
    assert (back.l3["a"], back.l3["b"], back.l3.ttl("b")) == (1, 2, 40)
    assert sorted(written(back)) == [("a", "flush"), ("b", "flush")]


def test_back_is_on_disk_when_it_leaves_memory_for_room(back: TieredCache) -> None:
    for number in range(8):
        back[number] = number
    assert (set(back.l3), written(back)) == ({0, 1}, [("0", "capacity"), ("1", "capacity")])
    assert (back[0], back[1]) == (0, 1)
    back.l1.resize(0)
    back.l2.resize(0)
    assert set(back.l3) == set(range(8))
    assert [back[number] for number in range(8)] == list(range(8))


def test_back_is_on_disk_when_l2_lets_it_go_by_age(tmp_path: Path) -> None:
    clock = Clock()
    with make(tmp_path / "c", "back", clock, room=4) as cache:
        for number in range(4):
            cache.set(number, number, ttl=None if number else 500)
        cache.l1.resize(0)
        assert (len(cache.l2), list(cache.l3)) == (4, [])
        clock.now += 50
        assert (1 in cache, cache.ttl(1), cache[1]) == (True, float("inf"), 1)
        cache.expire()
        assert (set(cache.l3), set(written(cache))) == ({1, 2, 3}, {("1", "ttl"), ("2", "ttl"), ("3", "ttl")})
        assert cache.touch(2, 9)
        assert cache.ttl(2) == 9


def test_back_is_on_disk_when_it_is_too_large_for_memory(tmp_path: Path) -> None:
    with make(tmp_path / "c", "back", room=0) as cache:
        assert cache.set("a", 1)
        assert (cache.l3["a"], written(cache)) == (1, [("a", "oversize")])
        assert not cache.set("b", Unsupported())
        assert not cache.set("a", 2, ttl=0)
        assert "a" not in cache


def test_back_is_on_disk_after_close_but_not_what_is_due_or_removed(tmp_path: Path) -> None:
    clock = Clock()
    cache = make(tmp_path / "c", "back", clock)
    cache.set("due", 1, ttl=5)
    cache["kept"], cache["deleted"], cache["odd"] = 2, 3, Unsupported()
    del cache["deleted"]
    cache.touch("none", 0)
    clock.now += 5
    cache.close()
    with make(tmp_path / "c", "through", clock) as again:
        assert dict(again.l3) == {"kept": 2}


def test_back_removes_the_old_copy_at_once_so_that_a_kill_never_brings_it_back(tmp_path: Path) -> None:
    script = """
import os, signal, sys
from perflab.cache import DiskCache, MemoryCache, TieredCache, TTLCache
cache = TieredCache(MemoryCache(10**6), TTLCache(10**6), DiskCache(sys.argv[1]))
cache.set_many({"a": "old", "b": "old"})
cache.write_policy = "back"
cache["a"] = "new"
cache["c"] = "flushed"
cache.flush()
cache["a"] = "newer"
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "c")], check=False)
    assert done.returncode == -signal.SIGKILL
    with TieredCache(MemoryCache(1_000), TTLCache(1_000), DiskCache(tmp_path / "c")) as cache:
        assert (cache.get("a", MISSING), cache["b"], cache["c"]) == (MISSING, "old", "flushed")


def test_clearing_memory_keeps_on_disk_what_write_through_would(back: TieredCache) -> None:
    back["a"] = 1
    back.clear("l1")
    assert back["a"] == 1
    back["b"] = 2
    back.clear("l3")
    assert (set(back), back.flush()) == ({"a", "b"}, 1), "a was on disk, and is in memory alone"
    back["c"] = 3
    back.clear()
    assert (back.flush(), len(back)) == (0, 0)


def test_what_disk_refuses_waits_until_it_leaves(back: TieredCache, monkeypatch: pytest.MonkeyPatch) -> None:
    back["a"] = 1
    monkeypatch.setattr(back.l3, "set", lambda *_, **__: False)
    assert back.flush() == 0
    monkeypatch.undo()
    assert (back.flush(), back.l3["a"]) == (1, 1)


def test_another_policy_begins_with_a_flush(back: TieredCache) -> None:
    back["a"] = 1
    back.write_policy = "through"
    assert back.l3["a"] == 1
    for number in range(9):
        back[number] = number
    assert written(back) == [("a", "flush")]
    assert (back.recorder.frames.accesses["event"] == "evict").sum() == 4


def test_a_flush_goes_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make(tmp_path / "c", "back", room=1_000) as cache:
        sizes: list[int] = []
        store = cache.l3.put
        monkeypatch.setattr(cache.l3, "put", lambda items, ttl: (sizes.append(len(items)), store(items, ttl))[1])
        cache.set_many((number, number) for number in range(BATCH + 5))
        assert cache.flush() == BATCH + 5
        assert sizes == [BATCH, 5]


def test_a_forked_child_leaves_to_its_parent_what_waits(back: TieredCache) -> None:
    back["a"] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, such as the test runner's
        child = os.fork()
    if child == 0:
        os._exit(back.flush() + 10)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 10
    assert back.flush() == 1


def test_policies_are_named(tmp_path: Path) -> None:
    with make(tmp_path / "c", "through") as cache, pytest.raises(ConfigError, match=r"'sideways'.*'around'"):
        cache.write_policy = "sideways"
    with build_tiers(Config(cache={"write_policy": "back"})) as cache:
        assert cache.write_policy == "back"
