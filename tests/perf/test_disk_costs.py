"""What the disk tier costs beside bare diskcache, as ratios of interleaved pairs: run with `make perf`.

Nothing here asserts a time; each line is for people to read, with its bound, its interval and the noise floor.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import diskcache
import pytest

from perflab.bench import Arm, run
from perflab.cache import DiskCache

KEYS = [f"key-{number}" for number in range(1_000)]
SIZES = (100, 10_000)


@functools.cache
def values(size: int) -> Iterator[bytes]:
    """New values for ever, two by turns: sqlite writes less where it finds the bytes that are there already."""
    return itertools.cycle([os.urandom(size), os.urandom(size)])


@functools.cache
def bare(size: int) -> Any:
    """A filled diskcache, kept for the life of the measuring process."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    cache = diskcache.Cache(folder)
    for key in KEYS:
        cache.set(key, next(values(size)))
    return cache


@functools.cache
def ours(size: int, write: Any = "through") -> DiskCache:
    """A filled disk tier, likewise."""
    cache = DiskCache(write=write)
    cache.set_many([(key, next(values(size))) for key in KEYS])
    return cache


def bare_gets(size: int) -> None:
    get = bare(size).get
    for key in KEYS:
        get(key)


def our_gets(size: int) -> None:
    get = ours(size).get
    for key in KEYS:
        get(key)


def bare_sets(size: int) -> None:
    put, value = bare(size).set, next(values(size))
    for key in KEYS:
        put(key, value)


def our_sets(size: int) -> None:
    put, value = ours(size).set, next(values(size))
    for key in KEYS:
        put(key, value)


def sets_behind(size: int) -> None:
    cache, value = ours(size, "behind"), next(values(size))
    for key in KEYS:
        cache.set(key, value)
    assert cache.flush()


def sets_at_once(size: int) -> None:
    value = next(values(size))
    assert ours(size).set_many([(key, value) for key in KEYS]) == len(KEYS)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def show(text: str) -> None:
        with capsys.disabled():
            print(text)

    return show


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("title", "bound", "baseline", "other", "clock"),
    [
        ("get, checksum and codec included", "<= 1.5", bare_gets, our_gets, "cpu"),
        ("set, written behind, flush included", "<= 0.4", bare_sets, sets_behind, "wall"),
        ("set_many of 1,000", "<= 0.4", bare_sets, sets_at_once, "wall"),
        ("set, written through", "no bound", bare_sets, our_sets, "wall"),
    ],
    ids=("get", "behind", "many", "through"),
)
def test_disk_ratio(
    title: str,
    bound: str,
    baseline: Callable[[int], None],
    other: Callable[[int], None],
    clock: Any,
    size: int,
    say: Callable[[str], None],
) -> None:
    arms = (
        Arm("baseline", functools.partial(baseline, size), clock=clock, inputs="baseline"),
        Arm("optimized", functools.partial(other, size), clock=clock, inputs="other"),
    )
    found = run(f"{title}, {size} bytes", arms, isolated=False, pairs=16).comparisons[0].comparison
    assert found.pairs >= 16
    interval = f"{found.ratio:.2f} [{found.low:.2f}, {found.high:.2f}]"
    noise = max(found.baseline_noise, found.noise)
    say(
        f"\n{title}, {size} bytes / the same of diskcache.Cache: {interval}, bound {bound}, noise floor {noise:.1%}, "
        f"{found.pairs} pairs"
    )
