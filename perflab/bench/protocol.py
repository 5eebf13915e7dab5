"""The protocol of a benchmark: interleaved samples in measuring processes, each kept as soon as it exists.

In: arms, a recorder. Out: rows of the frame `samples`, and a `Bench`; BenchmarkError if an arm fails or arms disagree.
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from perflab.bench.arm import Arm
from perflab.bench.child import Child
from perflab.bench.compare import ArmComparison, Bench, compare_arms
from perflab.bench.job import Job
from perflab.bench.progress import OnProgress
from perflab.bench.resume import Earlier
from perflab.bench.schedule import Batch, isolated_batches, shared_batch
from perflab.bench.session import Session
from perflab.errors import BenchmarkError
from perflab.record import NULL_RECORDER, Recorder

__all__ = ["run"]

QUADS_PER_PROCESS = 4
PAIRS_PER_PROCESS = 2 * QUADS_PER_PROCESS
ISOLATED_PAIRS = 6
SHARED_PAIRS = 48
WIDEST = 0.10


def run(
    workload: str,
    arms: Sequence[Arm],
    *,
    pairs: int | None = None,
    seed: int = 2026,
    recorder: Recorder = NULL_RECORDER,
    isolated: bool = True,
    memory_arms: Collection[str] = (),
    warmup_blocks: int = 1,
    memory_blocks: int = 3,
    confidence: float = 0.95,
    band_ratio: float = 0.03,
    on_progress: OnProgress | None = None,
    timeout_s: float | None = None,
    adopt: Callable[[str], str | None] | None = None,
    spawn: Callable[[Job, int], Child] = Child,
    budget_s: float | None = None,
    extend: bool | None = None,
    earlier: Earlier | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Bench:
    """Measure arms against the first of them, in interleaved blocks.

    Parameters
    ----------
    workload
        Name for the rows.
    arms
        The baseline, then the others; each with its own name, state or number of workers.
    pairs
        Blocks: by default 6 isolated ones, or 48 of fast callables, rounded up to whole processes of 8.
    seed
        Of the order of samples and of the processes' hash seeds.
    recorder
        Where the rows go.
    isolated
        A fresh process for each sample, for long or cold work; otherwise processes of ABBA quads with an inner loop
        of 20 ms at least, for fast callables.
    memory_arms
        Labels of the arms whose peak memory is measured too, in executions of their own after the timed ones, such as
        `optimized (cold)`; without a number of workers, the first arm of that name and state.
    warmup_blocks
        Isolated blocks that are recorded with `pair` -1 and not used. Processes of quads discard their first quad.
    memory_blocks
        Blocks of memory runs.
    confidence, band_ratio
        Of the intervals, and the difference that counts as the same.
    on_progress
        Called after each sample.
    timeout_s
        Longest time that a sample may take, its setup included; None for no bound.
    adopt
        Takes the run folder that an arm recorded into and returns its run_id; not called for warm-ups.
    spawn
        Makes the measuring process.
    budget_s
        Seconds after which no more blocks are begun; one is measured in any case, and memory runs are too.
    extend
        Go on with up to as many blocks again until every interval is narrower than 10 %; by default only fast
        callables do.
    earlier
        Samples of an interrupted run with the same seed, which are not measured again.
    clock
        Tells seconds for the budget.

    Raises
    ------
    BenchmarkError
        If an arm raises, exits or hangs, or arms of the same `inputs` give different outputs. The rows measured until
        then are recorded, the failed sample's with its error.

    Examples
    --------
    >>> arms = [Arm("baseline", sorted, {}), Arm("baseline", sorted, {})]
    >>> run("sorting", arms)
    Traceback (most recent call last):
    ...
    perflab.errors.BenchmarkError: The benchmark 'sorting' has two arms 'baseline'; give each a name, a state or a \
