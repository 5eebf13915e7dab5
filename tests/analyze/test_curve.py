"""Curves held against simulations of single sizes; estimates against exact curves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_traces import keys_of, traces

from perflab.analyze.curve import Curve, grid, lru_curve, simulated_curve
from perflab.analyze.estimate import aet_curve, shards
from perflab.analyze.simulate.run import SIMULATORS, hits, misses
from perflab.analyze.simulate.workload import Workload
from perflab.analyze.window import working_set
from perflab.errors import ConfigError
from perflab.trace import UNKNOWN_BYTES, Trace


def zipf_work(unit="entries", length=40_000, keys=4_000):
    random = np.random.default_rng(9)
    ids = random.choice(keys, length, p=(weights := 1 / np.arange(1, keys + 1)) / weights.sum())
    return Workload.of(Trace.of(ids, nbytes=random.integers(50, 500, keys)[ids], costs=ids / 1000), unit)


@settings(deadline=None, max_examples=60)
@given(traces(), st.integers(1, 45))
def test_lru_by_entries_is_exact_at_every_size(trace, size):
    work = Workload.of(Trace.of(trace[0]), "entries")
    curve = lru_curve(work)
    expected = hits("lru", work, size)
    assert curve.at(size) == pytest.approx(expected.mean())
    place = min(size, len(curve.sizes) - 1)
    assert curve.held_out[place] == pytest.approx(expected[len(expected) // 2 :].mean())


@settings(deadline=None, max_examples=60)
@given(traces(), st.integers(0, 20))
def test_lru_by_bytes_is_exact_at_each_of_its_sizes(trace, place):
    work = Workload.of(Trace.of(trace[0], nbytes=trace[1], costs=trace[0] * 0.5), "bytes")
    curve = lru_curve(work)
    if not len(curve.sizes):
        assert len(set(trace[0].tolist())) == len(trace[0])
        return
    place = min(place, len(curve.sizes) - 1)
    expected = hits("lru", work, int(curve.sizes[place]))
    assert curve.hit_rates[place] == pytest.approx(expected.mean())
    assert curve.held_out[place] == pytest.approx(expected[len(expected) // 2 :].mean())
    assert curve.saved_s[place] == pytest.approx((trace[0] * 0.5)[expected].sum())


def test_what_nobody_stored_is_a_miss_at_every_size():
    nbytes = np.array([10, UNKNOWN_BYTES, 10, UNKNOWN_BYTES, 10, 10])
    for unit in ("entries", "bytes"):
        curve = lru_curve(Workload.of(Trace.of(list("axaxba"), nbytes=nbytes), unit))
        assert curve.at(10**6) == pytest.approx(2 / 6)


@pytest.mark.parametrize("policy", SIMULATORS)
def test_a_curve_is_what_each_size_has_by_itself(policy):
    work = zipf_work(length=6_000, keys=500)
    sizes = np.array([1, 2, 3, 5, 10, 30, 60, 100, 200, 350, 500])
    curve = simulated_curve(policy, work, sizes)
    for place, size in enumerate(sizes):
        found = hits(policy, work, int(size))
        assert curve.hit_rates[place] == pytest.approx(found.mean())
        assert curve.held_out[place] == pytest.approx(found[3_000:].mean())
        assert curve.saved_s[place] == pytest.approx(work.costs[found].sum())
    assert curve.at(0.5) == pytest.approx(curve.hit_rates[0] / 2)
    assert curve.at(45) == pytest.approx((curve.hit_rates[5] + curve.hit_rates[6]) / 2)


def test_threads_change_nothing():
    work = zipf_work(length=6_000, keys=500)
    one, many = (misses("sieve", work, range(1, 40), workers) for workers in (1, 4))
    assert (one.counts == many.counts).all()


@pytest.mark.parametrize("policy", [name for name in SIMULATORS if name != "belady"])
def test_nobody_has_more_hits_than_belady(policy):
    work = zipf_work(length=6_000, keys=500)
    sizes = grid(work, 8)
    bound = simulated_curve("belady", work, sizes).hit_rates
    assert (simulated_curve(policy, work, sizes).hit_rates <= bound + 1e-12).all()


def test_the_smallest_size_and_the_knee():
    curve = Curve(
        "lru", "entries", np.array([10, 20, 40, 80]), np.array([0.5, 0.8, 0.85, 0.9]), *[np.zeros(4)] * 2, "exact"
    )
    assert curve.smallest(0.8) == 20
    assert curve.smallest(0.95) is None
    assert curve.knee() == 20
    nothing = Curve("lru", "entries", np.array([10]), np.zeros(1), *[np.zeros(1)] * 2, "exact")
    assert nothing.knee() is None


def test_an_empty_trace_has_an_empty_curve():
    work = Workload.of(Trace.of([]), "entries")
    assert math.isnan(lru_curve(work).frame()["hit_rate"].mean()) or lru_curve(work).at(5) == 0
    assert len(simulated_curve("sieve", work, []).sizes) == 0


def test_reuse_times_come_near_the_exact_curve():
    for unit in ("entries", "bytes"):
        work = zipf_work(unit)
        exact, estimated = lru_curve(work), aet_curve(work)
        assert estimated.how.startswith("estimated")
        for size in grid(work, 12):
            assert estimated.at(size) == pytest.approx(exact.at(size), abs=0.02)


def test_reuse_times_miss_the_cliff_of_a_loop_which_is_why_they_are_called_estimated():
    work = Workload.of(Trace.of(keys_of("loop", 5_000, 100, 0)), "entries")
    assert lru_curve(work).at(99) == 0
    assert lru_curve(work).at(100) == pytest.approx(0.98)
    assert aet_curve(work).at(100) == pytest.approx(0.98, abs=0.03)


def test_a_sample_of_keys_has_bounds_and_most_of_them_hold():
    work = zipf_work()
    found = shards(work, 0.5)
    exact = np.array([1 - lru_curve(work).at(size) for size in found["size"]])
    assert (found["low"] <= found["miss_ratio"]).all()
    assert (found["miss_ratio"] <= found["high"]).all()
    assert np.mean((found["low"] - 0.01 <= exact) & (exact <= found["high"] + 0.01)) > 0.8
    assert (found["high"] - found["low"]).max() > 0
    with pytest.raises(ConfigError, match="share of keys"):
        shards(work, 0)


def test_all_keys_are_a_sample_without_an_error_of_its_own():
    work = zipf_work()
    found = shards(work, 1.0)
    exact = [1 - lru_curve(work).at(size) for size in found["size"]]
    assert found["miss_ratio"].tolist() == pytest.approx(exact)


def test_working_sets():
    trace = Trace.of(list("aabbcca"), nbytes=[1, 1, 2, 2, 3, 3, 9], times=range(7))
    found = working_set(trace, 3)
    assert found["keys"].tolist() == [2, 2, 1]
    assert found["nbytes"].tolist() == [3, 5, 9]
    assert found["time"].tolist() == [0, 3, 6]
    assert found["accesses"].tolist() == [3, 3, 1]
    assert working_set(Trace.of(list("ab")), 5)["nbytes"].isna().all()
    with pytest.raises(ConfigError, match="every is 0"):
        working_set(trace, 0)
