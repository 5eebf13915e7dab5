"""Simulators held, access by access, against libCacheSim."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_traces import KINDS, keys_of, traces

from perflab.analyze.simulate.run import hits
from perflab.analyze.simulate.workload import Workload
from perflab.trace import Trace

libcachesim = pytest.importorskip("libcachesim", reason="libcachesim has no wheel for this platform")

ORACLES = {"lru": "LRU", "fifo": "FIFO", "clock": "Clock", "sieve": "Sieve", "belady": "Belady"}
NEVER = 2**63 - 1


def oracle_hits(policy, keys, nbytes, size):
    cache = getattr(libcachesim, ORACLES[policy])(size, hashpower=12)
    found = []
    soon = next_uses(keys)
    for place, (key, weight) in enumerate(zip(keys.tolist(), nbytes.tolist(), strict=True)):
        request = libcachesim.Request(obj_id=key + 1, obj_size=weight, next_access_vtime=soon[place])
        found.append(cache.get(request))
    return found


def next_uses(keys):
    seen: dict[int, int] = {}
    soon = [NEVER] * len(keys)
    for place in range(len(keys) - 1, -1, -1):
        soon[place] = seen.get(keys[place], NEVER)
        seen[keys[place]] = place
    return soon


@pytest.mark.parametrize("policy", ORACLES)
@settings(deadline=None, max_examples=40)
@given(traces(), st.integers(1, 45))
def test_by_entries(policy, trace, size):
    work = Workload.of(Trace.of(trace[0]), "entries")
    assert hits(policy, work, size).tolist() == oracle_hits(policy, trace[0], np.ones_like(trace[0]), size)


@pytest.mark.parametrize("policy", ORACLES)
@settings(deadline=None, max_examples=40)
@given(traces(), st.integers(1, 900))
def test_by_bytes(policy, trace, size):
    work = Workload.of(Trace.of(trace[0], nbytes=trace[1]), "bytes")
    assert hits(policy, work, size).tolist() == oracle_hits(policy, trace[0], trace[1], size)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy", ORACLES)
def test_long_traces(policy, kind):
    keys = keys_of(kind, 5_000, 700, seed=11)
    nbytes = np.random.default_rng(12).integers(1, 90, 700)[keys]
    work = Workload.of(Trace.of(keys, nbytes=nbytes), "bytes")
    for size in (200, 3_000, 15_000):
        assert hits(policy, work, size).tolist() == oracle_hits(policy, keys, nbytes, size)
