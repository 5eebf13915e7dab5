"""Output digests: equal for equal content, in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.bench.digest import digest_of

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


@settings(deadline=None, max_examples=80)
@given(values, values)
def test_equal_digests_mean_equal_content(left, right):
    if left is None or right is None:
        assert digest_of(None) is None
    else:
        assert (digest_of(left) == digest_of(right)) == (repr(left) == repr(right) or same_mapping(left, right))


def same_mapping(left, right):
    """Mappings in another order print differently and are equal; 1 == True == 1.0 is not enough."""
    return left == right and canonical_text(left) == canonical_text(right)


def canonical_text(value):
    if isinstance(value, dict):
        return repr(sorted((key, canonical_text(item)) for key, item in value.items()))
    if isinstance(value, list):
        return repr([canonical_text(item) for item in value])
    return repr(value)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([1, 2], [2, 1]),
        ([1], (1,)),
        (1, True),
        (1, 1.0),
        (b"a", "a"),
        (["ab"], ["a", "b"]),
        (np.zeros(4), np.zeros((2, 2))),
        (np.zeros(2, "f4"), np.zeros(1, "f8")),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
    ],
)
def test_different_values_have_different_digests(left, right):
    assert digest_of(left) != digest_of(right)


@dataclass
class Point:
    x: int
    y: int


def test_dataclasses_and_frames_are_plain():
    assert digest_of(Point(1, 2)) == digest_of(Point(1, 2)) != digest_of(Point(2, 1))
    assert digest_of(pd.DataFrame({"a": ["x", None]})) == digest_of(pd.DataFrame({"a": ["x", None]}))


def test_what_has_no_canonical_form_is_not_compared():
    loop: list[object] = []
    loop.append(loop)
    assert digest_of(object()) is None
    assert digest_of([1, lambda: 1]) is None
    assert digest_of(np.array([object()])) is None
    assert digest_of(loop) is None


def test_the_hash_seed_does_not_matter():
    code = "from perflab.bench.digest import digest_of; print(digest_of({'a': {'x', 'y', 'z'}, 'b': {'q': 1, 'r': 2}}))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(printed) == 1
