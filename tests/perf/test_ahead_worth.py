"""What prefetching and warming are worth, and what they cost: run with `make perf`.

Nothing here asserts a time; each line is for people to read, with its bound. Figures that are stepped are the same each
time: the prefetcher learns and fetches after each read, in the reading thread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from perflab import open_run
from perflab.analyze.metrics import prefetching, warming
from perflab.bench import Arm, run
from perflab.cache import TieredCache
from perflab.config import PrefetchSettings
from perflab.optimize import trials
from perflab.optimize.predict import Predictor
from perflab.optimize.prefetch import Prefetcher
from perflab.record import Recorder
from perflab.workloads.patterns import PATTERNS, Pattern, pattern

BOUNDS = {
    "correlated": "lift >= +.09, precision >= .85, waste <= .03",
    "loop": "hit rate >= .85",
    "strides": "hit rate >= .60",
    "random": "lift >= -.002, extra traffic <= .03",
    "restart": "none: nothing to learn either",
}
HITS = 20_000


def stepped(reads: Pattern, *, helped: bool) -> dict[str, float]:
    """Read a pattern with each stream in an operation of its own, and the prefetcher stepped after each read."""
    recorder = Recorder()
    with trials.reading_cache(reads, recorder) as cache:
        prefetcher = Prefetcher(cache, PrefetchSettings(unread_ratio=1.0)) if helped else None
        if prefetcher is not None:
            prefetcher.register(lambda _: True, str.upper, side_effect_free=True)
            prefetcher.listen()
        for stream, key in reads.reads:
            with recorder.operation(f"program-{stream}"):
                cache.get_or_load(key, key.upper)
            if prefetcher is not None:
                prefetcher.step()
    return figures(recorder.frames.accesses)


def figures(accesses: Any) -> dict[str, float]:
    asked = accesses[accesses["event"].isin(["hit", "miss"])]
    held = (asked["event"] == "hit") & asked["tier"].isin(["l1", "l2"])
    none = accesses.head(0)
    found = {metric.name: metric.value for metric in (*prefetching(accesses, none), *warming(accesses, none))}
    early = asked.sort_values("t", kind="stable").head(500).index
    counts = {"hit_rate": held.mean(), "early": held.loc[early].mean(), "loads": (accesses["event"] == "load").sum()}
    return {**counts, **found}


@pytest.mark.parametrize("name", PATTERNS)
def test_stepped(name: str) -> None:
    reads = pattern(name)
    plain, helped = stepped(reads, helped=False), stepped(reads, helped=True)
    print(f"\n{name}, {len(reads.reads):,} reads, stepped ({BOUNDS[name]}):")
    print(f"  hit rate {plain['hit_rate']:.4f} -> {helped['hit_rate']:.4f}", end="")
    print(f", lift {helped['hit_rate'] - plain['hit_rate']:+.4f}", end="")
    print(f", extra traffic {helped['loads'] / plain['loads'] - 1:+.4f}")
    print("  " + ", ".join(f"{key} {value:.4g}" for key, value in helped.items() if key.startswith("prefetch.")))


@pytest.mark.parametrize(
    ("name", "accesses", "think_s"), [("correlated", 3_000, 0.01), ("loop", 1_200, 0.005), ("strides", 800, 0.005)]
)
def test_threaded(name: str, accesses: int, think_s: float, tmp_path: Path) -> None:
    program = {"name": name, "accesses": accesses, "size": 0.05, "load_s": 0.01, "think_s": think_s}
    plain = trials.plain_reads(run=str(tmp_path / "plain"), **program)
    helped = trials.prefetched_reads(run=str(tmp_path / "helped"), **program)
    before, after = (figures(open_run(outcome.run_dir).frames.accesses) for outcome in (plain, helped))
    print(f"\n{name}, {accesses:,} reads, loads of 10 ms, learner and fetches in threads:")
    print(f"  hit rate {before['hit_rate']:.4f} -> {after['hit_rate']:.4f}")
    print("  " + ", ".join(f"{key} {value:.4g}" for key, value in after.items() if key.startswith("prefetch.")))


def test_warm_restart(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    folders = trials.ended_before(str(tmp_path / "scratch"))
    program = {"load_s": 0.002, "think_s": 0.001}
    trials.cold_start(run=str(tmp_path / "cold"), out=str(tmp_path / "empty"), **program)
    trials.warm_start(run=folders["run"], store=folders["store"], **program)
    cold, warm = (figures(open_run(folder).frames.accesses) for folder in (tmp_path / "cold", folders["run"]))
    print("\nrestart, warmed from disk in the background (hit rate after 500 accesses >= 2.4 x cold):")
    print(f"  {cold['early']:.4f} -> {warm['early']:.4f}, {warm['early'] / cold['early']:.2f} x", end="")
    print(f"; loads {cold['loads']:,.0f} -> {warm['loads']:,.0f}")
    print("  " + ", ".join(f"{key} {value:.4g}" for key, value in warm.items() if key.startswith("warm.")))


def filled(listens: bool) -> dict[str, Any]:
    """Return a cache with everything in memory, and one who listens or not."""
    reads = pattern("random", accesses=HITS)
    cache = trials.reading_cache(reads, Recorder())
    cache.l1.resize(max_entries=10_000)
    cache.set_many((key, 1) for _, key in reads.reads)
    prefetcher = Prefetcher(cache)
    if listens:
        prefetcher.start()
    return {"cache": cache, "keys": [key for _, key in reads.reads], "prefetcher": prefetcher}


def hits(cache: TieredCache, keys: list[str], **_: Any) -> None:
    get = cache.get
    for key in keys:
        get(key)


def misses(cache: TieredCache, keys: list[str], **_: Any) -> None:
    get = cache.get
    for key in keys[:2_000]:
        get(("never", key))


@pytest.mark.parametrize(("what", "count"), [(hits, HITS), (misses, 2_000)])
def test_what_a_read_pays(what: Callable[..., None], count: int) -> None:
    """CPU time of the process: what the learner uses meanwhile is in it."""
    arms = [
        Arm(name, what, setup=partial(filled, name == "optimized"), clock="cpu") for name in ("baseline", "optimized")
    ]
    bench = run(what.__name__, arms, isolated=False, pairs=16)
    found = bench.comparisons[0].comparison
    plain_s = statistics.median(row["cpu_s"] for row in bench.rows if row["arm"] == "baseline")
    each_ns = (found.ratio - 1) * plain_s / count * 1e9
    print(f"\n{what.__name__} while a prefetcher learns / without: {found.ratio:.3f}", end="")
    print(f" [{found.low:.3f}, {found.high:.3f}], {each_ns:+.0f} ns a read (<= 250)", end="")
    print(f", noise floor {max(found.baseline_noise, found.noise):.1%}, {found.pairs} pairs")


def test_what_learning_costs() -> None:
    for name in PATTERNS:
        reads, predictor = pattern(name, accesses=20_000), Predictor()
        begun = time.thread_time()
        for stream, key in reads.reads:
            predictor.take(stream, key)
        each_s = (time.thread_time() - begun) / len(reads.reads)
        print(f"\n{name}: {each_s * 1e6:.1f} us of CPU a read learned; 1 % is reached at {0.01 / each_s:,.0f} a second")


def test_what_share_of_the_cpu_learning_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[float] = []
    learn = Prefetcher._learn_safely

    def timed(self: Prefetcher) -> int:
        begun = time.thread_time()
        try:
            return learn(self)
        finally:
            used.append(time.thread_time() - begun)

    monkeypatch.setattr(Prefetcher, "_learn_safely", timed)
    made = filled(True)
    begun = time.monotonic()
    while time.monotonic() < begun + 5:
        hits(**made)
    took = time.monotonic() - begun
    made["prefetcher"].close()
    print(f"\nlearning took {sum(used) / took:.2%} of one core (<= 1 %) beside a program that does nothing but read")
