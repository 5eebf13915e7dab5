"""What tuning and proving cost and how often a proof is wrong: run with `make perf`.

Times are for people to read. Counts of trials of known truth are asserted: 100 seeded ones of each.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np
import pytest

from perflab.bench.trust import spin
from perflab.compiled import is_available
from perflab.optimize.memory import Terms, improve_memory
from perflab.optimize.price import Observed
from perflab.optimize.prove import Arm, Proof, prove_by_replay, prove_by_workload
from perflab.optimize.setting import MemorySetting, candidates
from perflab.optimize.tune import Forecaster, tune
from perflab.trace import Trace

pytestmark = pytest.mark.skipif(not is_available(), reason="numba cannot be used here")

ACCESSES, TRIALS, REPEATS = 45_000, 100, 5
VALUE = 1_000
STEPS = 40_000


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def show(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}")

    return show


def observed_of(keys: np.ndarray, sizes: np.ndarray, prices: np.ndarray) -> Observed:
    times = np.arange(len(keys)) * 0.01
    trace = Trace.of(keys, nbytes=sizes[keys], times=times, costs=prices[keys])
    return Observed(trace, prices[keys], np.zeros(len(keys), dtype=bool), is_timed=True)


def trace_of(kind: str) -> Observed:
    random = np.random.default_rng(1)
    shares = np.cumsum(1 / np.arange(1, 20_001))
    zipf = np.searchsorted(shares / shares[-1], random.random(ACCESSES))
    loop = np.arange(ACCESSES) % 3_000
    keys = {
        "Zipf": zipf,
        "loop": loop,
        "Zipf and scans": np.where(random.random(ACCESSES) < 0.5, zipf % 1_000, 10_000 + np.arange(ACCESSES) % 9_000),
        "phases": (zipf + 5_000 * (np.arange(ACCESSES) // 9_000)) % 20_000,
    }[kind]
    return observed_of(keys, random.integers(200, 4_000, 20_000), random.exponential(0.01, 20_000))


@pytest.mark.parametrize("search", ["halving", "grid", "optuna"])
@pytest.mark.parametrize("kind", ["Zipf", "loop", "Zipf and scans", "phases"])
def test_tuning_over_96_candidates(kind: str, search: str, say: Callable[[str], None]) -> None:
    if search == "optuna":
        pytest.importorskip("optuna")
    observed = trace_of(kind)
    for limit in (200 * VALUE, 1_000 * VALUE, 4_000 * VALUE):
        choice = candidates(MemorySetting("lru", limit // 20, limit // 20, 3600.0), limit)
        best = tune(Forecaster(observed), choice, search="grid").saved
        times, found = [], 0.0
        for _ in range(REPEATS):
            forecaster = Forecaster(observed)
            start = time.perf_counter()
            found = tune(forecaster, choice, search=search).saved
            times.append(time.perf_counter() - start)
        say(
            f"{kind}, {limit / 1e6:g} MB, {search}: {len(choice) - 1} candidates and the present setting over "
            f"{len(observed):,} accesses in {median(times):.2f} s (most {max(times):.2f}), "
            f"{1 - found / best:.3%} below the best of the grid"
        )
        # optuna looks at a third of the candidates, and promises nothing.
        assert search == "optuna" or found >= 0.995 * best


def test_a_proof_by_replay(say: Callable[[str], None]) -> None:
    observed = trace_of("Zipf").last(20_000)
    old, new = MemorySetting("lru", 50_000, 50_000, 3600.0), MemorySetting("gdsf", 1_000_000, 0, 3600.0)
    start = time.process_time()
    proof = prove_by_replay(observed, old, new, start=10_000)
    took_s = time.process_time() - start
    say(f"a proof of {len(observed):,} accesses in three live caches: {took_s:.2f} s CPU; {proof}")


def alike(seed: int, count: int) -> Observed:
    """Accesses to 400 keys that are wanted alike and cost alike: every policy misses the same share in the long run."""
    keys = np.random.default_rng(seed).integers(0, 400, count)
    return observed_of(keys, np.full(400, VALUE), np.ones(400))


def holding(values: int, policy: str = "lru") -> MemorySetting:
    return MemorySetting(policy, values * VALUE, 0, 3600.0)


def counted(proofs: list[Proof | None]) -> Counter[str]:
    return Counter("cancelled" if proof is None else proof.verdict for proof in proofs)


def test_trials_by_replay(say: Callable[[str], None]) -> None:
    policies = ("lfu", "sieve", "s3fifo", "tinylfu")
    same = counted(
        [
            prove_by_replay(alike(seed, 6_000), holding(200), holding(200, policies[seed % 4]), start=3_000, seed=seed)
            for seed in range(TRIALS)
        ]
    )
    # Of 400 keys 200 are held, so that half of the accesses wait; with 220 it is nine tenths of that half.
    tenth = counted(
        [
            prove_by_replay(alike(seed, 6_000), holding(200), holding(220), start=3_000, seed=seed)
            for seed in range(TRIALS)
        ]
    )
    say(f"by replay, another policy that is as good: {dict(same)} of {TRIALS}; a true 10 %: {dict(tenth)} of {TRIALS}")
    assert same["indistinguishable"] >= 95
    assert tenth["confirmed"] >= 80


def test_trials_of_whole_optimizations_where_nothing_is_better(say: Callable[[str], None]) -> None:
    verdicts: Counter[str] = Counter()
    for seed in range(TRIALS):
        # Half of the memory or another share of it is worse here, and no policy is better.
        terms = Terms(200 * VALUE, seed=seed)
        found = improve_memory(alike(seed, 4_000), holding(200), terms, lambda _: None)
        verdicts["changed" if found.present != holding(200) else "left as it is"] += 1
    say(f"whole optimizations over keys that are wanted alike: {dict(verdicts)} of {TRIALS}")
    assert verdicts["left as it is"] >= 95


@pytest.mark.parametrize(("name", "clock"), [("CPU time", time.process_time), ("wall time", time.perf_counter)])
def test_trials_by_a_workload(name: str, clock: Callable[[], float], say: Callable[[str], None]) -> None:
    # The heap of the tests is large, and collecting it before each run takes longer than the run.
    def trials(steps: int) -> Counter[str]:
        arms = Arm(partial(spin, STEPS)), Arm(partial(spin, steps))
        return counted([prove_by_workload(*arms, seed=seed, clock=clock, collect=tuple) for seed in range(TRIALS)])

    load = os.getloadavg()[0]
    same, tenth = trials(STEPS), trials(round(0.9 * STEPS))
    say(
        f"by a workload in {name}, load {load:.1f} on {len(os.sched_getaffinity(0))} cores: itself {dict(same)}, "
        f"a true 10 % {dict(tenth)}, of {TRIALS} each"
    )
    assert same["indistinguishable"] >= 95
    assert tenth["confirmed"] >= 80
