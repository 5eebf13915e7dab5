"""How a system optimizes itself: what it looks at, what it may change, and what it records of that.

In: a system. Out: `OptimizationResult`s; its settings changed where that is proved to help.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any, Protocol, get_args

from perflab import compiled
from perflab.config import Config, Trigger
from perflab.errors import ConfigError
from perflab.events import Events
from perflab.host import Monitor
from perflab.optimize import OptimizationResult, Prefetcher
from perflab.optimize.keep import Keeper
from perflab.optimize.keep_memory import KeptMemory, Memory
from perflab.optimize.keep_work import KeptWork, Work
from perflab.optimize.memory import Terms, improve_memory, untried_memory
from perflab.optimize.plan import Phase, Plan
from perflab.optimize.price import observed
from perflab.optimize.prove import PAIRS
from perflab.optimize.result import WATCH
from perflab.optimize.setting import MemorySetting
from perflab.optimize.tune import Search, check_search
from perflab.optimize.work import Workbench, Workload, improve_work, untried_work
from perflab.system.background import Background

if TYPE_CHECKING:
    import pandas as pd

    from perflab.record import Frames, Recorder

__all__ = ["TRIGGERS", "Optimizing", "quiet"]

TRIGGERS: tuple[str, ...] = ("manual", *get_args(Trigger))
"""Why an optimization may be done."""

_RESTS = "what was applied last was taken back; nothing is tried until the program reads other keys."

_MOST_ROWS = 250_000
"""Rows of accesses that are looked at, the newest: several for each of the reads that count."""

Row = dict[str, Any]


class System(Protocol):
    """What of a system is looked at and changed."""

    config: Config
    _recorder: Recorder
    _events: Events
    prefetch: Prefetcher

    @property
    def frames(self) -> Frames: ...
    @property
    def monitor(self) -> Monitor: ...
    def apply(self, config: Config) -> tuple[str, ...]: ...


class Optimizing:
    """The optimizations of one system, one at a time.

    Parameters
    ----------
    system
        What is optimized.
    another
        Makes a system of its own of a config, for runs of a workload.
    background
        Has the turn to change settings, and gives memory back.
    """

    def __init__(
        self,
        system: System,
        another: Callable[[Config], AbstractContextManager[Workbench]],
        background: Background,
    ) -> None:
        self._single = background.single
        self._system = system
        self._another = another
        self._relieve = background.relieve
        self._kept_memory = KeptMemory(self._memory(), self._cancelled)
        self._kept_work = KeptWork(self._work(background.relieved))
        kept = (self._kept_memory, self._kept_work)
        self._keeper = Keeper(kept, self._single, lambda rows: self.keep("watch", rows))

    def optimize(
        self,
        trigger: str = "manual",
        *,
        workload: Workload | None = None,
        search: Search = "halving",
        pairs: int = PAIRS,
    ) -> OptimizationResult:
        """Try to do better now, and change what is proved to help; mostly there is no significant change.

        Sizes, policy and times to live of the memory tiers are looked for in the recorded accesses, and proved by
        replaying those that were not looked at. Workers, chunk sizes and prefetching need a workload: it is run under
        both values. What is applied is watched from then on, and taken back if accesses wait longer, or operations take
        longer. Every step is a row of `frames.optimizations`. With the trigger `memory_pressure` memory is given back
        instead.

        Parameters
        ----------
        trigger
            Why it is done: one of `TRIGGERS`.
        workload
            `workload(system)` does what is to become faster, the same each time, with the system that it is given: one
            of its own, with empty caches, so often as the pairs need.
        search
            How candidates are chosen: `halving`, `grid`, or `optuna`, which is an extra.
        pairs
            Interleaved pairs of a proof by the workload, and up to four times as many while the interval is wide; fewer
            than 6 prove nothing.

        Raises
        ------
        ConfigError
            If there is no such trigger or search, `workload` cannot be called, or `pairs` is no count.
        PerflabError
            If an optimization is running already, or the system is closed.
        """
        _check(trigger, workload, search, pairs)
        with ExitStack() as turn:
            with self._keeper.paused():
                turn.enter_context(self._single.turn())
            turn.callback(self._keeper.wake)  # also if something fails after a setting was applied
            if compiled.is_available():
                self._system.monitor.load("numba", "scipy.stats", "perflab.analyze.simulate.run")
            started, clock = dt.datetime.now(dt.UTC), time.perf_counter()
            phases, rows = self._relieved() if trigger == "memory_pressure" else self._improved(workload, search, pairs)
            result = OptimizationResult(trigger, tuple(rows), started, time.perf_counter() - clock, Plan(tuple(phases)))
            result.record(self._system._recorder)
        tried = len(result.rows)
        self._system._events.emit("optimization_complete", trigger=trigger, kept=result.kept, tried=tried)
        return result

    def keep(self, trigger: str, rows: list[Row]) -> None:
        """Record rows of what was done beside an optimization."""
        OptimizationResult(trigger, tuple(rows), dt.datetime.now(dt.UTC), 0.0).record(self._system._recorder)

    def close(self) -> None:
        """End the watch, once no optimization runs any more."""
        self._keeper.close()

    def _relieved(self) -> tuple[list[Phase], list[Row]]:
        rows = self._relieve()
        knobs = tuple(dict.fromkeys(str(row["knob"]) for row in rows))
        return [Phase("relief", "Memory is short.", knobs)], rows

    def _improved(self, workload: Workload | None, search: Search, pairs: int) -> tuple[list[Phase], list[Row]]:
        rows = self._keeper.review()
        phases = [Phase(WATCH, "What was applied earlier has to hold.", ())] if rows else []
        self._improve_memory(search, phases, rows)
        self._improve_work(workload, pairs, phases, rows)
        rows.append(self._system.prefetch.attempt(self._system.frames.accesses))
        return phases, rows

    def _improve_memory(self, search: Search, phases: list[Phase], rows: list[Row]) -> None:
        memory = self._memory()
        known = memory.observed()
        if self._kept_memory.rests(known):
            rows.append(untried_memory(memory.setting(), "no change", _RESTS))
            return
        terms, setting = self._terms(search), memory.setting()
        found = improve_memory(known, setting, terms, memory.apply, cancelled=self._cancelled)
        if found.watch is not None:
            self._kept_memory.begin(found.watch)
        phases += found.phases
        rows += found.rows

    def _improve_work(self, workload: Workload | None, pairs: int, phases: list[Phase], rows: list[Row]) -> None:
        system = self._system
        if workload is None:
            rows += untried_work(system.config)
            return
        old, before = system.config, self._kept_work.before()
        tried = improve_work(old, workload, self._arm, system.apply, pairs=pairs, cancelled=self._cancelled)
        try:
            for phase, row in tried:
                phases.append(phase)
                rows.append(row)
        finally:
            rows += self._kept_work.begin(old, before)

    def _arm(self, config: Config) -> AbstractContextManager[Workbench]:
        return self._another(quiet(config))

    def _terms(self, search: Search) -> Terms:
        config = self._system.config
        targets, settings = config.cache_targets, config.benchmark
        return Terms(targets.max_memory_bytes, targets.max_ttl_s, settings.band_ratio, search, settings.seed)

    def _memory(self) -> Memory:
        system = self._system
        return Memory(
            lambda: _reads(system._recorder),
            lambda: observed(system.frames.accesses.tail(_MOST_ROWS)),
            lambda: MemorySetting.of(system.config),
            lambda setting: system.apply(system.config.replace(**setting.as_changes())),
        )

    def _work(self, relieved: Callable[[], bool]) -> Work:
        system = self._system

        def imprecise() -> Row | None:
            row = None if system.prefetch.precise else system.prefetch.attempt(system.frames.accesses)
            return None if row is None or row["measured"] is None else row

        return Work(
            lambda: system.config,
            system.apply,
            lambda begun_s, ended_s: _operations(system.frames, begun_s, ended_s),
            imprecise,
            relieved,
        )

    def _cancelled(self) -> bool:
        return self._single.stopping


def _check(trigger: object, workload: object, search: str, pairs: object) -> None:
    if trigger not in TRIGGERS:
        raise ConfigError(f"The trigger is {trigger!r}; it must be one of {', '.join(TRIGGERS)}.")
    if workload is not None and not callable(workload):
        raise ConfigError(
            f"The workload is {workload!r}; give a function that does the work with the system it is given."
        )
    if not isinstance(pairs, int) or pairs < 1:
        raise ConfigError(f"pairs is {pairs!r}; it must be a whole number, 1 or more.")
    check_search(search)


def quiet(config: Config) -> Config:
    """Return the config of a system that a workload is timed in: with a disk tier of its own, and undisturbed."""
    return config.replace(
        cache={"l3_dir": None},
        cache_warming_enabled=False,
        enable_auto_optimization=False,
        resource_monitoring={"enabled": False},
    )


def _operations(frames: Frames, begun_s: float, ended_s: float) -> pd.DataFrame:
    """Return the operations that succeeded, began at `begun_s` or later and ended after `ended_s`."""
    since = dt.datetime.fromtimestamp(max(begun_s, ended_s), dt.UTC)
    rows = frames.select("operations", ["t", "name", "duration_s", "ok"], since=since)
    rows["ended_s"] = rows.pop("t").astype("int64") / 1e6
    counts = rows.pop("ok").fillna(True).astype(bool) & rows["duration_s"].notna()
    counts &= (rows["ended_s"] > ended_s) & (rows["ended_s"] - rows["duration_s"] >= begun_s)
    return rows[counts]


def _reads(recorder: Recorder) -> int:
    totals = recorder.totals()
    return totals.get("hit", 0) + totals.get("miss", 0)
