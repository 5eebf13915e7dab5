"""Hold a setting against the present one, interleaved, and say what came of it.

In: recorded accesses and two settings, or a workload that runs under both. Out: a `Proof`; nothing is applied.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from perflab.analyze.pairs import Comparison, compare, judge_ratio
from perflab.analyze.resample import Segments, ratio_bounds
from perflab.bench.schedule import Block, blocks
from perflab.optimize.price import Observed
from perflab.optimize.replay import replayed
from perflab.optimize.setting import MemorySetting

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["LEAST_PAIRS", "PAIRS", "Arm", "Proof", "Verdict", "prove_by_replay", "prove_by_workload", "verdict_of"]

Verdict = Literal["confirmed", "indistinguishable", "refuted"]

PAIRS = 16
"""Interleaved pairs of a proof by a workload."""
_WIDE = 0.10
"""Width of an interval, as a ratio, from which more pairs are run."""
LEAST_PAIRS = 6
"""Fewer have no exact interval of 95 %."""

_WARM_UP = 2
_VERDICTS: Mapping[str, Verdict] = {"faster": "confirmed", "slower": "refuted"}


@dataclass(frozen=True, slots=True)
class Arm:
    """A workload under a setting: what is timed, and what makes it ready before each run, untimed."""

    work: Callable[[], object]
    prepare: Callable[[], object] = tuple


@dataclass(frozen=True, slots=True)
class Proof:
    """What an interleaved comparison showed.

    Attributes
    ----------
    verdict : str
        `confirmed` if the whole interval of `ratio` says that the new setting waits less, `refuted` if it says that it
        waits more, each by more than the band; else `indistinguishable`.
    ratio, low, high : float
        Time with the new setting / time with the present one, and its bounds.
    before, measured, measured_low, measured_high : float
        The metric with the present setting, and with the new one and its bounds.
    noise_floor : float
        How much of that the present setting differs from itself.
    n : int
        Accesses, or pairs.
    how : str
        The method.
    """

    verdict: Verdict
    ratio: float
    low: float
    high: float
    before: float
    measured: float
    measured_low: float
    measured_high: float
    noise_floor: float
    n: int
    how: str

    def __str__(self) -> str:
        return f"{self.verdict}: {self.ratio:.3f} [{self.low:.3f}, {self.high:.3f}] times as long, {self.how}"


def verdict_of(low: float, high: float, band_ratio: float) -> Verdict:
    """Return the verdict on a ratio of times.

    Examples
    --------
    >>> [verdict_of(low, low + 0.1, 0.03) for low in (0.8, 0.95, 1.05)]
    ['confirmed', 'indistinguishable', 'refuted']
    """
    return _VERDICTS.get(judge_ratio(low, high, band_ratio), "indistinguishable")


def prove_by_replay(
    observed: Observed,
    present: MemorySetting,
    candidate: MemorySetting,
    *,
    start: int = 0,
    band_ratio: float = 0.03,
    seed: int = 2026,
    cancelled: Callable[[], bool] = lambda: False,
) -> Proof | None:
    """Replay accesses through live caches of both settings, and a third one of the present; None if cancelled.

    Parameters
    ----------
    observed
        The accesses; those before `start` fill the caches and do not count.
    band_ratio
        Differences up to this ratio of the time that is waited count as none.
    seed
        Of the order, and of the interval: a percentile bootstrap over stretches of accesses, paired.

    Examples
    --------
    >>> import numpy as np
    >>> from perflab.trace import Trace
    >>> trace = Trace.of(np.tile(np.arange(10), 40), nbytes=np.full(400, 1_000))
    >>> loop = Observed(trace, np.ones(400), np.zeros(400, dtype=bool), is_timed=False)
    >>> small, large = MemorySetting("lru", 5_000, 0, 60.0), MemorySetting("lru", 10_000, 0, 60.0)
    >>> found = prove_by_replay(loop, small, large, start=200)
    >>> found.verdict, found.before, found.measured, found.noise_floor
    ('confirmed', 0.0, 1.0, 0.0)
    """
    waits = replayed(observed, [present, candidate, present], start=start, seed=seed, cancelled=cancelled)
    if waits is None:
        return None
    prices = observed.prices[start:]
    before, after, again = (Segments.of(each) for each in waits)
    low, high = ratio_bounds(after, before, paired=True, seed=seed) if before.mean else (1.0, 1.0)
    saved = [Segments.of(prices - each) for each in waits]
    least, most = _shifted(saved[0], saved[1], seed)
    return Proof(
        verdict_of(low, high, band_ratio),
        after.mean / before.mean if before.mean else 1.0,
        low,
        high,
        saved[0].mean,
        saved[1].mean,
        least,
        most,
        abs(again.mean - before.mean),
        len(prices),
        f"{len(prices):,} recorded accesses replayed through live caches of both in ABBA order",
    )


def prove_by_workload(
    present: Arm,
    candidate: Arm,
    *,
    pairs: int = PAIRS,
    most_pairs: int | None = None,
    band_ratio: float = 0.03,
    confidence: float = 0.95,
    seed: int = 2026,
    clock: Callable[[], float] = time.perf_counter,
    collect: Callable[[], object] = gc.collect,
    cancelled: Callable[[], bool] = lambda: False,
) -> Proof | None:
    """Run a workload under both settings in ABBA quads, the first of which warms up; None if cancelled.

    Parameters
    ----------
    present, candidate
        Both are made ready by the caller, so that they differ in the setting alone.
    pairs, most_pairs
        How many count; from `LEAST_PAIRS` on there is an interval. While that is wider than a tenth, as many again are
        run, up to `most_pairs`, by default four times as many. It is its width that ends it, and never its place.
    clock
        Seconds: wall time, unless all of the work is done on one core.
    collect
        Called before each run, in which garbage is not collected.
    cancelled
        Asked before each pair.

    Examples
    --------
    >>> ticks = iter(range(1_000))
    >>> same = Arm(lambda: None)
    >>> prove_by_workload(same, same, clock=lambda: float(next(ticks)), collect=lambda: None).verdict
    'indistinguishable'
    """
    times: tuple[dict[int, float], dict[int, float]] = ({}, {})
    time_of = partial(_time_of, clock=clock, collect=collect)
    run = partial(_run, (present, candidate), time_of=time_of, cancelled=cancelled)
    if not run(blocks(2, _WARM_UP, seed + 1), ({}, {})):
        return None
    most = 4 * pairs if most_pairs is None else most_pairs
    for first in range(0, max(pairs, most), pairs):
        if not run(blocks(2, pairs, seed + first, first), times):
            return None
        found = compare(*times, confidence=confidence, band_ratio=band_ratio, quads=True)
        if not found.high / found.low - 1 > _WIDE:
            break
    return _of_times(found, _median(times[0]), band_ratio)


def _of_times(found: Comparison, before: float, band_ratio: float) -> Proof:
    return Proof(
        verdict_of(found.low, found.high, band_ratio),
        found.ratio,
        found.low,
        found.high,
        before,
        before * found.ratio,
        before * found.low,
        before * found.high,
        before * found.baseline_noise,
        found.pairs,
        f"{found.pairs} interleaved pairs of the workload in ABBA quads",
    )


def _run(
    arms: tuple[Arm, Arm],
    order: Sequence[Block],
    times: tuple[dict[int, float], dict[int, float]],
    *,
    time_of: Callable[[Arm], float],
    cancelled: Callable[[], bool],
) -> bool:
    """Time the arms block by block; False if it was cancelled."""
    for block in order:
        for arm in block.order:
            if cancelled():
                return False
            times[arm][block.pair] = time_of(arms[arm])
    return True


def _time_of(arm: Arm, clock: Callable[[], float], collect: Callable[[], object]) -> float:
    arm.prepare()
    collect()
    was_on = gc.isenabled()
    gc.disable()
    try:
        start = clock()
        arm.work()
        return clock() - start
    finally:
        if was_on:
            gc.enable()


def _median(times: Mapping[int, float]) -> float:
    import numpy as np

    return float(np.median(list(times.values())))


def _shifted(before: Segments, after: Segments, seed: int) -> tuple[float, float]:
    """Return the bounds of what is saved now: what was saved before, and the bounds of the difference."""
    import numpy as np

    differences: npt.NDArray[Any] = after.drawn(seed) - before.drawn(seed)
    low, high = np.percentile(differences, [2.5, 97.5])
    return before.mean + float(low), before.mean + float(high)
