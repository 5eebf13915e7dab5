"""Classes of misses against stories told by hand, and against the loads of a real cache."""

from __future__ import annotations

from functools import partial

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from questions_frames import Row, accesses, at, missing, without_times

from perflab.analyze import MISS_CLASSES, misses
from perflab.cache import MemoryCache, TieredCache, TTLCache
from perflab.record import Recorder

STORIES: dict[str, list[Row]] = {
    "compulsory": [("a", "miss")],
    "capacity": [("a", "set"), ("a", "evict"), ("a", "miss")],
    "expired": [("a", "set"), ("a", "expire"), ("a", "miss")],
    "invalidated": [("a", "set"), ("a", "invalidate"), ("a", "miss")],
    "rejected": [("a", "miss"), ("a", "load"), ("a", "reject"), ("a", "miss")],
    "damaged": [("a", "set"), ("a", "quarantine"), ("a", "miss")],
    "in flight": [("a", "miss"), ("a", "miss"), ("a", "load", {"duration_s": 1.5})],
    "not stored": [("a", "miss"), ("a", "miss")],
}


def test_there_is_a_story_for_each_class() -> None:
    assert tuple(STORIES) == MISS_CLASSES


@pytest.mark.parametrize("miss_class", MISS_CLASSES)
def test_the_row_before_says_why(miss_class: str) -> None:
    found = misses(accesses(*STORIES[miss_class]))
    assert found["miss_class"].tolist()[-1] == miss_class


def test_a_copy_that_left_before_does_not_count() -> None:
    rows = accesses(
        ("a", "set", {"tier": "l3"}), ("a", "set"), ("a", "evict"), ("a", "hit", {"tier": "l3"}),
        ("a", "promote"), ("a", "expire"), ("a", "expire", {"tier": "l3"}), ("a", "miss"),
    )  # fmt: skip
    assert misses(rows)["miss_class"].tolist() == ["expired"]


def test_a_failed_load_after_an_eviction_is_no_second_eviction() -> None:
    found = misses(accesses(("a", "set"), ("a", "evict"), ("a", "miss"), ("a", "miss")))
    assert found["miss_class"].tolist() == ["capacity", "not stored"]
    assert missing(found["reload_distance"]) == [0, None]
    assert missing(found["away_s"]) == [1.0, None]


def test_a_key_that_was_warmed_was_seen() -> None:
    assert misses(accesses(("a", "warm"), ("a", "evict"), ("a", "miss")))["miss_class"].tolist() == ["capacity"]


def test_a_key_that_was_hit_was_seen() -> None:
    assert misses(accesses(("a", "hit"), ("a", "miss")))["miss_class"].tolist() == ["not stored"]


def test_an_eviction_may_be_all_that_is_known() -> None:
    assert misses(accesses(("a", "evict"), ("a", "miss")))["miss_class"].tolist() == ["capacity"]


def test_runs_and_keys_are_told_apart() -> None:
    rows = accesses(("a", "evict"), ("b", "miss"), ("a", "miss", {"run_id": "s"}), ("a", "miss"))
    assert misses(rows)["miss_class"].tolist() == ["compulsory", "compulsory", "capacity"]


def test_distance_and_time_since_the_key_left() -> None:
    rows = accesses(
        ("a", "miss"), ("a", "set"), ("a", "evict"), ("b", "hit"), ("c", "miss"), ("c", "load"), ("a", "miss"),
        ("b", "hit", {"run_id": "s"}), ("d", "expire"), ("d", "miss"),
    )  # fmt: skip
    found = misses(rows).set_index("key")
    assert missing(found["reload_distance"]) == [None, None, 2, 0]
    assert missing(found["away_s"]) == [None, None, 4.0, 1.0]
    assert found["reload_distance"].dtype == "Int64"


def test_the_accesses_of_other_runs_are_no_distance() -> None:
    rows = accesses(("a", "evict"), ("b", "hit", {"run_id": "s"}), ("b", "hit"), ("a", "miss"))
    assert missing(misses(rows)["reload_distance"]) == [1]


def test_each_load_belongs_to_the_miss_that_led_to_it() -> None:
    rows = accesses(
        ("a", "miss"), ("a", "load", {"duration_s": 0.5}), ("a", "set"), ("a", "evict"), ("a", "miss"),
        ("b", "miss"), ("a", "load", {"duration_s": 0.75}), ("b", "miss"), ("b", "load", {"duration_s": 0.25}),
    )  # fmt: skip
    assert missing(misses(rows)["load_s"]) == [0.5, 0.75, None, 0.25]


