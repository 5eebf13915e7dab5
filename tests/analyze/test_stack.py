"""Stack distances in one pass, held against an O(n^2) walk of the LRU stack and against the numpy ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_traces import traces

from perflab.analyze.reuse import NEVER, stack_distances
from perflab.analyze.simulate.stack import distances, weighed_distances
from perflab.trace import Trace


def walk_the_stack(keys, nbytes):
    """The definition: search the stack from its top, add up sizes down to the key, move that up; -1 if it is new."""
    stack, found = [], []
    for key, size in zip(keys, nbytes, strict=True):
        names = [name for name, _ in stack]
        if key in names:
            depth = names.index(key)
            found.append(sum(held for _, held in stack[:depth]) + size)
            del stack[depth]
        else:
            found.append(-1)
        stack.insert(0, (key, size))
    return found


def by_entries(keys):
    trace = Trace.of(np.asarray(keys))
    found = np.zeros(len(trace), dtype=np.int32)
    distances(trace.ids, trace.keys, found)
    return np.where(found == 0, -1, found).tolist()


def by_bytes(keys, nbytes):
    trace = Trace.of(np.asarray(keys))
    found = np.zeros(len(trace), dtype=np.int64)
    weighed_distances(trace.ids, trace.keys, np.asarray(nbytes, dtype=np.int64), found)
    return found.tolist()


@settings(deadline=None, max_examples=150)
@given(traces())
def test_by_entries_they_are_those_of_the_stack(trace):
    assert by_entries(trace[0]) == walk_the_stack(trace[0].tolist(), [1] * len(trace[0]))


@settings(deadline=None, max_examples=150)
@given(traces(), st.integers(0, 99))
def test_by_bytes_they_are_those_of_the_stack_also_if_sizes_change(trace, seed):
    nbytes = np.random.default_rng(seed).integers(0, 50, len(trace[0]))
    assert by_bytes(*trace) == walk_the_stack(trace[0].tolist(), trace[1].tolist())
    assert by_bytes(trace[0], nbytes) == walk_the_stack(trace[0].tolist(), nbytes.tolist())


def test_times_are_counted_anew_often_enough_to_be_tested():
    keys = np.random.default_rng(3).zipf(1.2, 60_000) % 900
    sizes = np.random.default_rng(4).integers(1, 99, 900)[keys]
    for found, expected in (
        (by_entries(keys), stack_distances(keys)),
        (by_bytes(keys, sizes), stack_distances(keys, sizes)),
    ):
        assert found == np.where(expected == NEVER, -1, expected).tolist()


def test_nothing_and_one_access():
    assert by_entries(np.zeros(0, dtype=np.int64)) == []
    assert by_entries([5]) == [-1]
    assert by_bytes([5, 5], [3, 4]) == [-1, 4]
