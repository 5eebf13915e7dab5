"""Stays of values against stories told by hand, and against what a real cache holds in the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from questions_frames import accesses, at, missing, without_times

from perflab.analyze import lifetimes
from perflab.cache import DiskCache, MemoryCache, TieredCache, TTLCache
from perflab.record import Recorder


def stays(*rows: Any) -> list[tuple[Any, ...]]:
    found = lifetimes(accesses(*rows))
    shown = found[["key", "held_in", "end", "lifetime_s", "hits"]].astype(object)
    return [tuple(missing(row)) for _, row in shown.iterrows()]


@pytest.mark.parametrize(
    ("event", "end"),
    [("evict", "evicted"), ("expire", "expired"), ("invalidate", "invalidated"), ("quarantine", "damaged")],
)
def test_a_stay_ends_as_its_last_row_says(event: str, end: str) -> None:
    assert stays(("a", "set"), ("a", "hit"), ("a", "hit"), ("a", event)) == [("a", "memory", end, 3.0, 2)]


@pytest.mark.parametrize("event", ["set", "warm", "prefetch", "promote", "demote"])
def test_what_puts_a_value_into_memory_begins_a_stay(event: str) -> None:
    assert stays(("b", "hit"), ("a", event), ("a", "evict"))[1:] == [("a", "memory", "evicted", 1.0, 0)]


def test_moves_between_the_memory_tiers_are_one_stay() -> None:
    l2 = {"tier": "l2"}
    moved = [("a", "demote", l2), ("a", "promote"), ("a", "hit", l2), ("a", "demote", l2), ("a", "evict", l2)]
    assert stays(("a", "set"), *moved) == [("a", "memory", "evicted", 5.0, 1)]


def test_a_copy_on_disk_has_a_stay_of_its_own() -> None:
    l3 = {"tier": "l3"}
    rows = [("a", "set", l3), ("a", "set"), ("a", "evict"), ("a", "promote"), ("a", "hit", l3), ("a", "hit")]
    assert stays(*rows, ("a", "expire", l3)) == [
        ("a", "l3", "expired", 6.0, 1), ("a", "memory", "evicted", 1.0, 0), ("a", "memory", "held", None, 1),
    ]  # fmt: skip


def test_a_value_that_is_set_again_is_another() -> None:
    found = lifetimes(accesses(("a", "set", {"nbytes": 5}), ("a", "hit"), ("a", "set", {"nbytes": 7})))
    assert found["end"].tolist() == ["replaced", "held"]
    assert missing(found["left"]) == [at(2), None]
    assert found["lifetime_s"].tolist()[0] == 2.0
    assert found["nbytes"].tolist() == [5, 7]


def test_a_read_that_is_noted_after_the_removal_counts_before_it() -> None:
    assert stays(("a", "set"), ("a", "evict"), ("a", "hit")) == [("a", "memory", "evicted", 1.0, 1)]


def test_a_promotion_after_such_a_read_begins_a_stay() -> None:
    assert len(stays(("a", "set"), ("a", "evict"), ("a", "hit"), ("a", "promote"))) == 2


def test_the_size_is_that_of_the_last_row() -> None:
    found = lifetimes(accesses(("a", "set", {"nbytes": 5}), ("a", "evict", {"nbytes": 6})))
    assert found["nbytes"].tolist() == [6]


def test_what_was_stored_before_the_first_row_has_no_known_age() -> None:
    found = lifetimes(accesses(("a", "hit"), ("a", "evict"), ("b", "evict")))
    assert (missing(found["stored"]), missing(found["lifetime_s"])) == ([None, None], [None, None])
    assert missing(found["left"]) == [at(1), at(2)]
    assert found["hits"].tolist() == [1, 0]


def test_refusals_and_misses_are_no_stays() -> None:
    assert stays(("a", "miss"), ("a", "load"), ("a", "reject"), ("a", "reject", {"tier": "l2"})) == []
    assert stays(("a", "hit", {"tier": None})) == []


def test_runs_are_told_apart() -> None:
    found = lifetimes(accesses(("a", "set"), ("a", "evict", {"run_id": "s"})))
    assert (found["run_id"].tolist(), found["end"].tolist()) == (["r", "s"], ["held", "evicted"])


def test_runs_may_be_joined_with_their_row_numbers() -> None:
    rows = accesses(("a", "set"), ("a", "hit"), ("a", "evict"))
    found = lifetimes(pd.concat([rows, rows.assign(run_id="s")]))
    assert found["hits"].tolist() == [1, 1]
    assert found["lifetime_s"].tolist() == [2.0, 2.0]


def test_without_times_only_times_are_missing() -> None:
    rows = without_times(accesses(("a", "set"), ("a", "hit"), ("a", "evict"), ("a", "set"), ("a", "set")))
    found = lifetimes(rows)
    assert found["end"].tolist() == ["evicted", "replaced", "held"]
    assert found["hits"].tolist() == [1, 0, 0]
    assert found[["stored", "left", "lifetime_s"]].isna().all(axis=None)


@pytest.mark.parametrize("rows", [accesses(), accesses(("a", "miss"))], ids=["empty", "nothing stored"])
def test_no_stays(rows: pd.DataFrame) -> None:
    found = lifetimes(rows)
    assert len(found) == 0
    kinds = found[["stored", "left", "lifetime_s", "hits", "nbytes"]].dtypes.astype(str).tolist()
    assert kinds == ["datetime64[us, UTC]", "datetime64[us, UTC]", "float64", "int64", "Int64"]


STEPS = st.lists(st.tuples(st.sampled_from(["load", "set", "brief", "delete", "wait", "clear"]), st.integers(0, 5)))


@settings(deadline=None, max_examples=30)
@given(STEPS, st.integers(0, 300), st.integers(0, 200))
def test_what_is_held_is_what_a_real_cache_holds(steps: list[tuple[str, int]], first: int, second: int) -> None:
    now, recorder = [0.0], Recorder()
    options: dict[str, Any] = {"weigh": lambda key, _: 50 + 10 * key, "timer": lambda: now[0], "recorder": recorder}
    tiers = MemoryCache(first, **options), TTLCache(second, default_ttl=9, **options)
    with TieredCache(*tiers, None, recorder) as cache:
        act: dict[str, Callable[[int], object]] = {
            "load": lambda key: cache.get_or_load(key, lambda: key),
            "set": lambda key: cache.set(key, key),
            "brief": lambda key: cache.set(key, key, ttl=3),
            "delete": cache.delete,
            "wait": lambda key: now.__setitem__(0, now[0] + key),
            "clear": lambda _: cache.clear("l2"),
        }
        for step, key in steps:
            act[step](key)
        found = lifetimes(recorder.frames.accesses)
        held = found[found["end"] == "held"]
        # Not `len`: it would remove what is due, in rows that `found` does not have.
        assert held["nbytes"].sum() == sum(tier.nbytes for tier in tiers)
    assert found["hits"].sum() == (recorder.frames.accesses["event"] == "hit").sum()
    assert not held["key"].duplicated().any()


def test_a_disk_tier_is_followed_to_its_end() -> None:
    recorder = Recorder()
    tiers = MemoryCache(10_000, recorder=recorder), TTLCache(10_000, recorder=recorder)
    with TieredCache(*tiers, DiskCache(recorder=recorder), recorder) as cache:
        cache["a"] = "value"
        cache.clear("l1")
        assert (cache["a"], cache["a"]) == ("value", "value")
        del cache["a"]
    found = lifetimes(recorder.frames.accesses)
    assert found["held_in"].tolist() == ["l3", "memory", "memory"]
    assert found["hits"].tolist() == [1, 0, 1]
    assert found["end"].tolist() == ["invalidated"] * 3
