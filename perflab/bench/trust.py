"""How often the protocol is wrong on this machine, from arms whose truth is known.

In: a number of trials and a seed. Out: how many of them found a difference that is not there, and one that is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from perflab.analyze.pairs import Comparison, compare
from perflab.bench.arm import Arm
from perflab.bench.child import Child
from perflab.bench.job import Job
from perflab.bench.progress import OnProgress
from perflab.bench.protocol import PAIRS_PER_PROCESS, QUADS_PER_PROCESS, SHARED_PAIRS
from perflab.bench.schedule import Batch, Slot, shared_batch
from perflab.bench.session import Session
from perflab.record import NULL_RECORDER, Recorder

__all__ = ["allocate", "memory_grown", "spin", "trials"]

_STEPS = 40_000
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class _Trial:
    """Two arms, the second of which takes so many times the steps of the first."""

    number: int
    steps: int

    @property
    def arms(self) -> tuple[Arm, Arm]:
        """The two arms; the truth is in their arguments alone."""
        counts = (("a", _STEPS), ("b", self.steps))
        first, second = (
            Arm(f"{side}{self.number}", spin, {"steps": count}, clock="cpu", inputs=f"{count} steps")
            for side, count in counts
        )
        return first, second


def trials(
    count: int,
    slower: float = 1.0,
    *,
    seed: int = 2026,
    pairs: int = SHARED_PAIRS,
    recorder: Recorder = NULL_RECORDER,
    on_progress: OnProgress | None = None,
    spawn: Callable[[Job, int], Child] = Child,
) -> list[Comparison]:
    """Compare two arms of known truth as often as asked, each time with whole ABBA quads in several processes.

    The trials take turns in the same processes, which saves their start; in each trial the quads of its two arms are
    those of the protocol.

    Parameters
    ----------
    count
        Trials.
    slower
        Time of the second arm / time of the first; 1 for two equal arms.
    seed
        Of the orders and hash seeds.
    pairs
        Pairs a trial, in processes of 8.
    recorder, on_progress, spawn
        As for `perflab.bench.run`.

    Raises
    ------
    BenchmarkError
        If an arm fails.
    """
    made = [_Trial(number, round(_STEPS * slower)) for number in range(count)]
    arms = tuple(arm for trial in made for arm in trial.arms)
    session = Session(
        "known truth",
        arms,
        recorder,
        on_progress,
        None,
        None,
        spawn,
        random.Random(seed),
        (0,) * len(arms),
    )
    batches = [_batch(count, seed, first) for first in range(0, pairs, PAIRS_PER_PROCESS)]
    session.plan(batches)
    session.execute_all(batches)
    times: dict[str, dict[int, float]] = {arm.name: {} for arm in arms}
    for row in session.rows:
        if row["pair"] >= 0:
            times[row["arm"]][row["pair"]] = row["cpu_s"]
    return [compare(times[f"a{trial.number}"], times[f"b{trial.number}"], quads=True) for trial in made]


def spin(steps: int) -> int:
    """Compute for a time that is proportional to the steps; on one core, without memory."""
    total = 0
    for step in range(steps):
        total ^= step
    return total


def memory_grown(nbytes: int, *, spawn: Callable[[Job, int], Child] = Child) -> int | None:
    """Return what the protocol measures for an arm that allocates and touches so many bytes."""
    arm = Arm("allocates", allocate, {"nbytes": nbytes})
    with spawn(Job((arm,), ((0,),), "memory", (1,)), 0) as child:
        found = [message for message in child.messages(60.0) if message["event"] == "sample"]
    grown: int | None = found[0]["growth_bytes"] if found else None
    return grown


def allocate(nbytes: int) -> int:
    """Allocate bytes and touch every page."""
    block = bytearray(nbytes)
    block[::_PAGE] = b"1" * len(range(0, nbytes, _PAGE))
    return len(block)


def _batch(count: int, seed: int, first: int) -> Batch:
    return Batch("time", tuple(_groups(count, seed, first)))


def _groups(count: int, seed: int, first: int) -> Iterator[tuple[Slot, ...]]:
    for number in range(count):
        quads = shared_batch(2, QUADS_PER_PROCESS, seed + 10_000 * number + first, first)
        for group in quads.groups:
            yield tuple(replace(slot, arm=2 * number + slot.arm) for slot in group)
