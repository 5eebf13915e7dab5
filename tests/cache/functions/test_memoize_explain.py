"""Why a call misses: each reason is brought about, and told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perflab.cache import DiskCache, MemoryCache, TieredCache, TTLCache, cached
from perflab.cache.functions.explain import REASONS
from perflab.record import Recorder


class Timer:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def timer() -> Timer:
    return Timer()


def tiers(timer: Timer, l1_bytes: int = 100_000, folder: Path | None = None) -> TieredCache:
    recorder = Recorder()
    l1 = MemoryCache(l1_bytes, timer=timer, recorder=recorder)
    l2 = TTLCache(0, timer=timer, recorder=recorder)
    l3 = None if folder is None else DiskCache(folder, timer=timer, recorder=recorder)
    return TieredCache(l1, l2, l3, recorder)


@pytest.fixture
def cache(timer: Timer) -> Iterator[TieredCache]:
    with tiers(timer) as made:
        yield made


def module(source: str, **surroundings: object) -> dict[str, Any]:
    scope: dict[str, Any] = {"__name__": "module", **surroundings}
    exec(source, scope)  # noqa: S102 (the sources are the test's own)
    return scope


def add(x: int, y: int = 1, *, z: int = 0) -> int:
    return x + y + z


def test_the_first_call_a_hit_and_the_nearest_call(cache: TieredCache) -> None:
    f = cached(cache, add)
    assert f.explain(1).reason == "first time"
    f(1)
    f(1, 2)
    f(5, 6, z=7)
    found = f.explain(1)
    assert (found.reason, found.detail) == ("hit", "held in l1")
    assert found.last_miss is not None
    assert found.last_miss.reason == "first time"
    changed = f.explain(5, 6, z=8)
    assert (changed.reason, changed.nearest) == ("arguments changed", "add(x=5, y=6, z=7)")
    assert changed.differs == {"z": ("7", "8")}
    assert f.explain(1, 3).nearest == "add(x=1, y=2, z=0)", "of two as near the later one"
    f(1, 3)
    again = f.explain(1, 3).last_miss
    assert again is not None
    assert again.reason == "arguments changed"
    assert repr(f.explain(1)).startswith("add(x=1, y=1, z=0) hits: held in l1; its last miss: first time, ")
    assert "misses: arguments changed, nearest is add(x=5, y=6, z=7): z was 7, now 8" in repr(changed)


def test_explaining_computes_nothing_and_is_no_access(cache: TieredCache) -> None:
    calls: list[int] = []
    f = cached(cache, lambda x: calls.append(x))
    f(1)
    before = f.cache_info()
    for x in (1, 2, 2):
        f.explain(x)
    assert calls == [1]
    assert f.cache_info() == before
    assert f.explain(3).nearest == "<lambda>(x=1)", "what was only asked about was not called"


def test_expired_also_if_nobody_noticed(cache: TieredCache, timer: Timer) -> None:
    f = cached(cache, add, ttl=10)
    f(1)
    timer.now = 9.0
    assert f.explain(1).reason == "hit"
    timer.now = 10.0
    found = f.explain(1)
    assert found.reason == "expired"
    assert "left l1 (ttl) at " in found.detail
    f(1)
    last = f.explain(1).last_miss
    assert last is not None
    assert last.reason == "expired"


def test_evicted_for_room(timer: Timer) -> None:
    with tiers(timer, l1_bytes=3_000) as cache:
        f = cached(cache, lambda x: bytes([x] * 1_000))
        for x in range(4):
            f(x)
        found = f.explain(0)
        assert found.reason == "evicted"
        assert "capacity" in found.detail
        assert f.explain(3).reason == "hit"
        f(0)
        assert f.explain(0).reason == "hit"


def test_invalidated_by_whatever_way(cache: TieredCache) -> None:
    f = cached(cache, add)
    ways: list[tuple[Callable[[], object], str]] = [
        (lambda: f.invalidate(1), "deleted"),
        (lambda: cache.delete(f.cache_key(1)), "deleted"),
        (cache.clear, "cleared"),
    ]
    for way, reason in ways:
        f(1)
        assert f.explain(1).reason == "hit"
        way()
        found = f.explain(1)
        assert found.reason == "invalidated"
        assert reason in found.detail


def test_code_changed_in_place_names_what_was_bound_anew(cache: TieredCache) -> None:
    scope = module("RATE = 2\ndef g(x): return x * RATE\ndef f(x): return g(x)")
    f = cached(cache, scope["f"])
    assert f(3) == 6
    scope["RATE"] = 5
    found = f.explain(3)
    assert (found.reason, found.detail) == ("code changed", "bound anew: RATE")
    assert f(3) == 15
    last = f.explain(3).last_miss
    assert last is not None
    assert last.reason == "code changed"
    assert f.explain(4).reason == "arguments changed"
    scope["RATE"] = 2
    assert f(3) == 6
    assert f.cache_info().loads == 2
    assert f.cache_info().hits == 1


def test_code_changed_by_a_cell_that_ran_again(cache: TieredCache) -> None:
    first = module("@cached\ndef f(x): return x + 1", cached=cached(cache))["f"]
    assert first(1) == 2
    edited = module("@cached\ndef f(x): return x + 2", cached=cached(cache))["f"]
    assert edited.explain(1).reason == "code changed"
    assert edited.explain(2).reason == "first time", "of this code, and no result of other code is for these arguments"
    assert edited(1) == 3
    same = module("@cached\ndef f(x):\n    # why\n    return x + 2", cached=cached(cache))["f"]
    assert same.explain(1).reason == "hit"


def test_code_changed_since_another_run_left_results_on_disk(timer: Timer, tmp_path: Path) -> None:
    with tiers(timer, folder=tmp_path / "l3") as cache:
        module("@cached\ndef f(x): return x + 1", cached=cached(cache))["f"](1)
    with tiers(timer, folder=tmp_path / "l3") as cache:
        edited = module("@cached\ndef f(x): return x + 2", cached=cached(cache))["f"]
        assert edited.explain(1).reason == "code changed"
        assert edited.explain(2).reason == "first time"
        same = module("@cached\ndef f(x): return x + 1", cached=cached(cache))["f"]
        found = same.explain(1)
        assert (found.reason, found.detail, found.last_miss) == ("hit", "held in l3", None)


def test_not_stored_after_an_error_and_when_it_fits_nowhere(timer: Timer) -> None:
    with tiers(timer, l1_bytes=500) as cache:

        def f(x: int) -> bytes:
            if x == 0:
                raise ValueError("nothing for 0")
            return bytes(10_000)

        memoized = cached(cache, f)
        with pytest.raises(ValueError, match="nothing"):
            memoized(0)
        memoized(1)
        assert memoized.explain(0).reason == "not stored"
        assert "raised" in memoized.explain(0).detail
        assert memoized.explain(1).reason == "not stored"
        assert "oversize" in memoized.explain(1).detail


def test_without_rows_it_says_that_they_are_missing(timer: Timer) -> None:
    with TieredCache(MemoryCache(10_000, timer=timer), TTLCache(0, timer=timer), None) as cache:
        f = cached(cache, add)
        assert f.explain(1).reason == "first time"
        f(1)
        assert f.explain(1).reason == "hit"
        f.invalidate(1)
        assert f.explain(1).reason == "not recorded"
        assert f.explain(2).nearest == "add(x=1, y=1, z=0)"


def test_every_reason_is_one_of_the_table(cache: TieredCache) -> None:
    f = cached(cache, add)
    assert f.explain(1).reason in REASONS
    assert len(set(REASONS)) == len(REASONS)


def test_a_result_of_half_old_and_half_new_code_is_not_kept(cache: TieredCache) -> None:
    scope = module("K = 1\ndef f(x, move):\n    first = K\n    move()\n    return first + K")
    f = cached(cache, scope["f"], key=lambda *args: args[0])
    assert f(1, lambda: scope.update(K=2)) == 3
    assert f(1, lambda: None) == 4, "and what was between is not told again"
    assert f(1, lambda: scope.update(K=3)) == 4


def test_rows_of_another_function_with_a_longer_name_are_not_counted(cache: TieredCache) -> None:
    scope = module("def f(x): return 1\ndef ff(x): return 2")
    f, ff = cached(cache, scope["f"]), cached(cache, scope["ff"])
    ff(1)
    assert f.explain(1).reason == "first time"
    assert f.cache_info().loads == 0
