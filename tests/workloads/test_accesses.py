from __future__ import annotations

from collections import Counter

import pytest

from perflab.errors import ConfigError
from perflab.workloads.accesses import zipf


def test_the_frequencies_follow_the_ranks() -> None:
    counts = Counter(zipf(60_000, 100))
    harmonic = sum(1 / rank for rank in range(1, 101))
    for rank in (1, 2, 10):
        assert counts[rank - 1] / 60_000 == pytest.approx(1 / rank / harmonic, rel=0.1)


def test_no_skew_wants_all_alike() -> None:
    counts = Counter(zipf(50_000, 10, exponent=0))
    assert all(count == pytest.approx(5_000, rel=0.1) for count in counts.values())


def test_a_seed_is_a_stream() -> None:
    assert zipf(100, 50, seed=1) == zipf(100, 50, seed=1) != zipf(100, 50, seed=2)
    assert zipf(0, 1) == []


@pytest.mark.parametrize(("accesses", "objects", "exponent"), [(-1, 5, 1.0), (5, 0, 1.0), (5, 5, -1.0)])
def test_what_is_no_stream_is_refused(accesses: int, objects: int, exponent: float) -> None:
    with pytest.raises(ConfigError, match="are no stream"):
        zipf(accesses, objects, exponent=exponent)
