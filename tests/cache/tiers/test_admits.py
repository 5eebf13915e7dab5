"""A cache that lets nothing new into memory: what is there is read, what comes goes to disk, nothing is ever wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.cache import DiskCache, MemoryCache, TieredCache, TTLCache
from perflab.record import Recorder


def tiers(folder: Path | None, l1: int = 10_000, l2: int = 10_000) -> TieredCache:
    recorder = Recorder()
    disk = None if folder is None else DiskCache(folder, recorder=recorder)
    return TieredCache(MemoryCache(l1, recorder=recorder), TTLCache(l2, recorder=recorder), disk, recorder)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[TieredCache]:
    with tiers(tmp_path / "l3") as made:
        yield made


def held(cache: TieredCache) -> int:
    return cache.l1.nbytes + cache.l2.nbytes


def events(cache: TieredCache, key: str) -> list[tuple[str, str]]:
    rows = cache.recorder.frames.accesses
    rows = rows[rows["key"].astype(str) == key]
    return list(zip(rows["event"].astype(str), rows["tier"].astype(str), strict=True))


def test_new_values_go_to_disk_and_are_read_from_there(cache: TieredCache) -> None:
    cache["old"] = b"x" * 100
    before = held(cache)
    cache.admits = False
    assert cache.set("new", b"y" * 100)
    assert [cache["new"], cache["old"]] == [b"y" * 100, b"x" * 100]
    assert held(cache) == before
    assert events(cache, "new")[-1] == ("hit", "l3")
    assert events(cache, "old")[-1] == ("hit", "l1")
    cache.admits = True
    assert [cache["new"] for _ in range(2)] == [b"y" * 100] * 2
    assert events(cache, "new")[-1] == ("hit", "l1")


def test_the_old_value_of_a_key_is_gone(cache: TieredCache) -> None:
    cache["key"] = b"old"
    cache.admits = False
    cache["key"] = b"new"
    assert cache["key"] == b"new"
    assert "key" not in cache.l1


def test_without_disk_a_new_value_is_refused_and_told() -> None:
    with tiers(None) as cache:
        heard: list[tuple[object, str]] = []
        cache.listener = lambda key, _, reason: heard.append((key, reason))
        cache["key"] = b"old"
        cache.admits = False
        assert not cache.set("key", b"new")
        assert "key" not in cache
        assert cache.get_or_load("loaded", lambda: 7) == 7
        assert "loaded" not in cache
        assert ("key", "rejected") in heard
        rows = cache.recorder.frames.accesses
        assert set(rows.loc[rows["event"] == "reject", "reason"]) == {"pressure"}


def test_what_waits_for_disk_is_written_at_once(cache: TieredCache) -> None:
    cache.write_policy = "back"
    cache.admits = False
    assert cache.set("key", b"new")
    assert cache.l3 is not None
    assert cache.l3["key"] == b"new"


def test_prefetch_warming_and_snapshots_bring_nothing(cache: TieredCache, tmp_path: Path) -> None:
    for number in range(20):
        cache[f"key-{number}"] = b"x" * 100
    cache.snapshot(tmp_path / "hot")
    cache.clear("l1")
    cache.clear("l2")
    cache.admits = False
    fetched = cache.ahead.fetch("key-1"), cache.ahead.fetch("key-1", None, "warm", 10_000)
    assert [found.outcome for found in fetched] == ["no room", "no room"]
    assert cache.prefetch(["key-1"]) == 0
    assert cache.restore(tmp_path / "hot") == 0
    assert held(cache) == 0


def test_a_hit_in_l2_stays_there(cache: TieredCache) -> None:
    for number in range(60):
        cache[f"key-{number}"] = b"x" * 100
    low = next(iter(cache.l2))
    cache.admits = False
    assert cache[low] == b"x" * 100
    assert low in cache.l2


@given(
    st.lists(
        st.tuples(st.sampled_from(["set", "get", "delete", "on", "off"]), st.integers(0, 5), st.integers(0, 99)),
        max_size=60,
    )
)
def test_a_value_is_the_last_one_set_or_none(steps: list[tuple[str, int, int]]) -> None:
    model: dict[int, int] = {}
    with tiers(None, l1=1_000, l2=1_000) as cache:
        for what, key, value in steps:
            if what == "set":
                model[key] = value
                cache.set(key, value)
            elif what == "get":
                assert cache.get(key, model.get(key)) == model.get(key)
            elif what == "delete":
                model.pop(key, None)
                cache.pop(key, None)
            else:
                cache.admits = what == "on"