number of workers of its own.
    """
    _check(workload, arms, pairs, isolated)
    _check_seconds(workload, budget_s, timeout_s)
    numbers = [_number(label, workload, arms) for label in memory_arms]
    loops, hash_seeds = (int(isolated),) * len(arms), random.Random(seed)
    # A single execution in a fresh process starts, imports and reads: that is judged by the wall.
    clocked = tuple(replace(arm, clock="wall") if isolated and arm.clock == "auto" else arm for arm in arms)
    session = Session(workload, clocked, recorder, on_progress, timeout_s, adopt, spawn, hash_seeds, loops, earlier)
    blocks = pairs or (ISOLATED_PAIRS if isolated else SHARED_PAIRS)
    timed = _Timed(len(arms), seed, isolated, warmup_blocks)
    remembered = isolated_batches(numbers, memory_blocks if numbers else 0, seed, "memory")
    rounds = timed.rounds(blocks)
    session.plan(batch for batches in (*rounds, remembered) for batch in batches)
    more = timed.rounds(blocks, first=blocks) if extend or (extend is None and not isolated) else ()
    ends = math.inf if budget_s is None else clock() + budget_s

    def compared() -> tuple[ArmComparison, ...]:
        return compare_arms(
            session.arms, session.rows, confidence=confidence, band_ratio=band_ratio, quads=not isolated
        )

    _measure(session, rounds, more, compared, lambda: clock() >= ends)
    session.execute_all(remembered)
    return Bench(workload, seed, session.arms, tuple(session.rows), compared())


def _check(workload: str, arms: Sequence[Arm], pairs: int | None, isolated: bool) -> None:
    if pairs is not None and pairs < 1:
        raise BenchmarkError(f"The benchmark {workload!r} is to take {pairs} pairs; take 1 or more.")
    if len(arms) < 2:
        raise BenchmarkError(
            f"The benchmark {workload!r} has {len(arms)} arms; give a baseline and at least one other."
        )
    labels = [arm.label for arm in arms]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise BenchmarkError(
            f"The benchmark {workload!r} has two arms {twice!r}; give each a name, a state or a number of workers of "
            "its own."
        )
    cold = next((arm.label for arm in arms if arm.state == "cold"), None)
    if cold is not None and not isolated:
        raise BenchmarkError(
            f"The arm {cold!r} of {workload!r} is to start cold in a process that it shares; measure it isolated."
        )


def _check_seconds(workload: str, budget_s: float | None, timeout_s: float | None) -> None:
    if budget_s is not None and not budget_s >= 0:
        raise BenchmarkError(f"The benchmark {workload!r} has a budget of {budget_s} s; give 0 or more.")
    if timeout_s is not None and not timeout_s > 0:
        raise BenchmarkError(f"Samples of {workload!r} may take {timeout_s} s; give more than 0.")


def _number(label: str, workload: str, arms: Sequence[Arm]) -> int:
    for number, arm in enumerate(arms):
        if label in (arm.label, replace(arm, workers=None).label):
            return number
    known = ", ".join(arm.label for arm in arms)
    raise BenchmarkError(f"The benchmark {workload!r} has no arm {label!r} to measure the memory of; it has {known}.")


@dataclass(frozen=True, slots=True)
class _Timed:
    """Lays out timed blocks, in rounds after each of which every arm has stood at the same mean place."""

    arms: int
    seed: int
    isolated: bool
    warmup_blocks: int

    def rounds(self, blocks: int, first: int = 0) -> list[tuple[Batch, ...]]:
        if not self.isolated:
            starts = range(first, first + blocks, PAIRS_PER_PROCESS)
            return [(shared_batch(self.arms, QUADS_PER_PROCESS, self.seed + start, start),) for start in starts]
        warmups = 0 if first else self.warmup_blocks
        batches = isolated_batches(range(self.arms), blocks, self.seed + first, "time", warmups, first)
        ends = [self.arms * (warmups + block) for block in (*range(2, blocks, 2), blocks)]
        return [batches[start:end] for start, end in itertools.pairwise([0, *ends])]


def _measure(
    session: Session,
    rounds: Iterable[tuple[Batch, ...]],
    more: Iterable[tuple[Batch, ...]],
    compared: Callable[[], Iterable[ArmComparison]],
    spent: Callable[[], bool],
) -> None:
    """Measure the rounds, then more until every interval is narrow; none is begun once the budget is spent."""
    for batches in rounds:
        if session.rows and spent():
            session.drop(batches)
            continue
        session.execute_all(batches)
    for batches in more:
        # Stopping once the intervals are narrow keeps their confidence; stopping at significance would not.
        if spent() or all(map(_narrow, compared())):
            return
        session.plan(batches)
        session.execute_all(batches)


def _narrow(found: ArmComparison) -> bool:
    return found.comparison.high / found.comparison.low - 1 < WIDEST
