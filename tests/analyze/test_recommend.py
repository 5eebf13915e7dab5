"""What is recommended, and how sure that is said to be."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.analyze.curve import Curve
from perflab.analyze.recommend import checked_constraints, choose, front, holds, smallest
from perflab.errors import ConfigError
from perflab.trace import Setting

ROWS = pd.DataFrame(
    [
        ("lru", 10, 0.5, 5.0),
        ("lru", 20, 0.7, 3.0),
        ("sieve", 20, 0.75, 2.5),
        ("sieve", 40, 0.8, 2.0),
        ("lru", 80, 0.9, 1.99),
    ],
    columns=["policy", "size", "hit_rate", "lost_s"],
)


def chosen(objective="hit_rate", **constraints):
    return choose(ROWS, objective, checked_constraints(constraints), 100)


def test_the_smallest_that_reaches_the_hit_rate_and_of_these_the_best():
    assert chosen(hit_rate=0.7)[0] == Setting("sieve", 20)
    assert chosen("memory", hit_rate=0.4)[0] == Setting("lru", 10)


def test_the_least_latency_to_a_percent():
    assert chosen("latency")[0] == Setting("sieve", 40)
    assert chosen("latency", max_size=20)[0] == Setting("sieve", 20)
    assert chosen(hit_rate=0.1, latency_s=0.03)[0] == Setting("sieve", 20)


def test_what_cannot_be_reached_is_said():
    assert chosen(hit_rate=0.95) == (None, "No setting reaches a hit rate of 95.0%; the highest is 90.0%.")
    assert chosen(hit_rate=0.7, max_size=10)[1] == (
        "No setting within 10 reaches a hit rate of 70.0%; the highest is 50.0%."
    )
    without = ROWS.assign(lost_s=math.nan)
    assert "knows no cost" in choose(without, "latency", checked_constraints({}), 100)[1]


@pytest.mark.parametrize(
    "constraints",
    [{"hit_rat": 0.5}, {"hit_rate": 1.5}, {"hit_rate": "high"}, {"latency_s": -1}, {"latency_s": float("nan")}],
)
def test_constraints_that_are_none_are_refused(constraints):
    with pytest.raises(ConfigError, match=next(iter(constraints))):
        checked_constraints(constraints)


def test_an_objective_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="hit_rate, latency, memory"):
        chosen("speed")


def a_curve(policy, sizes, rates):
    return Curve(policy, "entries", np.array(sizes), np.array(rates), np.array(rates), np.zeros(len(rates)), "exact")


def test_the_front_has_no_setting_that_a_smaller_one_equals():
    curves = [a_curve("lru", [1, 2, 4], [0.1, 0.5, 0.6]), a_curve("sieve", [1, 2, 4], [0.2, 0.4, 0.6])]
    found = front(curves)
    assert found[["policy", "size"]].values.tolist() == [["sieve", 1], ["lru", 2], ["lru", 4]]
    assert front([]).empty


@given(st.integers(1, 10_000), st.integers(1, 2_000))
def test_the_smallest_size_is_found_by_halving(border, beyond):
    found = smallest(lambda size: float(size >= border), border + beyond, 0, 1.0, steps=64)
    assert found == border


def test_whether_it_holds():
    assert [holds(low, high, 0.5) for low, high in ((0.5, 0.6), (0.4, 0.6), (0.3, 0.4))] == ["yes", "unclear", "no"]
    assert holds(0.1, 0.2, 0.0) == ""
