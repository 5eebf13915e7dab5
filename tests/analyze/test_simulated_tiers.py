"""Two simulated memory tiers held, access by access, against the live ones: same policies, same trace, same tiers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from simulated_traces import traces

from perflab.analyze.simulate.run import hits, tiered
from perflab.analyze.simulate.workload import Workload
from perflab.cache import MemoryCache, TieredCache, TTLCache
from perflab.cache.policy import POLICIES
from perflab.trace import UNKNOWN_BYTES, Trace


def weigh(_, nbytes):
    return nbytes


def live_tiers(policy, keys, nbytes, times, first, behind, ttl_s, costs=None):
    now = 0.0
    l1 = MemoryCache(first, policy=policy, weigh=weigh, timer=lambda: now)
    l2 = TTLCache(behind, weigh=weigh, timer=lambda: now, default_ttl=None if ttl_s == math.inf else ttl_s)
    found = []
    with TieredCache(l1, l2, None) as cache:
        for place, (key, size) in enumerate(zip(keys, nbytes, strict=True)):
            now = times[place]
            tier = 1 if l1.peek(key) is not None else 2 if l2.peek(key) is not None else 0
            found.append(tier)
            if cache.get(key) is None and size != UNKNOWN_BYTES:
                cache.set(key, size, cost=None if costs is None else costs[place])
    return found


# What was put in first, and is due, was read last.
READ = np.array([5, 3, 3, 1, 1, 0, 0, 0, 1, 4, 3, 5, 3, 3, 5, 4, 3, 3, 3, 5, 1, 4, 4, 0, 2, 5, 3])
DUE_BUT_USED = (READ, np.array([14, 17, 1, 17, 10, 11])[READ])


@pytest.mark.parametrize("policy", POLICIES)
@settings(deadline=None, max_examples=40)
@given(traces(), st.integers(1, 500), st.integers(0, 500), st.sampled_from([math.inf, 5.0, 20.0]))
@example(DUE_BUT_USED, 1, 55, 20.0)
def test_by_bytes(policy, trace, first, behind, ttl_s):
    keys = np.asarray(trace[0])
    nbytes = trace[1]
    # What is promoted has the size of its last store, so each key keeps the one that it begins with.
    _, starts, numbers = np.unique(keys, return_index=True, return_inverse=True)
    nbytes = np.where(nbytes == UNKNOWN_BYTES, UNKNOWN_BYTES, np.maximum(1, nbytes))[starts][numbers]
    times = np.arange(len(keys), dtype=float)
    work = Workload.of(Trace.of(keys, nbytes=nbytes, times=times), "bytes")
    live = live_tiers(policy, keys.tolist(), nbytes.tolist(), times.tolist(), first, behind, ttl_s)
    assert tiered(policy, work, first, behind, ttl_s).tolist() == live


@pytest.mark.parametrize("policy", POLICIES)
def test_the_first_tier_is_as_if_it_were_alone(policy):
    keys = np.random.default_rng(3).zipf(1.2, 4_000) % 700
    work = Workload.of(Trace.of(keys), "entries")
    assert ((tiered(policy, work, 60, 40) == 1) == hits(policy, work, 60)).all()


def test_two_tiers_of_lru_have_the_hits_of_one_of_both_sizes():
    keys = np.random.default_rng(3).zipf(1.2, 4_000) % 700
    work = Workload.of(Trace.of(keys), "entries")
    assert ((tiered("lru", work, 60, 40) > 0) == hits("lru", work, 100)).all()
