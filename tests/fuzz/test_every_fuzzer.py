"""Each fuzzer on a few examples, drawn the same way each time: that it runs, and finds nothing at once."""

from __future__ import annotations

import pytest
from everything import FUZZERS
from hypothesis import seed


@pytest.mark.parametrize("name", sorted(FUZZERS))
def test_a_few_examples_hold(name: str) -> None:
    seed(1)(FUZZERS[name].test(examples=15))()
