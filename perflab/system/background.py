"""What a system does by itself: watch the host, relieve memory, optimize when a trigger holds.

In: the parts of a system and its config. Out: threads that do so until `close`; what they did, as rows and events.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from perflab.cache import TieredCache
from perflab.config import Config
from perflab.events import Events
from perflab.host import Headroom, Monitor, Sample
from perflab.optimize import AutoOptimizer, Drift, OneAtATime, Relief, Relieving, Signals
from perflab.optimize.single import CLOSE_S
from perflab.parallel import Workers
from perflab.record import Recorder
from perflab.system.levels import SHRINK, Pausable, ladder_of, steps_of
from perflab.system.memory import rest_workers
from perflab.units import format_bytes

__all__ = ["Background"]

_NEWEST = 512
"""Operations that are looked at each time; of more, the newest."""


class KeepRows(Protocol):
    """Records rows of one optimization."""

    def __call__(self, trigger: str, rows: list[dict[str, Any]]) -> None:
        """Record them with their trigger."""


class Background:
    """The monitor, relief and the auto-optimizer of a system, which share one right to change settings.

    Parameters
    ----------
    ahead
        Work ahead of the program's own, which waits while memory is short, by the path of the setting that switches it
        on.
    optimize
        Called with the name of a trigger that holds.
    keep_rows
        Called with the trigger and the rows of what relief did.

    Attributes
    ----------
    monitor, auto
        Those two.
    single
        The turn that every optimization has, relief and manual ones too.
    """

    def __init__(
        self,
        config: Config,
        cache: TieredCache,
        workers: Workers,
        ahead: Mapping[str, Pausable],
        recorder: Recorder,
        events: Events,
        *,
        optimize: Callable[[str], object],
        keep_rows: KeepRows,
    ) -> None:
        self._config, self._cache, self._workers, self._ahead = config, cache, workers, ahead
        self._recorder, self._events, self._keep_rows = recorder, events, keep_rows
        self.single = OneAtATime()
        self._relief = Relief(cache)
        self._sample: Sample | None = None
        self._relieving = self._make_relieving()
        self.monitor = Monitor(recorder, events, config.resource_monitoring, headroom=_headroom(config))
        self.monitor.watch(self._look)
        self._drift = Drift(config.thresholds.degradation_ratio)
        self._heard_ns = 0
        self.auto = AutoOptimizer(optimize, self.signals, config.optimization_schedule, config.thresholds)

    def start(self) -> None:
        """Begin, as far as the config says so."""
        self.monitor.start()
        if self._config.enable_auto_optimization:
            self.auto.start()

    def watch_host(self, config: Config) -> None:
        """Watch, and relieve memory, by another config."""
        self._config = config
        self._relieving.close()
        self._relieving = self._make_relieving()
        self.monitor.use(config.resource_monitoring, _headroom(config))

    def schedule(self, config: Config) -> None:
        """Optimize by another config."""
        self._config = config
        self.auto.close()
        self._drift = Drift(config.thresholds.degradation_ratio)
        self.auto.use(config.optimization_schedule, config.thresholds)
        if config.enable_auto_optimization:
            self.auto.start()

    def relieve(self) -> list[dict[str, Any]]:
        """Free memory now, whatever its level, and return a row a step. The caller has the turn."""
        rows = [rest_workers(self._workers), *self._relief.run()]
        self._relieving.acted(SHRINK)
        return rows

    def relieved(self) -> bool:
        """Return whether settings are lowered at the moment because memory is short."""
        return self._relieving.in_force

    def signals(self) -> Signals:
        """Return what the triggers look at; growth that relief has just acted on is left out."""
        events, sample = self._recorder.totals(), self.monitor.last
        hits, misses = events.get("hit", 0), events.get("miss", 0)
        growth = None if sample is None or self._relieving.is_cooling(SHRINK) else sample.growth_bytes
        cpu = None if sample is None else sample.shares.cpu_ratio
        if "performance_degradation" not in self._config.optimization_schedule.triggers:
            return Signals(growth, cpu, hits + misses, misses)
        self._hear_operations()
        slowdown = self._drift.slowest()
        if slowdown is not None:
            self._events.emit("alert", what="performance_degradation", **slowdown.facts())
        return Signals(growth, cpu, hits + misses, misses, slowdown)

    def close(self) -> None:
        """End every thread; an optimization that is running has 2 s to come to an end, and settings are put back."""
        deadline_s = time.monotonic() + CLOSE_S
        ended = self.single.close()
        self.auto.close(max(0.0, deadline_s - time.monotonic()))
        self._relieving.close(max(0.0, deadline_s - time.monotonic()))
        self.monitor.stop()
        if not ended:
            warnings.warn(
                f"An optimization did not come to an end within {CLOSE_S:g} s; the system closes under it.",
                RuntimeWarning,
                stacklevel=3,
            )

    def _make_relieving(self) -> Relieving:
        ahead = {knob: (pausable, bool(getattr(self._config, knob))) for knob, pausable in self._ahead.items()}
        steps = steps_of(self._cache, self._workers, ahead, self._relief, self._save_flight)
        return Relieving(steps, ladder_of(self._config.relief), self.single, self._relieved)

    def _look(self, sample: Sample) -> None:
        self._sample = sample
        if self._config.relief.enabled:
            self._relieving.look(sample.memory_ratio)

    def _relieved(self, rows: list[dict[str, Any]]) -> None:
        self._keep_rows("memory_pressure", rows)
        kept = sum(row["verdict"] == "kept" for row in rows)
        self._events.emit("optimization_complete", trigger="memory_pressure", kept=kept, tried=len(rows))

    def _save_flight(self) -> str | None:
        place = self._recorder.save_flight(_warning(self._sample))
        return None if place is None else str(place)

    def _hear_operations(self) -> None:
        newest = self._recorder.newest("operations", _NEWEST)
        if not newest:
            return
        rows = zip(newest["t"], newest["name"], newest["duration_s"], strict=True)
        self._drift.take((name, duration_s) for t, name, duration_s in rows if t > self._heard_ns)
        self._heard_ns = max(newest["t"])


def _headroom(config: Config) -> Headroom:
    return Headroom(config.relief.budget_bytes or config.cache_targets.max_memory_bytes)


def _warning(sample: Sample | None) -> str:
    use = None if sample is None else sample.use
    if use is None:
        return "memory is short"
    return f"memory: {format_bytes(use.used_bytes)} of {format_bytes(use.limit_bytes)} ({use.of})"
