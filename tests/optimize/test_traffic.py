"""Whether a trace is still the same: its own ups and downs are no drift, other keys are."""

from __future__ import annotations

import numpy as np
import pytest
from tuned_cases import zipf_keys

from perflab.optimize.traffic import digest, distance, has_drifted
from perflab.trace import Trace


@pytest.mark.parametrize("kind", ["zipf", "alike", "loop", "mostly once"])
def test_the_same_program_later_has_not_drifted(kind):
    random = np.random.default_rng(3)
    keys = {
        "zipf": zipf_keys(6_000, 1),
        "alike": random.integers(0, 300, 6_000),
        "loop": np.arange(6_000) % 400,
        "mostly once": np.where(random.random(6_000) < 0.7, 10_000 + np.arange(6_000), random.integers(0, 50, 6_000)),
    }[kind]
    for since in (500, 2_000):
        assert not has_drifted(Trace.of(keys[:4_000]), Trace.of(keys[4_000 : 4_000 + since]))[0]


@pytest.mark.parametrize("since", [500, 2_000])
def test_other_keys_have(since):
    before = Trace.of(zipf_keys(4_000, 1))
    drifted, distance, allowed = has_drifted(before, Trace.of(zipf_keys(since, 2) + 5_000))
    assert drifted
    assert allowed < distance == pytest.approx(1.0)


def test_the_distance_is_that_of_the_shares_and_knows_no_order():
    one, other = (Trace.of(list(text)) for text in ("aaab", "bbba"))
    assert distance(one, other) == distance(other, one) == 0.5
    assert distance(one, one) == distance(one, Trace.of([])) == 0.0
    assert digest(one) == digest(Trace.of(list("baaa"))) != digest(other)
