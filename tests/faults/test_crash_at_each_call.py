"""SQLite's way to test crashes: a kill, and a full disk, at each call of a workload that changes a file.

The calls of all kinds are counted as one sequence, from opening a folder to closing it. After each fault another
process opens the folder: what was acknowledged is there, nothing else is, half-written files are gone, and it works on.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest
from disk_workload import GONE, SIZES, value_of
from syscalls import ROOM, End, Workload

from perflab.cache import DiskCache

FIRST = 60
HANGS_S = 10
SYNCS = ("fdatasync", "fsync")


@pytest.fixture(params=["a new folder", "a folder in use"])
def workload(tmp_path: Path, request: pytest.FixtureRequest) -> Workload:
    return Workload(tmp_path, None if request.param == "a new folder" else in_use(tmp_path))


def in_use(tmp_path: Path) -> Path:
    folder = tmp_path / "in use"
    DiskCache(folder).close()
    return folder


def said(path: Path) -> list[list[object]]:
    log = path.with_name(f"{path.name}.log")
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def allowed(path: Path) -> list[set[int]]:
    """Return for each key the steps whose value it may have: the one acknowledged last, and those tried after it."""
    steps = [{GONE} for _ in SIZES]
    for word, key, number in said(path):
        if word == "try":
            steps[key].add(number)
        elif word == "done":
            steps[key] = {number}
        elif word == "refused":
            steps[key].add(GONE)
        else:
            assert number in steps[key], f"{path.name}: key {key} was read as of step {number}, not of {steps[key]}"
    return steps


def check(end: End) -> int:
    """Hold the folder of one child against what it was acknowledged; return how often it was."""
    assert end.took_s < HANGS_S, end
    with DiskCache(end.path, compress_bytes=math.inf) as cache:
        for key, steps in enumerate(allowed(end.path)):
            value = cache.get(key)
            assert value in [None if step == GONE else value_of(step, key) for step in steps], (end, key, steps)
        large = [key for key in cache if SIZES[key] > 40_000]
        assert len(value_files(end.path)) == len(large), f"{end}: half-written files were not swept"
        cache.clear()
        assert not value_files(end.path), f"{end}: clear left files"
        assert cache.set("more", value_of(9, 1))
        assert cache["more"] == value_of(9, 1)
    return sum(word == "done" for word, *_ in said(end.path))


def value_files(folder: Path) -> list[Path]:
    return list(folder.glob("??/??/*"))


def places(workload: Workload) -> Sequence[int]:
    """Return the first sixty calls; of a folder in use, whose opening is short, every other one of the rest too."""
    count = len(workload.calls)
    assert count > FIRST
    return [*range(1, FIRST + 1), *range(FIRST + 1, 1 if workload.new else count + 1, 2)]


@pytest.mark.fault("killed between two system calls of a write")
def test_a_kill_at_each_call(workload: Workload) -> None:
    ends = workload.fail("signal=KILL", places(workload))
    assert {end.status for end in ends} == {9}
    assert_each_was_hit(ends)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        acknowledged = [check(end) for end in ends]
    as_planned = [count for end, count in zip(ends, acknowledged, strict=True) if end.hit == end.n]
    assert as_planned == sorted(as_planned), "what is killed later has acknowledged no less"
    assert (acknowledged[0], acknowledged[-1] > 0) == (0, not workload.new)


@pytest.mark.fault("disk full from some system call on")
def test_no_room_at_each_call(workload: Workload) -> None:
    ends = workload.fail("error=ENOSPC", places(workload))
    assert {end.status for end in ends} == {0}
    assert_each_was_hit(ends)
    assert_survived(ends)


@pytest.mark.fault("disk full from some system call on")
def test_no_room_from_each_call_on(workload: Workload) -> None:
    ends = workload.fail("error=ENOSPC", places(workload)[::2], ROOM, on=True)
    assert {end.status for end in ends} == {0}
    acknowledged = assert_survived(ends)
    assert min(acknowledged) < max(acknowledged) or workload.new


@pytest.mark.fault("killed between two system calls of a write")
def test_a_kill_at_each_call_of_writing_behind(tmp_path: Path) -> None:
    workload = Workload(tmp_path, in_use(tmp_path), write="behind", behind_s=3_600)
    ends = workload.fail("signal=KILL", range(1, 1 + len(workload.calls), 3))
    assert {end.status for end in ends} == {9}
    acknowledged = assert_survived(ends)
    assert (acknowledged[0], acknowledged[-1] > 2 * len(SIZES)) == (0, True)


@pytest.mark.fault("fsync error")
def test_what_is_not_synced_is_not_acknowledged(tmp_path: Path) -> None:
    workload = Workload(tmp_path, in_use(tmp_path), durable=True)
    syncs = [n for n, name in enumerate(workload.calls, 1) if name in SYNCS]
    ends = workload.fail("error=EIO", syncs, SYNCS, on=True)
    assert {end.status for end in ends} == {0}
    acknowledged = assert_survived(ends)
    assert min(acknowledged) < max(acknowledged)
    for end, count in zip(ends, acknowledged, strict=True):
        refused = sum(word == "refused" for word, *_ in said(end.path))
        assert refused or count == max(acknowledged), f"{end}: a set was acknowledged without a sync"


def assert_each_was_hit(ends: list[End]) -> None:
    """Hold the place of each fault against the one wanted; folders are named at random, which moves a few of them."""
    assert [end.hit for end in ends[:FIRST]] == [end.n for end in ends[:FIRST]]
    assert sum(end.hit == end.n for end in ends) > 0.9 * len(ends)


def assert_survived(ends: list[End]) -> list[int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [check(end) for end in ends]
