"""Batches: every item once and in order, within the weight, within the time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.parallel.batch import BATCH_WEIGHT, Batch, Pace, Ready, batches


@settings(deadline=None, max_examples=50)
@given(weights=st.lists(st.integers(0, 400_000), max_size=200), workers=st.integers(1, 8))
def test_batches_keep_every_item_in_order_and_within_the_weight(weights: list[int], workers: int) -> None:
    made = list(batches(weights, lambda w: w, workers))
    assert [w for batch in made for w in batch.items] == weights
    assert all(len(batch.items) == 1 or sum(batch.items) <= BATCH_WEIGHT for batch in made)
    assert all(batch.weight == sum(batch.items) for batch in made)


@settings(deadline=None, max_examples=100)
@given(items=st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=600), weighted=st.booleans())
def test_ready_values_keep_their_places(items: list[tuple[bool, int]], weighted: bool) -> None:
    given_items: list[Any] = [Ready(-number) if ready else number for ready, number in items]
    made = list(batches(given_items, (lambda _: 1) if weighted else None, 2))
    joined = [value for batch in made for value in batch.joined([number + 100 for number in batch.items])]
    assert joined == [-number if ready else number + 100 for ready, number in items]
    assert all(batch.items or batch.ready for batch in made)


def test_results_up_to_an_error_are_joined_with_the_ready_ones_before_it() -> None:
    batch = Batch([1, 2, 3], 3.0, [(0, "a"), (1, "b"), (3, "c")])
    assert list(batch.joined([])) == ["a"]
    assert list(batch.joined([10])) == ["a", 10, "b"]
    assert list(batch.joined([10, 20, 30])) == ["a", 10, "b", 20, 30, "c"]


def test_few_items_spread_over_all_workers() -> None:
    assert [len(batch.items) for batch in batches([2000] * 8, lambda w: w, 4)] == [1] * 8


def test_many_small_items_travel_together() -> None:
    made = list(batches([2000] * 5000, lambda w: w, 2))
    assert len(made) < 100


def test_a_batch_of_slow_items_is_a_tenth_of_a_second() -> None:
    pace = Pace(2, handed_out=1e9)
    assert pace.limit() == BATCH_WEIGHT
    pace.learn(10_000, 0.05)  # 5 ms a kilobyte
    assert pace.limit() == 20_000
    made = list(batches([2000] * 100, lambda w: w, pace))
    assert {len(batch.items) for batch in made} == {10}


def test_a_batch_of_quick_items_is_worth_its_hand_over_once_that_is_known() -> None:
    pace = Pace(2, handed_out=8_000)
    assert pace.limit() == 1_000
    pace.learn(10_000, 0.010)
    assert pace.limit() == pytest.approx(20_000)


def test_only_what_costs_less_than_its_way_is_cheap_and_not_for_ever() -> None:
    pace = Pace(2)
    assert not pace.is_cheap()
    pace.learn(1_000_000, 0.0001)
    assert not pace.is_cheap()  # too little is known
    pace.learn(2_000_000, 0.0002)
    assert pace.is_cheap()
    pace.learn(1_000_000, 1.0)
    assert not pace.is_cheap()
