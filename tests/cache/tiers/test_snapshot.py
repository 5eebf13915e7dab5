"""Snapshots: the hot set in a file and back, and every file that must be refused."""

from __future__ import annotations

import math
import os
import pickle
import resource
import struct
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.cache import DiskCache, Entry, MemoryCache, TieredCache, TTLCache
from perflab.cache.codec import values as codec
from perflab.cache.tiers.snapshot import Kept, read_snapshot, write_snapshot
from perflab.errors import StoreError
from perflab.record import Recorder


class Clock:
    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Unsupported:
    """A value that only memory can hold."""


def make(l1: int = 3, l2: int = 3, *, clock: Clock | None = None, folder: Path | None = None) -> TieredCache:
    timer, recorder = clock or Clock(), Recorder()
    return TieredCache(
        MemoryCache(l1, weigh=lambda *_: 1, timer=timer, recorder=recorder),
        TTLCache(l2, weigh=lambda *_: 1, timer=timer, recorder=recorder),
        None if folder is None else DiskCache(folder, timer=timer, wall=timer, recorder=recorder),
        recorder,
    )


def filled(keys: str = "abcde") -> TieredCache:
    cache = make()
    for key in keys:
        cache[key] = key.upper()
    return cache


def test_what_comes_back_lies_where_it_lay_and_leaves_in_the_same_order(tmp_path: Path) -> None:
    with filled() as cache, make() as again:
        cache["d"], cache.get("c")
        assert cache.snapshot(tmp_path / "hot") == 5
        assert again.restore(tmp_path / "hot") == 5
        assert (list(again.l1), list(again.l2)) == (list(cache.l1), list(cache.l2)) == (["e", "d", "c"], ["a", "b"])
        assert dict(again.l1) == {"c": "C", "d": "D", "e": "E"}
        rows = again.recorder.frames.accesses
        assert rows["event"].tolist() == ["warm"] * 5
        assert set(rows["reason"]) == {"snapshot"}
        assert again.stats()["accesses"].sum() == 0


def test_the_hottest_come_first_where_room_is_short(tmp_path: Path) -> None:
    with filled("abcdef") as cache, make(2, 1) as again, make(2, 1) as part:
        cache.snapshot(tmp_path / "hot")
        assert again.restore(tmp_path / "hot") == 3
        assert (list(again.l1), list(again.l2)) == (["e", "f"], ["d"])
        assert part.restore(tmp_path / "hot", limit_bytes=2) == 2
        assert (list(part.l1), list(part.l2)) == (["e", "f"], [])


def test_what_saves_most_seconds_a_byte_comes_first(tmp_path: Path) -> None:
    """Costs, reads and bytes count; among equals, what was used last."""

    def sized(room: int) -> TieredCache:
        recorder = Recorder()
        l1 = MemoryCache(room, weigh=lambda _, value: len(value), recorder=recorder)
        return TieredCache(l1, TTLCache(0, recorder=recorder), None, recorder)

    with sized(20) as cache:
        cache.set("cheap", "xx", cost=1)
        cache.set("dear", "xx", cost=9)
        cache.set("large", "x" * 12, cost=9)
        cache.set("read", "xx", cost=1)
        cache.set("new", "xx", cost=1)
        for _ in range(20):
            cache.get("read")
        cache.get("new")
        cache.snapshot(tmp_path / "hot")
    everything = {"read", "dear", "new", "cheap", "large"}
    for room, expected in ((2, {"read"}), (4, {"read", "dear"}), (6, {"read", "dear", "new"}), (20, everything)):
        with sized(room) as again:
            again.restore(tmp_path / "hot")
            assert set(again.l1) == expected


def test_a_snapshot_of_the_first_version_is_read(tmp_path: Path) -> None:
    """Written by that version: one entry, `page`, without how often it was read."""
    path = tmp_path / "hot"
    body = codec.encode(("page", "one", math.inf, 2.0))
    whole = struct.pack(">Q", len(body)) + body
    facts = struct.Struct(">B16sQQd")
    checksum = xxhash.xxh3_128(whole + facts.pack(1, bytes(16), len(whole), 1, 5.0)).digest()
    path.write_bytes(b"perflab snapshot\n" + facts.pack(1, checksum, len(whole), 1, 5.0) + whole)
    assert read_snapshot(path) == [Kept("page", "one", math.inf, 2.0, 1.0)]


def test_nothing_in_memory_is_changed_and_nothing_leaves(tmp_path: Path) -> None:
    with filled() as cache, make() as again:
        cache.snapshot(tmp_path / "hot")
        again["e"], again["own"] = "newer", 1
        assert again.restore(tmp_path / "hot") == 4
        assert (again["e"], again["own"], len(again)) == ("newer", 1, 6)
        assert not again.recorder.frames.accesses["event"].isin(["evict", "demote"]).any()


