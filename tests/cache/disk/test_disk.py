"""The disk tier: a mapping that survives processes, with times to live and a bound of bytes."""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from disk_cases import Clock, events

from perflab.cache import DiskCache
from perflab.errors import ConfigError, StoreError
from perflab.record import Recorder


def test_a_mapping_that_outlives_the_process(tmp_path: Path) -> None:
    keys = ["a", 1, 1.0, True, (1,), (1.0,), math.nan, "\ud800", "\0", "", b"", "k" * 2_000_000, None]
    with DiskCache(tmp_path / "c") as cache:
        for number, key in enumerate(keys):
            cache[key] = {"number": number, "array": np.arange(number)}
    with DiskCache(tmp_path / "c") as again:
        assert [again[key]["number"] for key in keys] == list(range(len(keys)))
        assert len(again) == len(list(again)) == len(keys)
        del again["a"]
        assert "a" not in again
        with pytest.raises(KeyError):
            again["a"]
        assert again.pop(1)["number"] == 1
        assert again.clear() == len(keys) - 2
        assert len(again) == 0


def test_inside_a_process_time_to_live_is_monotonic(tmp_path: Path) -> None:
    timer, wall = Clock(), Clock()
    with DiskCache(tmp_path / "c", timer=timer, wall=wall) as cache:
        cache.set("key", 1, ttl=60)
        for step in (7_200, -14_400):
            wall.now += step
            assert cache.get("key") == 1
            assert cache.ttl("key") == 60
        timer.now += 60
        assert cache.get("key") is None


def test_across_processes_only_created_until_expires_is_believed(tmp_path: Path) -> None:
    wall, recorder = Clock(), Recorder()
    with DiskCache(tmp_path / "c", wall=wall) as cache:
        cache.set("key", 1, ttl=60)
        cache["endless"] = 2
    with DiskCache(tmp_path / "c", wall=wall, recorder=recorder) as other:
        for now, value in ((1_000.0, 1), (1_059.9, 1), (999.9, None), (1_000.0, 1)):
            wall.now = now
            assert other.get("key") == value
        wall.now = 1_059.0
        assert other.ttl("key") == 1.0
        assert (other.ttl("endless"), other.entry("endless").deadline) == (math.inf, math.inf)
        wall.now = 1_060.0
        assert other.get("key") is None
        assert events(recorder) == [("key", "expire", "ttl")]


def test_touch_and_zero_ttl(tmp_path: Path) -> None:
    timer, wall = Clock(), Clock()
    with DiskCache(tmp_path / "c", timer=timer, wall=wall) as cache:
        cache.set("key", 1, ttl=10)
        assert cache.touch("key", 100)
        assert cache.ttl("key") == 100
        assert cache.touch("missing", 5) is False
        assert cache.touch("key", 0) is False
        assert cache.set("key", 2, ttl=0) is False
        assert "key" not in cache


def test_unsupported_types_are_named_and_the_old_value_stays(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["key"] = "old"
        with pytest.raises(StoreError, match=r"'key'.*Clock"):
            cache["key"] = Clock()
        assert cache["key"] == "old"


def test_the_bound_holds_and_the_oldest_leaves(tmp_path: Path) -> None:
    recorder, wall = Recorder(), Clock()
    with DiskCache(tmp_path / "c", 200_000, wall=wall, recorder=recorder) as cache:
        for number in range(40):
            wall.now += 1
            cache[number] = os.urandom(40_000 if number % 2 else 10_000)
            assert cache.nbytes <= cache.max_bytes
        assert cache.set("giant", os.urandom(300_000)) is False
        kept = sorted(cache)
        assert kept == list(range(40 - len(kept), 40))
        evicted = [int(key) for key, event, _ in events(recorder) if event == "evict"]
        assert evicted == list(range(40 - len(kept)))
        assert len(list((tmp_path / "c").glob("??/??/*.val"))) == sum(key % 2 for key in kept)


def test_the_private_folder_goes_with_close_and_close_is_final() -> None:
    cache = DiskCache()
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    cache.close()
    cache.close()
    assert not cache.folder.exists()
    for use in (lambda: cache.get("a"), lambda: cache.set("a", 1), lambda: len(cache), lambda: cache.delete("a")):
        with pytest.raises(StoreError, match="closed"):
            use()


@pytest.mark.parametrize("write", ["through", "behind"])
def test_cost_and_tags_go_with_a_value(tmp_path: Path, write: Literal["through", "behind"]) -> None:
    with DiskCache(tmp_path / "c", write=write) as cache:
        cache.set("a", 1, cost=2.5, tags=["site", "ü \x1f"])
        cache.set("b", 2, tags="site")
        cache.set("c", "c" * 10_000, cost=0)
        cache["d"] = 4
        assert cache.tagged("site") == ["b", "a"]
        assert cache.touch("a", 60)
    with DiskCache(tmp_path / "c") as again:
        facts = {key: again.entry(key).facts for key in "abcd"}
        assert [(facts[key].cost, facts[key].tags) for key in "abcd"] == [
            (2.5, ("site", "ü \x1f")),
            (None, ("site",)),
            (0.0, ()),
            (None, ()),
        ]
        assert (again.tagged("ü \x1f"), again.tagged("sit"), again.tagged("")) == (["a"], [], [])
        held = sum(entry.nbytes for entry in again.entries("abcd"))
        assert again.nbytes == sum(cost for _, cost in again.costs()) == held
        again["b"] = 3
        assert again.tagged("site") == ["a"]


def test_cost_and_tags_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["a"] = 1
        for wrong in ({"cost": -1}, {"cost": math.nan}, {"tags": [1]}):
            with pytest.raises(ConfigError):
                cache.set("a", 2, **wrong)
        with pytest.raises(StoreError, match="The tags take"):
            cache.set("a", 2, tags=["t" * 70_000])
        assert cache["a"] == 1
