"""Walks with an even step."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.optimize.stride import Strides


def learn(strides, keys, stream="main"):
    """Return everything that was expected and has not come yet."""
    found = []
    for key in keys:
        found += strides.learn(stream, key)
    return tuple(expected for expected in found if expected not in keys)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([5, 8, 11], (14, 17)),
        ([5, 8, 11, 14], (17, 20, 23)),
        ([11, 8, 5], (2, -1)),
        (["p8", "p9", "p10"], ("p11", "p12")),
        (["p-098.txt", "p-099.txt", "p-100.txt"], ("p-101.txt", "p-102.txt")),
        (["p2", "p1", "p0"], ()),
        ([("tile", 4, 1), ("tile", 4, 3), ("tile", 4, 5)], (("tile", 4, 7), ("tile", 4, 9))),
        ([("tile", 4, 1), ("tile", 5, 3), ("tile", 4, 5)], ()),
        (["a1", "b2", "a3"], ()),
        ([1, 2], ()),
        ([1, 2, 4], ()),
        ([3, 3, 3, 3], ()),
        ([1, 100, 199], ()),
        ([True, 2, 3], ()),
        (["title", None, 3.0, b"4"], ()),
    ],
)
def test_what_comes_next(keys, expected):
    assert learn(Strides(), keys) == expected


def test_the_longer_a_walk_is_even_the_further_it_is_followed_and_nothing_is_told_twice():
    strides = Strides(depth=4)
    told = [strides.learn("main", number) for number in range(8)]
    assert told == [(), (), (3, 4), (5, 6), (7, 8), (9,), (10,), (11,)]


def test_another_depth_holds_from_then_on():
    strides = Strides(depth=2)
    learn(strides, range(10))
    strides.depth = 5
    assert strides.learn("main", 10) == (12, 13, 14, 15)
    strides.depth = 2
    assert strides.learn("main", 11) == ()


def test_regions_take_turns():
    strides = Strides()
    walks = [range(0, 40, 2), range(1_000, 1_060, 3), range(9_000, 8_900, -5)]
    for step in zip(*walks, strict=True):
        found = [strides.learn("main", number) for number in step]
    assert found == [(54,), (1_081,), (8_865,)]


def test_streams_do_not_mix():
    strides = Strides()
    for number in range(0, 40, 2):
        found = strides.learn("even", number), strides.learn("odd", 3 * number + 1)
    assert found == ((54,), (163,))


def test_an_interrupted_walk_begins_anew():
    strides = Strides()
    learn(strides, [1, 2, 3])
    strides.interrupt("main")
    assert strides.learn("main", 4) == ()


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 64), st.integers(-(10**12), 10**12), st.integers(3, 20))
def test_every_even_walk_is_found(step, start, length):
    walk = [start + step * number for number in range(length)]
    found = learn(Strides(), walk)
    assert found == tuple(walk[-1] + step * ahead for ahead in range(1, min(length - 1, 8) + 1))
