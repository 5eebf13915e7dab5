"""What leaves the disk tier for room: held against the slow way to do it, a list that a hand moves over."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from disk_cases import Clock, events
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.cache import DiskCache
from perflab.cache.disk.marks import ReadMarks
from perflab.cache.disk.rows import SPARED
from perflab.record import Recorder

BOUND = 3_000


class Hand:
    """FIFO with reinsertion over a list: oldest first, and the keys that were read since the hand came by."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int]] = []
        self.read: set[int] = set()

    def store(self, key: int, cost: int) -> None:
        self.rows = [row for row in self.rows if row[0] != key]
        while self.rows and sum(each for _, each in self.rows) + cost > BOUND:
            oldest = self.rows.pop(0)
            if oldest[0] in self.read:
                self.read.discard(oldest[0])
                self.rows.append(oldest)
        self.rows.append((key, cost))

    def look(self, key: int) -> None:
        if key in dict(self.rows):
            self.read.add(key)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 900)), max_size=50))
def test_what_was_read_is_spared_once(steps: list[tuple[int, int | None]]) -> None:
    hand = Hand()
    with DiskCache(max_bytes=BOUND, wall=Clock()) as cache:
        for key, size in steps:
            if size is None:
                cache.get(key)
                hand.look(key)
            else:
                assert cache.set(key, b"x" * size)
                hand.store(key, dict(cache.costs())[key])
            assert cache.costs()[::-1] == hand.rows
            assert cache.nbytes == sum(cost for _, cost in hand.rows) <= BOUND


def test_a_read_writes_nothing(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache.set_many([(number, "x") for number in range(20)])
        with contextlib.closing(sqlite3.connect(tmp_path / "c" / "cache.db")) as other:
            version = other.execute("PRAGMA data_version").fetchone()
            assert [cache[number] for number in range(20)] == ["x"] * 20
            assert cache.get_many(range(20)) == ["x"] * 20
            assert other.execute("PRAGMA data_version").fetchone() == version
            cache["more"] = 1
            assert other.execute("PRAGMA data_version").fetchone() != version


def test_one_write_spares_a_bounded_number_of_rows() -> None:
    count = SPARED + 36
    with DiskCache(max_bytes=1_000_000) as probe:
        probe[0] = 0
        cost = probe.nbytes
    with DiskCache(max_bytes=cost * count) as cache:
        cache.set_many([(number, 0) for number in range(count)])
        cache.get_many(range(count))
        cache[count] = 0
        assert SPARED not in cache
        assert len(cache) == count


def test_what_is_due_leaves_first_and_as_expired() -> None:
    clock, recorder = Clock(), Recorder()
    with DiskCache(max_bytes=1_500, timer=clock, wall=clock, recorder=recorder) as cache:
        cache.set("old", b"x" * 400)
        cache.set("due", b"x" * 400, ttl=5)
        clock.now += 5
        cache.set("new", b"x" * 400)
        assert sorted(cache) == ["new", "old"]
    assert events(recorder)[-1] == ("due", "expire", "ttl")


def test_keys_in_use_elsewhere_are_spared() -> None:
    with DiskCache(max_bytes=1_500, in_use=lambda key: key == "old") as cache:
        for key in ("old", "idle", "new"):
            cache.set(key, b"x" * 400)
        assert sorted(cache) == ["new", "old"]


def test_a_clock_that_is_set_back_does_not_make_new_rows_the_oldest() -> None:
    clock = Clock()
    with DiskCache(max_bytes=1_500, wall=clock) as cache:
        cache.set("one", b"x" * 400)
        cache.set("two", b"x" * 400)
        clock.now -= 7_200
        cache.set("new", b"x" * 400)
        assert list(cache) == ["new", "two"]


def test_a_batch_larger_than_the_bound_keeps_its_end() -> None:
    with DiskCache(max_bytes=1_500) as cache:
        assert cache.set_many([(number, b"x" * 400) for number in range(9)]) == 9
        assert list(cache) == [8, 7]
        assert cache.nbytes <= 1_500


def test_marks_are_bounded() -> None:
    marks = ReadMarks(limit=10)
    for number in range(1_000):
        marks.note(b"%d" % number)
        assert len(marks) <= 20
    assert marks.take(b"995")
    assert not marks.take(b"5")
