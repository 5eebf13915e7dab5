"""Proofs: what is better is confirmed, what is the same is not, what is worse is refuted; noise confirms nothing."""

from __future__ import annotations

import gc
import itertools
from dataclasses import replace

import numpy as np
import pytest
from tuned_cases import VALUE, observed_of, zipf_keys

from perflab.optimize.prove import Arm, prove_by_replay, prove_by_workload, verdict_of
from perflab.optimize.replay import replayed
from perflab.optimize.setting import MemorySetting, Untuned

SMALL, LARGE = (MemorySetting("lru", size * VALUE, 0, 60.0) for size in (20, 60))


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.80, 0.96, "confirmed"),
        (0.80, 0.98, "indistinguishable"),
        (0.99, 1.01, "indistinguishable"),
        (1.04, 1.2, "refuted"),
        (float("nan"), float("nan"), "indistinguishable"),
    ],
)
def test_a_verdict_needs_the_whole_interval_beyond_the_band(low, high, verdict):
    assert verdict_of(low, high, 0.03) == verdict


def test_more_memory_is_confirmed_and_less_of_it_refuted():
    observed = observed_of(zipf_keys(4_000, 1), prices=0.01)
    grown, shrunk = (prove_by_replay(observed, *arms, start=2_000) for arms in ((SMALL, LARGE), (LARGE, SMALL)))
    assert (grown.verdict, shrunk.verdict) == ("confirmed", "refuted")
    assert grown.low < grown.ratio < grown.high < 0.97
    assert grown.before == pytest.approx(shrunk.measured)
    assert grown.measured_low < grown.measured < grown.measured_high
    assert (grown.noise_floor, grown.n) == (0.0, 2_000)


def test_a_setting_against_itself_is_indistinguishable():
    proof = prove_by_replay(observed_of(zipf_keys(2_000, 2)), SMALL, SMALL, start=1_000)
    assert (proof.verdict, proof.ratio, proof.low, proof.high) == ("indistinguishable", 1.0, 1.0, 1.0)


def test_settings_that_differ_by_luck_alone_are_indistinguishable():
    """Over keys that are wanted alike no policy is better than another, and what differs is noise."""
    verdicts = []
    for seed in range(12):
        keys = np.random.default_rng(seed).integers(0, 100, 4_000)
        other = MemorySetting(("sieve", "lfu", "s3fifo")[seed % 3], SMALL.l1_bytes, 0, 60.0)
        verdicts.append(prove_by_replay(observed_of(keys), SMALL, other, start=2_000, seed=seed).verdict)
    assert verdicts.count("indistinguishable") >= 11


def test_what_is_not_tuned_is_in_force_in_the_replay():
    keys = zipf_keys(2_000, 1)
    (free,) = replayed(observed_of(keys), [LARGE], start=1_000)
    bounded = replace(LARGE, untuned=Untuned(l1_entries=20))
    (few,) = replayed(observed_of(keys), [bounded], start=1_000)
    (small,) = replayed(observed_of(keys), [SMALL], start=1_000)
    assert few.tolist() == small.tolist() != free.tolist()


def test_where_nothing_waits_nothing_is_better():
    proof = prove_by_replay(observed_of(np.zeros(800, dtype=int)), SMALL, LARGE, start=400)
    assert (proof.verdict, proof.ratio) == ("indistinguishable", 1.0)


def test_values_whose_size_is_not_known_are_never_held_and_costs_may_be_missing():
    sizes = np.where(np.arange(400) % 2 == 0, -1, VALUE)
    prices = np.where(np.arange(400) % 2 == 0, np.nan, 0.5)
    observed = observed_of(np.arange(400) % 2, nbytes=sizes, prices=prices)
    observed = type(observed)(observed.trace, np.ones(400), observed.in_memory, True)
    (waits,) = replayed(observed, [MemorySetting("gdsf", 10 * VALUE, 0, 60.0)], start=200)
    assert waits.tolist() == [1.0, 0.0] * 100


def test_a_cancelled_replay_proves_nothing():
    observed = observed_of(zipf_keys(1_000, 2))
    asked = itertools.count()
    assert prove_by_replay(observed, SMALL, LARGE, cancelled=lambda: True) is None
    assert prove_by_replay(observed, SMALL, LARGE, cancelled=lambda: next(asked) == 3) is None


class Machine:
    """A clock, and work that takes a time on it, with noise that both arms meet."""

    def __init__(self, seed: int, noise: float = 0.02) -> None:
        self.now = 0.0
        self.random = np.random.default_rng(seed)
        self.noise = noise

    def arm(self, seconds: float) -> Arm:
        def work() -> None:
            assert not gc.isenabled()
            self.now += seconds * np.exp(self.random.normal(0, self.noise))

        return Arm(work)


def proof_of(seed: int, seconds: float, **options: object):
    machine = Machine(seed)
    return prove_by_workload(
        machine.arm(1.0), machine.arm(seconds), seed=seed, clock=lambda: machine.now, collect=tuple, **options
    )


def test_a_tenth_is_confirmed_and_none_is_not():
    same = [proof_of(seed, 1.0).verdict for seed in range(60)]
    faster = [proof_of(seed, 0.9).verdict for seed in range(60)]
    slower = [proof_of(seed, 1.1).verdict for seed in range(20)]
    assert same.count("indistinguishable") >= 57
    assert faster.count("confirmed") >= 50
    assert slower.count("refuted") >= 16


def test_time_and_its_bounds_are_those_of_the_new_setting():
    proof = proof_of(1, 0.5)
    assert proof.before == pytest.approx(1.0, rel=0.05)
    assert proof.measured_low < 0.5 * proof.before < proof.measured_high
    assert 0 < proof.noise_floor < 0.1
    assert proof.n == 16


def test_both_arms_run_equally_often_in_turns_each_made_ready_before():
    told: list[str] = []
    arms = [Arm(lambda name=name: told.append(name), lambda name=name: told.append(f"{name} ready")) for name in "ab"]
    assert prove_by_workload(*arms, pairs=8, most_pairs=8).n == 8
    assert told[::2] == [f"{name} ready" for name in told[1::2]]
    runs = told[1::2]
    assert runs.count("a") == runs.count("b") == 10
    assert all(set(runs[place : place + 2]) == {"a", "b"} for place in range(0, 20, 2))
    assert gc.isenabled()


def test_a_wide_interval_asks_for_more_pairs_and_a_narrow_one_does_not():
    def pairs_of(noise: float, **options: object) -> int:
        machine = Machine(3, noise)
        arms = machine.arm(1.0), machine.arm(1.0)
        return prove_by_workload(*arms, clock=lambda: machine.now, collect=tuple, **options).n

    assert (pairs_of(0.01), pairs_of(0.5), pairs_of(0.5, most_pairs=32)) == (16, 64, 32)


def test_few_pairs_prove_nothing_and_a_cancelled_run_neither():
    assert proof_of(1, 0.5, pairs=4).verdict == "indistinguishable"
    asked = itertools.count()
    assert proof_of(1, 0.5, cancelled=lambda: next(asked) > 5) is None
