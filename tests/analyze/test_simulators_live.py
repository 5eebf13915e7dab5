"""Simulators held, access by access, against perflab's live caches: same policy, same trace, same hits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_traces import KINDS, keys_of, traces

from perflab.analyze.simulate.run import SIMULATORS, hits, lru_hits
from perflab.analyze.simulate.workload import Workload
from perflab.cache import MemoryCache
from perflab.cache.policy import POLICIES
from perflab.trace import UNKNOWN_BYTES, Trace


def test_every_policy_of_the_caches_can_be_simulated():
    assert set(SIMULATORS) - set(POLICIES) == {"clock", "belady"}
    assert set(POLICIES) <= set(SIMULATORS)


def live_hits(cache, work, nbytes, costs=None):
    found = []
    keys = work.labels[work.ids].tolist()
    for place, (key, size) in enumerate(zip(keys, nbytes.tolist(), strict=True)):
        found.append(cache.get(key) is not None)
        if not found[-1] and size != UNKNOWN_BYTES:
            cache.set(key, size, cost=None if costs is None else costs[place])
    return found


def weigh(_, nbytes):
    return nbytes


@pytest.mark.parametrize("policy", POLICIES)
@settings(deadline=None, max_examples=40)
@given(traces(), st.integers(1, 45))
def test_by_entries(policy, trace, size):
    work = Workload.of(Trace.of(trace[0]), "entries")
    live = MemoryCache(max_entries=size, policy=policy, weigh=lambda *_: 1)
    assert hits(policy, work, size).tolist() == live_hits(live, work, trace[1])


@pytest.mark.parametrize("policy", POLICIES)
@settings(deadline=None, max_examples=40)
@given(traces(), st.integers(1, 900))
def test_by_bytes_also_with_values_that_are_too_large(policy, trace, size):
    work = Workload.of(Trace.of(trace[0], nbytes=trace[1]), "bytes")
    live = MemoryCache(size, policy=policy, weigh=weigh)
    assert hits(policy, work, size).tolist() == live_hits(live, work, trace[1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy", POLICIES)
def test_long_enough_for_ghosts_and_sketches_to_age(policy, kind):
    keys = keys_of(kind, 6_000, 500, seed=7)
    nbytes = np.random.default_rng(8).integers(0, 200, 500)[keys]
    work = Workload.of(Trace.of(keys, nbytes=nbytes), "bytes")
    for size in (300, 2_000, 12_000):
        live = MemoryCache(size, policy=policy, weigh=weigh)
        assert hits(policy, work, size).tolist() == live_hits(live, work, nbytes)


@settings(deadline=None, max_examples=60)
@given(traces(), st.integers(1, 900), st.integers(0, 99))
def test_gdsf_weighs_costs(trace, size, seed):
    costs = np.random.default_rng(seed).random(len(trace[0])).round(2)
    work = Workload.of(Trace.of(trace[0], nbytes=trace[1], costs=costs), "bytes")
    live = MemoryCache(size, policy="gdsf", weigh=weigh)
    assert hits("gdsf", work, size).tolist() == live_hits(live, work, trace[1], costs.tolist())


@pytest.mark.parametrize("policy", POLICIES)
@settings(deadline=None, max_examples=20)
@given(traces(), st.integers(1, 400), st.integers(0, 99))
def test_sizes_that_change_and_values_that_are_never_stored(policy, trace, size, seed):
    random = np.random.default_rng(seed)
    nbytes = np.where(trace[0] % 5 == 0, UNKNOWN_BYTES, random.integers(0, 60, len(trace[0])))
    work = Workload.of(Trace.of(trace[0], nbytes=nbytes), "bytes")
    live = MemoryCache(size, policy=policy, weigh=weigh)
    assert hits(policy, work, size).tolist() == live_hits(live, work, nbytes)
    entries = Workload.of(Trace.of(trace[0], nbytes=nbytes), "entries")
    live = MemoryCache(max_entries=size // 10 + 1, policy=policy, weigh=lambda *_: 1)
    assert hits(policy, entries, size // 10 + 1).tolist() == live_hits(live, entries, nbytes)


@settings(deadline=None, max_examples=80)
@given(traces(), st.integers(1, 900), st.floats(0.5, 60), st.integers(0, 99))
def test_a_time_to_live(trace, size, ttl_s, seed):
    times = np.random.default_rng(seed).integers(0, 4, len(trace[0])).cumsum().astype(float)
    work = Workload.of(Trace.of(trace[0], nbytes=trace[1], times=times), "bytes")
    now = iter(times)
    clock = [0.0]
    live = MemoryCache(size, weigh=weigh, default_ttl=ttl_s, timer=lambda: clock[0])
    expected = []
    for key, nbytes in zip(work.ids.tolist(), trace[1].tolist(), strict=True):
        clock[0] = next(now)
        expected.append(live.get(key) is not None)
        if not expected[-1]:
            live.set(key, nbytes)
    assert lru_hits(work, size, ttl_s).tolist() == expected
