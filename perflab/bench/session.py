"""The samples of a running benchmark: from messages of measuring processes to recorded rows.

In: batches of slots. Out: rows, recorded at once; BenchmarkError if an arm fails or arms disagree.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from perflab.bench.arm import Arm
from perflab.bench.child import Child, ChildError
from perflab.bench.job import Job
from perflab.bench.kind import kind_of
from perflab.bench.progress import Forecast, OnProgress
from perflab.bench.resume import Earlier
from perflab.bench.schedule import WARM_UP, Batch, Slot
from perflab.errors import BenchmarkError
from perflab.record import Recorder

__all__ = ["Session"]

_CONDITIONS = ("load_1m", "cpu_pressure_ratio", "io_pressure_ratio", "steal_ratio", "others_cpu_ratio")
_FOUND = (
    "inner_loops",
    "wall_s",
    "cpu_s",
    "waited_s",
    "involuntary_switches",
    "peak_bytes",
    "growth_bytes",
    "output_digest",
    "source_digest",
    "work",
    "error",
)
Row = dict[str, Any]


@dataclass(slots=True)
class Session:
    """Executes batches and keeps what they find.

    Attributes
    ----------
    workload, arms, recorder, on_progress, timeout_s, adopt, spawn
        As for `perflab.bench.run`.
    hash_seeds : random.Random
        Source of each process's PYTHONHASHSEED.
    loops : tuple of int
        Executions in a timed sample, an arm each; 0 until they are calibrated.
    earlier : Earlier or None
        Samples of an interrupted run; what is among them is not measured again.
    rows : list of dict
        Every sample so far.
    """

    workload: str
    arms: tuple[Arm, ...]
    recorder: Recorder
    on_progress: OnProgress | None
    timeout_s: float | None
    adopt: Callable[[str], str | None] | None
    spawn: Callable[[Job, int], Child]
    hash_seeds: random.Random
    loops: tuple[int, ...]
    earlier: Earlier | None = None
    rows: list[Row] = field(default_factory=list)
    _outputs: dict[str, tuple[str, str]] = field(default_factory=dict)
    _sources: dict[int, str] = field(default_factory=dict)
    _forecast: Forecast = field(default_factory=Forecast)
    _left: list[tuple[int, str]] = field(default_factory=list)

    def plan(self, batches: Iterable[Batch]) -> None:
        """Count batches that are to come, for the forecast."""
        self._left += [(slot.arm, batch.purpose) for batch in batches for slot in batch.slots]

    def drop(self, batches: Iterable[Batch]) -> None:
        """Count planned batches as not to come any more."""
        for batch in batches:
            for slot in batch.slots:
                self._left.remove((slot.arm, batch.purpose))
        self._report("the budget is spent")

    def execute_all(self, batches: Iterable[Batch]) -> None:
        """Run batches one after the other."""
        for batch in batches:
            self.execute(batch)

    def execute(self, batch: Batch) -> None:
        """Run a batch in a process of its own and record its samples, also if it fails or is interrupted."""
        hash_seed = self.hash_seeds.randrange(2**32)
        if self._repeat(batch, hash_seed):
            return
        groups = tuple(tuple(slot.arm for slot in group) for group in batch.groups)
        job = Job(self.arms, groups, batch.purpose, self.loops)
        waiting: list[Row] = []
        try:
            with self.spawn(job, hash_seed) as child:
                self._follow(child, batch, hash_seed, waiting)
        finally:
            self._record(waiting, {})

    def _repeat(self, batch: Batch, hash_seed: int) -> bool:
        """Take the samples of a batch from the earlier run, if that took them all."""
        found = None if self.earlier is None else self.earlier.of(self.workload, hash_seed, len(batch.slots))
        if found is None:
            return False
        rows = found.to_pylist()
        for slot, row in zip(batch.slots, rows, strict=True):
            self._accept(batch, slot, row)
        clocks = {row["arm"]: row["clock"] for row in rows if row["clock"]}
        self.arms = tuple(replace(arm, clock=clocks.get(arm.name, arm.clock)) for arm in self.arms)
        self.rows += rows
        self.recorder.absorb({"samples": found})
        return True

    def _follow(self, child: Child, batch: Batch, hash_seed: int, waiting: list[Row]) -> None:
        slots = iter(batch.slots)
        slot = next(slots)
        messages = child.messages(self.timeout_s)
        while True:
            try:
                message = next(messages, None)
            except ChildError as error:
                message = {"event": "error", "error": str(error), "traceback": str(error)}
            if message is None:
                return
            if message["event"] == "conditions":
                self._record(waiting, message)
            elif message["event"] in ("sample", "error"):
                waiting.append(self._row(batch, slot, hash_seed, message))
                if message["event"] == "error":
                    self._fail(batch, slot, message)
                self._accept(batch, slot, message)
                slot = next(slots, slot)

    def _row(self, batch: Batch, slot: Slot, hash_seed: int, found: Row) -> Row:
        arm = self.arms[slot.arm]
        return {
            "workload": self.workload,
            "state": arm.state,
            "arm": arm.name,
            "pair": slot.pair,
            "position": slot.position,
            "purpose": batch.purpose,
            "clock": arm.clock,
            "arm_run_id": self._adopted(slot, found.get("run_dir")),
            "hash_seed": hash_seed,
            "workers": arm.workers,
            **{name: found.get(name) for name in _FOUND},
        }

    def _adopted(self, slot: Slot, run_dir: str | None) -> str | None:
        if run_dir is None or self.adopt is None or slot.pair == WARM_UP:
            return None
        return self.adopt(run_dir)

    def _record(self, waiting: list[Row], conditions: Row) -> None:
        self._settle_clock(waiting)
        clocks = {arm.name: arm.clock for arm in self.arms}
        while waiting:
            row = waiting.pop(0)
            row |= {"clock": clocks[row["arm"]], **{name: conditions.get(name) for name in _CONDITIONS}}
            self.rows.append(row)
            self.recorder.add("samples", **row)

    def _settle_clock(self, rows: Iterable[Row]) -> None:
        """Judge arms of the clock `auto` by what the first group of samples tells."""
        timed = [row for row in rows if row["purpose"] == "time" and row["error"] is None]
        if timed and any(arm.clock == "auto" for arm in self.arms):
            kind = kind_of(timed)
            self.arms = tuple(replace(arm, clock=kind) if arm.clock == "auto" else arm for arm in self.arms)

    def _accept(self, batch: Batch, slot: Slot, found: Row) -> None:
        arm = self.arms[slot.arm]
        if batch.purpose == "time":
            self.loops = (*self.loops[: slot.arm], found["inner_loops"], *self.loops[slot.arm + 1 :])
        self._left.remove((slot.arm, batch.purpose))
        self._forecast.took((slot.arm, batch.purpose))
        self._check_source(slot.arm, found["source_digest"])
        if found["output_digest"] is not None:
            self._check_output(arm, found["output_digest"])
        self._report(arm.label)

    def _report(self, what: str) -> None:
        if self.on_progress is not None:
            done = len(self._forecast)
            self.on_progress(done, done + len(self._left), what, self._forecast.remaining_s(self._left))

    def _fail(self, batch: Batch, slot: Slot, found: Row) -> NoReturn:
        where = "a warm-up block" if slot.pair == WARM_UP else f"block {slot.pair}"
        raised = BenchmarkError(
            f"The arm {self.arms[slot.arm].label!r} of {self.workload!r} failed in its {batch.purpose} run of "
            f"{where}: {found['error']}"
        )
        raised.add_note(found["traceback"])
        raise raised

    def _check_source(self, number: int, digest: str | None) -> None:
        first = self._sources.setdefault(number, digest) if digest is not None else None
        if digest != first:
            raise BenchmarkError(
                f"The source of the arm {self.arms[number].label!r} of {self.workload!r} changed while it was measured "
                f"({first}, then {digest}); the samples of both are kept, measure again."
            )

    def _check_output(self, arm: Arm, digest: str) -> None:
        other, first = self._outputs.setdefault(arm.inputs, (arm.label, digest))
        if digest == first:
            return
        who = (
            f"gives a different output each time ({first}, then {digest})"
            if arm.label == other
            else f"gives another output ({digest}) than {other!r} ({first})"
        )
        raise BenchmarkError(
            f"The arm {arm.label!r} of {self.workload!r} {who} for the same inputs; make them agree, or label their "
            "inputs apart."
        )
