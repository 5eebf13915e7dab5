"""How often the protocol is wrong: a hundred seeded trials of each known truth, some beside a program on one core.

They take a quarter of an hour on an idle machine; `make trust` runs them, and `perflab benchmark --self-check` a part.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from perflab.bench.trust import memory_grown, trials

TRIALS = 100


@pytest.fixture
def hog() -> Iterator[None]:
    """Keep one core busy."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        yield
        process.kill()


@pytest.mark.usefixtures("hog")
def test_equal_arms_seldom_differ_beside_a_program_that_takes_a_core() -> None:
    found = Counter(comparison.verdict for comparison in trials(TRIALS, seed=1))
    print(f"\nequal arms beside a hog: {dict(found)} of {TRIALS}")
    assert found["faster"] + found["slower"] <= 5


def test_a_tenth_more_is_found() -> None:
    found = Counter(comparison.verdict for comparison in trials(TRIALS, 1.10, seed=2))
    print(f"\n10 % slower arm at 48 pairs: {dict(found)} of {TRIALS}")
    assert found["slower"] >= 80


def test_a_known_allocation_is_measured_also_from_a_large_parent() -> None:
    for ballast in (0, 600_000_000):
        held = bytearray(b"1" * ballast)
        grown = memory_grown(100_000_000)
        assert grown is not None
        print(f"\n100 MB from a parent of {len(held) / 1e6:g} MB: {grown / 1e6:.2f} MB")
        assert abs(grown - 100_000_000) <= 3_000_000
