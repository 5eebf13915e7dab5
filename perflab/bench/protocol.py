"""The protocol of a benchmark: interleaved samples in measuring processes, each kept as soon as it exists.

In: arms, a recorder. Out: rows of the frame `samples`, and a `Bench`; BenchmarkError if an arm fails or arms disagree.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from perflab.bench.arm import Arm
from perflab.bench.child import Child
from perflab.bench.compare import ArmComparison, Bench, compare_arms
from perflab.bench.job import Job
from perflab.bench.progress import OnProgress
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
) -> Bench:
    """Measure arms against the first of them, in interleaved blocks.

    Parameters
    ----------
    workload
        Name for the rows.
    arms
        The baseline, then the others; each with its own name, state or number of workers.
    pairs
        Blocks. By default 6 isolated ones; for fast callables 48, and up to twice as many until every interval is
        narrower than 10 %. The number for fast callables is rounded up to whole processes of 8.
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
    numbers = [_number(label, workload, arms) for label in memory_arms]
    loops, hash_seeds = (int(isolated),) * len(arms), random.Random(seed)
    session = Session(workload, tuple(arms), recorder, on_progress, timeout_s, adopt, spawn, hash_seeds, loops)
    compared = partial(
        compare_arms, arms, session.rows, confidence=confidence, band_ratio=band_ratio, quads=not isolated
    )
    timed = tuple(
        isolated_batches(range(len(arms)), pairs or ISOLATED_PAIRS, seed, "time", warmup_blocks)
        if isolated
        else _processes(len(arms), pairs or SHARED_PAIRS, seed)
    )
    remembered = isolated_batches(numbers, memory_blocks if numbers else 0, seed, "memory")
    session.plan([*timed, *remembered])
    session.execute_all(timed)
    if not isolated:
        _extend(session, len(timed), seed, compared)
    session.execute_all(remembered)
    return Bench(workload, seed, tuple(arms), tuple(session.rows), compared())


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


def _number(label: str, workload: str, arms: Sequence[Arm]) -> int:
    for number, arm in enumerate(arms):
        if label in (arm.label, replace(arm, workers=None).label):
            return number
    known = ", ".join(arm.label for arm in arms)
    raise BenchmarkError(f"The benchmark {workload!r} has no arm {label!r} to measure the memory of; it has {known}.")


def _processes(arms: int, pairs: int, seed: int, first: int = 0) -> Iterator[Batch]:
    for number in range(math.ceil(pairs / PAIRS_PER_PROCESS)):
        start = first + number * PAIRS_PER_PROCESS
        yield shared_batch(arms, QUADS_PER_PROCESS, seed + start, start)


def _extend(session: Session, processes: int, seed: int, compared: Callable[[], Iterable[ArmComparison]]) -> None:
    """Measure up to as many pairs again, process by process, until every interval is narrow."""
    # Stopping once the intervals are narrow keeps their confidence; stopping at significance would not.
    measured = processes * PAIRS_PER_PROCESS
    for batch in _processes(len(session.arms), measured, seed, measured):
        if all(map(_narrow, compared())):
            return
        session.plan([batch])
        session.execute(batch)


def _narrow(found: ArmComparison) -> bool:
    return found.comparison.high / found.comparison.low - 1 < WIDEST
