"""Saved seconds against sums done by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from questions_frames import Row, accesses, missing, without_times

from perflab.analyze import saved_seconds


def load(key: str, duration_s: float | None, **more: object) -> Row:
    return key, "load", {"duration_s": duration_s, **more}


def hit(key: str, duration_s: float | None = None, **more: object) -> Row:
    return key, "hit", {"duration_s": duration_s, **more}


def test_each_hit_saves_a_mean_load_less_its_own_time() -> None:
    rows = accesses(load("a", 1.0), load("a", 3.0), hit("a", 0.25), hit("a", 0.75), hit("a", 0.5))
    found = saved_seconds(rows)
    assert found.reset_index().iloc[0].tolist() == ["a", 3, 2, 2.0, 0.5, 4.5, "estimated"]
    assert not isinstance(found.index.dtype, pd.CategoricalDtype)
    assert found.dtypes.astype(str).tolist() == ["int64", "int64", "float64", "float64", "float64", "category"]


def test_hits_that_were_not_timed_are_like_the_timed_ones_of_their_tier() -> None:
    rows = accesses(
        load("a", 1.0), load("b", 1.0), hit("a", 0.25), hit("b"), hit("c", 0.5, tier="l2"), hit("b", tier="l2"),
    )  # fmt: skip
    found = saved_seconds(rows)
    assert found.loc["b", "hit_s"] == 0.375
    assert found.loc["b", "saved_s"] == 2 * (1 - 0.375)


def test_hits_of_no_tier_are_a_tier() -> None:
    rows = accesses(load("a", 1.0), hit("a", tier=None), hit("b", 0.25, tier=None))
    assert saved_seconds(rows).loc["a", "saved_s"] == 0.75


def test_the_greatest_saving_is_first_and_the_unknown_last() -> None:
    rows = accesses(hit("x", 0.5), load("a", 1.0), hit("a", 0.5), load("b", 4.0), hit("b", 0.5), load("c", 9.0))
    assert saved_seconds(rows).index.tolist() == ["b", "a", "c", "x"]


def test_what_was_not_measured_is_unavailable() -> None:
    found = saved_seconds(accesses(hit("warmed", 0.5), load("a", None), hit("a", 0.5)))
    assert found["saved_s"].isna().all()
    assert found["how"].tolist() == ["unavailable"] * 2
    assert found["loads"].to_dict() == {"a": 1, "warmed": 0}


def test_what_was_never_hit_saved_nothing_for_certain() -> None:
    found = saved_seconds(accesses(load("once", 9.0), load("untimed", None)))
    assert found["saved_s"].tolist() == [0.0, 0.0]
    assert found["how"].tolist() == ["measured"] * 2


def test_no_hit_of_the_tier_was_timed() -> None:
    rows = accesses(load("a", 1.0), hit("a"), hit("b", 0.5, tier="l2"))
    assert missing(saved_seconds(rows)["saved_s"]) == [None, None]


def test_hits_slower_than_loads_save_less_than_nothing() -> None:
    assert saved_seconds(accesses(load("a", 0.25), hit("a", 0.5)))["saved_s"].tolist() == [-0.25]


def test_a_load_in_one_run_is_the_cost_for_another() -> None:
    rows = accesses(load("a", 1.0), hit("a", 0.5, run_id="warm"), hit("a", 0.5, run_id="warm"))
    assert saved_seconds(rows)["saved_s"].tolist() == [1.0]


def test_times_of_rows_do_not_matter() -> None:
    rows = accesses(load("a", 1.0), hit("a", 0.5), ("a", "evict"), ("a", "miss", {"duration_s": 5.0}))
    pd.testing.assert_frame_equal(saved_seconds(without_times(rows)), saved_seconds(rows))
    assert saved_seconds(rows)["saved_s"].tolist() == [0.5]


@pytest.mark.parametrize("rows", [accesses(), accesses(("a", "set"))], ids=["empty", "neither hit nor load"])
def test_nothing_to_save(rows: pd.DataFrame) -> None:
    found = saved_seconds(rows)
    assert (len(found), found.index.name) == (0, "key")
    assert found["saved_s"].sum() == 0
    assert found.columns.tolist() == ["hits", "loads", "load_s", "hit_s", "saved_s", "how"]
