"""Learning which keys follow which."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.optimize.associate import Associations, wilson_low


def learn(associations, keys, stream="main"):
    for key in keys:
        associations.learn(stream, key)
    return associations


def test_a_pair_that_came_twice_is_expected():
    assert learn(Associations(), ["a", "b", *range(10), "a", "b", *range(10, 20)]).expected("a")[0] == "b"


def test_once_is_not_enough():
    assert learn(Associations(), ["a", "b", *range(10)]).expected("a") == ()


def test_a_follower_of_half_the_uses_is_not_sure_enough():
    keys = [x for turn in range(4) for x in ("a", "b" if turn % 2 else "c", *range(turn * 10, turn * 10 + 10))]
    assert learn(Associations(), keys).expected("a") == ()


def test_only_what_lies_in_the_window_follows():
    far = [x for turn in range(4) for x in ("a", *range(turn * 10, turn * 10 + 9), "b")]
    assert "b" not in learn(Associations(window=8), far).expected("a")
    assert "b" in learn(Associations(window=10), far).expected("a")


def test_a_key_that_comes_back_within_one_window_counts_once():
    assert learn(Associations(), ["a", "b", "b", "b", "b"]).expected("a") == ()


def test_streams_do_not_mix():
    associations = Associations()
    for turn in range(5):
        associations.learn("one", "a")
        associations.learn("two", "b")
        learn(associations, [("one", turn, x) for x in range(8)], "one")
        learn(associations, [("two", turn, x) for x in range(8)], "two")
    assert "b" not in associations.expected("a")


def test_a_hub_is_not_predicted_and_predicts_nothing():
    keys = [x for turn in range(40) for x in ("hub", f"left{turn % 4}", f"right{turn % 4}")]
    associations = learn(Associations(window=3), keys)
    assert associations.expected("hub") == ()
    assert associations.expected("left1")[0] == "right1"
    assert "hub" not in associations.expected("left1")


def test_a_hint_alone_is_no_prediction():
    associations = Associations()
    associations.hint("a", ["b"])
    assert associations.expected("a") == ()
    assert learn(associations, ["a", *range(10)]).expected("a") == ()


def test_a_hint_that_came_true_once_is_expected_at_once():
    associations = Associations()
    associations.hint("a", ["b"])
    assert learn(associations, ["a", "b", *range(10)]).expected("a") == ("b",)


def test_a_hint_that_does_not_come_true_loses():
    associations = Associations()
    associations.hint("a", ["b"])
    learn(associations, ["a", "b", *range(10)])
    for turn in range(4):
        learn(associations, ["a", *((turn, x) for x in range(10))])
    assert associations.expected("a") == ()


def test_after_an_interruption_nothing_follows_what_came_before():
    associations = Associations()
    for turn in range(4):
        associations.learn("main", "a")
        associations.interrupt("main")
        learn(associations, ["b", *((turn, x) for x in range(10))])
    assert associations.expected("a") == ()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40)), max_size=300))
def test_it_never_remembers_more_than_its_bound(trace):
    associations = Associations(max_nodes=16)
    for stream, key in trace:
        associations.learn(stream, key)
        assert len(associations) <= 16
        assert key not in associations.expected(key)


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (3, 7), (50, 100)])
def test_the_bound_solves_wilsons_equation(successes, trials):
    z, share = 1.2816, successes / trials
    low = wilson_low(successes, trials)
    assert math.isclose(abs(share - low), z * math.sqrt(low * (1 - low) / trials), abs_tol=1e-12)
