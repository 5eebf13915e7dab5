"""Patterns of reads: the same for a seed, and of the structure that they are named for."""

from __future__ import annotations

import itertools
from collections import OrderedDict

import pytest

from perflab.errors import BenchmarkError
from perflab.workloads.patterns import PATTERNS, pattern


def lru(reads):
    """Hit rate of the simplest cache."""
    held, hits = OrderedDict(), 0
    for _, key in reads.reads:
        hits += key in held
        held[key] = None
        held.move_to_end(key)
        if len(held) > reads.cached:
            held.popitem(last=False)
    return hits / len(reads.reads)


@pytest.mark.parametrize("name", PATTERNS)
def test_the_same_seed_gives_the_same_reads(name):
    first, again = pattern(name, accesses=2_000), pattern(name, accesses=2_000)
    assert first == again
    assert len(first.reads) == 2_000
    assert sum(map(len, first.by_stream().values())) == 2_000
    if name != "loop":
        assert pattern(name, accesses=2_000, seed=1).reads != first.reads


@pytest.mark.parametrize(("name", "low", "high"), [("correlated", 0.66, 0.70), ("loop", 0, 0), ("strides", 0.15, 0.19)])
def test_plain_lru_is_as_good_as_it_is_said_to_be(name, low, high):
    assert low <= lru(pattern(name)) <= high


def test_four_programs_take_turns():
    reads = pattern("correlated", accesses=4_000)
    streams = [stream for stream, _ in reads.reads]
    assert set(streams) == {0, 1, 2, 3}
    assert sum(one != other for one, other in itertools.pairwise(streams)) > 2_500


def test_a_smaller_size_has_fewer_keys_and_a_smaller_cache():
    whole, small = pattern("random", accesses=9_000), pattern("random", accesses=9_000, size=0.1)
    assert (whole.cached, small.cached) == (500, 50)
    assert 450 < len({key for _, key in small.reads}) <= 500


def test_an_unknown_pattern_is_refused():
    with pytest.raises(BenchmarkError, match="'waves' is no pattern"):
        pattern("waves")
