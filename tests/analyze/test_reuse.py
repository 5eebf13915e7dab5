"""Stack distances held against an O(n^2) walk of the LRU stack, and hit rates against a real LRU cache."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.analyze.reuse import (
    NEVER,
    hit_rate_at,
    miss_ratio_curve,
    requests,
    smallest_size,
    stack_distances,
)
from perflab.cache import MemoryCache

TRACES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 50)), max_size=120)


def walk_the_stack(keys, nbytes):
    """The definition, word for word: search the stack from its top, add up sizes down to the key, move that up."""
    stack, found = [], []
    for key, size in zip(keys, nbytes, strict=True):
        names = [name for name, _ in stack]
        if key in names:
            depth = names.index(key)
            found.append(sum(held for _, held in stack[:depth]) + size)
            del stack[depth]
        else:
            found.append(NEVER)
        stack.insert(0, (key, size))
    return found


@settings(deadline=None, max_examples=150)
@given(TRACES)
def test_distances_by_bytes_are_those_of_the_stack(trace):
    keys, nbytes = [key for key, _ in trace], [size for _, size in trace]
    assert stack_distances(keys, nbytes).tolist() == walk_the_stack(keys, nbytes)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text("abcdef", min_size=1, max_size=2), max_size=120))
def test_distances_by_entries_are_those_of_the_stack(keys):
    assert stack_distances(keys).tolist() == walk_the_stack(keys, [1] * len(keys))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=150), st.integers(46, 400))
def test_the_hit_rate_is_that_of_a_live_cache(keys, size):
    nbytes = [10 + 3 * key for key in keys]  # none larger than the cache, which would be refused
    cache = MemoryCache(size, weigh=lambda _, value: value)
    hits = 0
    for key, weight in zip(keys, nbytes, strict=True):
        if cache.entry(key) is None:
            cache.set(key, weight)
        else:
            hits += 1
    assert hit_rate_at(stack_distances(keys, nbytes), size)[0] == hits / len(keys)


@settings(deadline=None, max_examples=60)
@given(TRACES)
def test_the_curve_falls_and_agrees_with_the_hit_rates(trace):
    distances = stack_distances([key for key, _ in trace], [size for _, size in trace])
    curve = miss_ratio_curve(distances)
    assert curve["miss_ratio"].is_monotonic_decreasing
    np.testing.assert_allclose(1 - curve["miss_ratio"], hit_rate_at(distances, curve["size"]))


@settings(deadline=None, max_examples=100)
@given(TRACES, st.floats(0, 1), st.integers(0, 400))
def test_the_smallest_size_is_the_smallest(trace, target, largest):
    distances = stack_distances([key for key, _ in trace], [size for _, size in trace])
    size = smallest_size(distances, target, largest)
    best = hit_rate_at(distances, largest)[0]
    if size is None:
        assert not best > 0
        return
    assert size <= largest
    assert hit_rate_at(distances, size)[0] >= min(target, best) - 1e-9
    if hit_rate_at(distances, size - 1)[0] > 0:
        assert hit_rate_at(distances, size - 1)[0] < min(max(target, 0), best)


def test_an_empty_trace_has_no_hit_rate_and_no_curve():
    empty = stack_distances([])
    assert math.isnan(hit_rate_at(empty, 10)[0])
    assert miss_ratio_curve(empty).empty
    assert smallest_size(empty, 0.9, 100) is None


def test_all_misses_and_one_key():
    assert hit_rate_at(stack_distances(range(50)), 10**9)[0] == 0
    assert hit_rate_at(stack_distances([7] * 50), 1)[0] == 0.98


def frame(*rows):
    return pd.DataFrame(rows, columns=["key", "event", "nbytes"]).astype(
        {"key": "str", "event": "category", "nbytes": "Int64"}
    )


def test_only_hits_and_misses_are_requests_and_misses_learn_their_size():
    trace = requests(
        frame(
            ("a", "miss", None),
            ("a", "set", 40),
            ("b", "prefetch", 7),
            ("a", "hit", 40),
            ("c", "miss", None),
            ("b", "miss", None),
        )
    )
    assert trace.keys.tolist() == [0, 0, 1, 2]
    assert trace.nbytes.tolist() == [40, 40, 0, 7]
    assert trace.known.tolist() == [True, True, False, True]
    assert len(trace) == 4


@pytest.mark.parametrize("rows", [(), (("a", "set", 4),)])
def test_no_accesses_are_an_empty_trace(rows):
    assert len(requests(frame(*rows))) == 0


def test_the_cost_on_disk_is_no_size_in_memory() -> None:
    rows = [("a", "miss", None, None), ("a", "set", "l3", 900), ("a", "set", "l1", 40), ("a", "hit", "l1", 40)]
    frame = pd.DataFrame(rows, columns=["key", "event", "tier", "nbytes"])
    assert requests(frame).nbytes.tolist() == [40, 40]
