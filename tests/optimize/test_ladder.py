"""The ladder: two samples, one level at a time, a cool-down, and an end well below."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.optimize import Ladder

LEVELS = (0.6, 0.7, 0.8, 0.9, 0.95)


class Climb:
    """A ladder on a hand-moved clock, which does at once what is due."""

    def __init__(self, **rest):
        self.now = 0.0
        self.ladder = Ladder(LEVELS, clock=lambda: self.now, **rest)

    def at(self, ratio, after=0.1):
        """Take a sample some seconds after the last; return what was due: a level, or minus one more than it."""
        self.now += after
        self.ladder.see(ratio)
        acting, ending = self.ladder.to_act(), self.ladder.to_end()
        if acting is not None:
            self.ladder.acted(acting)
            return acting
        if ending is not None:
            self.ladder.ended(ending)
            return -1 - ending
        return None


def test_it_takes_two_samples_in_a_row():
    climb = Climb()
    assert [climb.at(ratio) for ratio in (0.65, 0.59, 0.65, None, 0.60)] == [None, None, None, None, 0]


def test_one_level_after_the_other_each_with_samples_of_its_own():
    climb = Climb()
    assert [climb.at(0.99) for _ in range(12)] == [None, 0, None, 1, None, 2, None, 3, None, 4, None, None]
    assert climb.ladder.in_force == (0, 1, 2, 3, 4)


def test_a_level_that_helped_spares_the_next():
    climb = Climb()
    assert [climb.at(ratio) for ratio in (0.85, 0.85, 0.85, 0.85, 0.72, 0.72, 0.72)] == [
        None,
        0,
        None,
        1,
        None,
        None,
        None,
    ]


def test_after_the_cool_down_it_is_acted_on_again():
    climb = Climb(cooldown_s=30)
    acted = [(round(climb.now), level) for _ in range(70) if (level := climb.at(0.75, after=1)) is not None]
    assert acted == [(2, 0), (4, 1), (32, 0), (34, 1), (62, 0), (64, 1)]


def test_levels_that_are_not_in_force_come_before_those_that_are_tried_again():
    climb = Climb(cooldown_s=0.15)
    assert [climb.at(0.99) for _ in range(10)] == [None, 0, None, 1, None, 2, None, 3, None, 4]
    assert [climb.at(0.99) for _ in range(4)] == [None, 0, None, 0]


def test_it_ends_clearly_below_the_highest_level_first_and_not_before_the_cool_down():
    climb = Climb(cooldown_s=30, hysteresis_ratio=0.1)
    assert [climb.at(0.75) for _ in range(4)] == [None, 0, None, 1]
    assert [climb.at(0.61) for _ in range(9)] == [None] * 9, "0.61 is not 0.1 below 0.70"
    assert [climb.at(0.55) for _ in range(9)] == [None] * 9, "too early"
    climb.now += 30
    assert climb.at(0.55) == -2
    assert [climb.at(0.55) for _ in range(9)] == [None] * 9, "0.55 is not 0.1 below 0.60"
    assert [climb.at(0.45) for _ in range(2)] == [None, -1]
    assert climb.ladder.in_force == ()


def test_what_ended_comes_back_after_the_cool_down():
    climb = Climb(cooldown_s=30)
    climb.at(0.65)
    climb.at(0.65)
    climb.now += 30
    assert [climb.at(0.2), climb.at(0.2)] == [None, -1]
    assert [climb.at(0.65) for _ in range(5)] == [None] * 5
    climb.now += 30
    assert climb.at(0.65) == 0


@given(st.lists(st.tuples(st.floats(0, 1.2), st.floats(0.05, 20)), max_size=60), st.sampled_from([1, 2, 3]))
def test_no_level_changes_twice_within_the_cool_down_or_without_samples_that_ask_for_it(steps, samples):
    climb = Climb(cooldown_s=30, samples=samples)
    changed, seen = {}, []
    for ratio, after in steps:
        done = climb.at(ratio, after)
        seen.append(ratio)
        if done is None:
            continue
        level = done if done >= 0 else -1 - done
        bound = LEVELS[level]
        assert len(seen) >= samples
        wanted = [past >= bound if done >= 0 else past < bound - 0.1 for past in seen[-samples:]]
        assert all(wanted)
        assert climb.now - changed.get(level, -1e9) >= 30
        changed[level] = climb.now
        seen = []
        assert climb.ladder.in_force == tuple(sorted(climb.ladder.in_force))


@pytest.mark.parametrize("ratio", [0.0, 0.5999])
def test_below_the_first_level_nothing_is_ever_due(ratio):
    climb = Climb()
    assert {climb.at(ratio) for _ in range(50)} == {None}