def test_who_waits_for_the_load_of_another_is_not_charged_for_it() -> None:
    # Two callers miss at 0 and 1 s; the load that the first one began runs from 0.5 to 2 s.
    rows = accesses(("a", "miss"), ("a", "miss"), ("a", "load", {"duration_s": 1.5}), ("a", "set"))
    found = misses(rows)
    assert found["miss_class"].tolist() == ["compulsory", "in flight"]
    assert missing(found["load_s"]) == [1.5, None]


def test_the_first_to_miss_waits_for_nobody() -> None:
    found = misses(accesses(("a", "miss"), ("a", "load", {"duration_s": 1.5})))
    assert found["miss_class"].tolist() == ["compulsory"]
    assert missing(found["load_s"]) == [1.5]


def test_a_load_that_began_after_the_miss_is_its_own() -> None:
    rows = accesses(("a", "miss"), ("a", "miss"), ("a", "load", {"duration_s": 0.5}))
    found = misses(rows)
    assert found["miss_class"].tolist() == ["compulsory", "not stored"]
    assert missing(found["load_s"]) == [None, 0.5]


def test_without_times_only_times_are_missing() -> None:
    rows = accesses(("a", "set"), ("a", "evict"), ("b", "hit"), ("a", "miss"), ("a", "load", {"duration_s": 0.5}))
    found = misses(without_times(rows))
    assert found["miss_class"].tolist() == ["capacity"]
    assert (missing(found["reload_distance"]), missing(found["away_s"])) == ([1], [None])
    assert missing(found["load_s"]) == [0.5]


def test_rows_keep_their_number_and_what_they_happened_in() -> None:
    rows = accesses(("b", "hit"), ("a", "miss", {"operation": "parse", "operation_id": 7, "stream": "worker"}))
    found = misses(rows)
    assert found.index.tolist() == [1]
    kept = found[["run_id", "t", "key", "operation", "operation_id", "stream"]].to_numpy().tolist()
    assert kept == [["r", at(1), "a", "parse", 7, "worker"]]


def test_rows_of_no_key_are_one_key() -> None:
    rows = accesses(("a", "set"), ("a", "quarantine"), ("a", "miss"))
    rows["key"] = pd.Categorical([None, None, None], categories=["a"])
    assert misses(rows)["miss_class"].tolist() == ["damaged"]


def test_rows_of_no_key_are_none_of_another_run() -> None:
    rows = accesses(("a", "evict"), ("a", "miss", {"run_id": "s", "key": None}))
    assert misses(rows)["miss_class"].tolist() == ["compulsory"]


@pytest.mark.parametrize(
    "rows", [accesses(), accesses(("a", "hit")), accesses(("a", "evict"))], ids=["empty", "a hit", "an eviction"]
)
def test_no_misses(rows: pd.DataFrame) -> None:
    found = misses(rows)
    assert len(found) == 0
    assert found["miss_class"].dtype == pd.CategoricalDtype(list(MISS_CLASSES))
    kinds = found[["reload_distance", "away_s", "load_s"]].dtypes.astype(str).tolist()
    assert kinds == ["Int64", "float64", "float64"]


def test_runs_may_be_joined_with_their_row_numbers() -> None:
    rows = accesses(("a", "set"), ("a", "evict"), ("a", "miss"), ("a", "load", {"duration_s": 0.5}))
    both = pd.concat([rows, rows.assign(run_id="s")])
    found = misses(both)
    assert found.index.tolist() == [2, 2]
    assert missing(found["reload_distance"]) == [0, 0]
    assert missing(found["load_s"]) == [0.5, 0.5]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=80), st.integers(0, 300))
def test_a_real_cache_misses_for_room_what_is_not_new(keys: list[int], size: int) -> None:
    recorder = Recorder()
    tier = MemoryCache(size, weigh=lambda *_: 60, recorder=recorder)
    loaded: list[int] = []
    with TieredCache(tier, TTLCache(0, weigh=lambda *_: 60, recorder=recorder), None, recorder) as cache:
        for key in keys:
            cache.get_or_load(key, partial(loaded.append, key))
    found = misses(recorder.frames.accesses)
    again = "rejected" if size < 60 else "capacity"
    expected = ["compulsory" if key not in loaded[:place] else again for place, key in enumerate(loaded)]
    assert found["miss_class"].tolist() == expected
    assert found["load_s"].notna().all()
