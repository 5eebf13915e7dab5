"""Others that change a row between its read and what is done about it, and threads that share one store."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from disk_cases import sql

from perflab.cache import DiskCache


class Meddler:
    """A wall clock that lets another process act between the read of a row and what is done about it."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.act: Callable[[], object] | None = None

    def __call__(self) -> float:
        act, self.act = self.act, None
        if act is not None:
            act()
        return self.now


@pytest.mark.parametrize("trouble", ["due", "damaged"])
def test_what_another_process_stores_meanwhile_is_not_removed(tmp_path: Path, trouble: str) -> None:
    wall = Meddler()
    with DiskCache(tmp_path / "c", wall=lambda: wall.now) as other, DiskCache(tmp_path / "c", wall=wall) as cache:
        other.set("key", "old", ttl=60)
        if trouble == "due":
            wall.now += 60
        else:
            sql(tmp_path / "c", "UPDATE Cache SET value = CAST(value || x'00' AS BLOB)")
        wall.act = lambda: other.set("key", "new")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert cache.get("key") is None
        assert (cache.get("key"), other.get("key")) == ("new", "new")


def test_a_touch_does_not_bring_back_what_another_process_replaced(tmp_path: Path) -> None:
    wall = Meddler()
    with DiskCache(tmp_path / "c", wall=lambda: wall.now) as other, DiskCache(tmp_path / "c", wall=wall) as cache:
        other["key"] = "old"
        wall.act = lambda: other.set("key", "new")
        assert cache.touch("key", 60)
        assert (cache["key"], other["key"], other.ttl("key")) == ("new", "new", 60)


def test_threads_share_one_store(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        threads = [threading.Thread(target=lambda t=t: [cache.set((t, n), n) for n in range(20)]) for t in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(cache) == 160