def test_a_newer_value_on_disk_wins(tmp_path: Path) -> None:
    with filled() as cache, make(folder=tmp_path / "c") as other:
        cache.snapshot(tmp_path / "hot")
        other.set("e", "newer", ttl=50)
    with make(folder=tmp_path / "c") as again:
        again.restore(tmp_path / "hot")
        assert (again.l1["e"], again.ttl("e"), again.l1["d"]) == ("newer", 50, "D")


def test_times_to_live_go_on_by_the_wall_clock_and_costs_stay(tmp_path: Path) -> None:
    clock, wall = Clock(), Clock(1e9)
    with make(clock=clock) as cache:
        cache.set("long", 1, ttl=100)
        cache.set("short", 1, ttl=10)
        cache.set("ever", 1)
        cache.get_or_load("loaded", lambda: 1, cost=7)
        cache.snapshot(tmp_path / "hot", wall=wall)
    wall.now += 30
    later = Clock(5.0)
    with make(clock=later) as cache:
        assert cache.restore(tmp_path / "hot", wall=wall) == 3
        assert (cache.ttl("long"), cache.ttl("ever"), "short" in cache) == (70, math.inf, False)
        assert cache._tiers.peek("loaded").facts.cost == 7
        assert cache._tiers.peek("ever").facts.cost is None
    wall.now -= 31
    with make() as cache:
        assert cache.restore(tmp_path / "hot", wall=wall) == 2, "what is from the future is not believed"
        assert "long" not in cache


def test_what_has_no_safe_encoding_is_left_out(tmp_path: Path) -> None:
    with make() as cache:
        cache.update({"a": Unsupported(), "b": 2})
        assert cache.snapshot(tmp_path / "hot") == 1
        assert [kept.key for kept in read_snapshot(tmp_path / "hot")] == ["b"]


def test_the_file_is_no_larger_than_its_limit_and_for_the_owner_alone(tmp_path: Path) -> None:
    entries = [Entry(number, "x" * 100, 1) for number in range(50)]
    path = tmp_path / "hot"
    for limit in (0, 100, 1_000, 5_000):
        count = write_snapshot(path, entries, limit_bytes=limit)
        assert path.stat().st_size <= max(limit, 100)
        assert [kept.key for kept in read_snapshot(path)] == list(range(count))
    assert 30 < count < 50
    assert path.stat().st_mode & 0o777 == 0o600


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(pairs=st.lists(st.tuples(st.integers() | st.text() | st.tuples(st.booleans(), st.floats()), values), max_size=8))
@settings(deadline=None, max_examples=40)
def test_every_plain_value_comes_back(
    pairs: list[tuple[object, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "every"
    assert write_snapshot(path, [Entry(key, value, 1) for key, value in pairs]) == len(pairs)
    assert repr([(kept.key, kept.value) for kept in read_snapshot(path)]) == repr(pairs)


def test_arrays_come_back(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "hot", [Entry("a", {"when": date(2026, 1, 2), "what": np.arange(3.0)}, 1)])
    (kept,) = read_snapshot(tmp_path / "hot")
    assert np.array_equal(kept.value["what"], np.arange(3.0))


def test_every_flipped_byte_and_every_cut_is_noticed_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "hot"
    with filled("abc") as cache:
        cache.snapshot(path)
    good = path.read_bytes()
    damaged = [good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :] for at in range(len(good))]
    damaged += [good[:length] for length in range(len(good))] + [good + b"x"]
    with make() as cache:
        for data in damaged:
            path.write_bytes(data)
            with pytest.raises(StoreError, match=r"^The snapshot '.*hot' is refused: it .*; nothing of it was used\.$"):
                cache.restore(path)
        assert len(cache) == 0
        path.write_bytes(good)
        assert cache.restore(path) == 3


class Planted:
    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, ("planted",))


def test_foreign_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    Path("pickle").write_bytes(pickle.dumps(Planted()))
    Path("text").write_text("perflab snapshot, as text")
    with Path("sparse").open("wb") as file:
        file.truncate(5_000_000_000)
    with make() as cache:
        for name in ("pipe", "folder", "pickle", "text", "sparse", "missing", os.devnull, "a\0b"):
            with pytest.raises(StoreError, match="is refused"):
                cache.restore(name)
        assert len(cache) == 0
    assert not Path("planted").exists()


def test_a_version_of_tomorrow_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "hot"
    write_snapshot(path, [])
    data = bytearray(path.read_bytes())
    data[len(b"perflab snapshot\n")] = 3
    path.write_bytes(data)
    with pytest.raises(StoreError, match="version 3, allowed is 2"):
        read_snapshot(path)


def test_a_snapshot_that_cannot_be_written_leaves_the_older_one(tmp_path: Path) -> None:
    path = tmp_path / "hot"
    with filled() as cache:
        cache.snapshot(path)
        before = path.read_bytes()
        with pytest.raises(StoreError, match=r"cannot be written \(.*No such file"):
            cache.snapshot(tmp_path / "missing" / "hot")

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
    try:
        with pytest.raises(StoreError, match="File too large"):
            write_snapshot(path, [Entry("a", b"x" * 50_000, 1)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["hot"]
