"""Decide when the system optimizes itself.

In: what is known of memory, CPU and the cache at the moment. Out: at most one optimization at a time, with its trigger.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from perflab.config import OptimizationSchedule, Thresholds

__all__ = ["LEAST_ACCESSES", "AutoOptimizer", "Signals"]

LEAST_ACCESSES = 200
"""A miss ratio over fewer accesses says little, and an empty cache begins with misses alone."""

_CLOSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Signals:
    """What the triggers look at; None was not measured.

    Accesses and misses are totals. They grow, and shrink only when what is counted forgets its oldest part.
    """

    growth_bytes: int | None = None
    cpu_ratio: float | None = None
    accesses: int = 0
    misses: int = 0


class AutoOptimizer:
    """Evaluates the triggers in the background and calls `optimize` with the name of the first that holds.

    However many operations are recorded, one optimization runs at a time, and the next waits for a cool-down. The miss
    ratio is of the accesses since it was last judged, and is judged once there are enough of them; when totals shrink,
    counting begins anew.

    Parameters
    ----------
    optimize
        Called with the trigger's name. If it raises, one warning says so and the cool-down runs as usual.
    signals
        Returns the present `Signals`.
    schedule, thresholds
        Which triggers are on, the interval of `scheduled`, and the bounds of the others.
    cooldown_s
        Least time between the end of an optimization and the start of the next.
    poll_s
        Time between evaluations.
    clock
        Monotonic seconds.

    Examples
    --------
    >>> ran = []
    >>> signals = Signals(growth_bytes=90_000_000)
    >>> auto = AutoOptimizer(ran.append, lambda: signals, OptimizationSchedule(), Thresholds())
    >>> auto.check(), auto.check(), ran
    ('memory_pressure', None, ['memory_pressure'])
    """

    def __init__(
        self,
        optimize: Callable[[str], object],
        signals: Callable[[], Signals],
        schedule: OptimizationSchedule,
        thresholds: Thresholds,
        *,
        cooldown_s: float = 30.0,
        poll_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._optimize, self._signals = optimize, signals
        self._schedule, self._thresholds = schedule, thresholds
        self._cooldown_s, self._poll_s, self._clock = cooldown_s, poll_s, clock
        self._running = threading.Lock()
        self._ended_s: float | None = None
        self._scheduled_s = clock()
        self._judged = (0, 0)
        self._state = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def check(self) -> str | None:
        """Evaluate the triggers now; run `optimize` if one holds and return its name, else None."""
        if not self._running.acquire(blocking=False):
            return None
        try:
            if self._ended_s is not None and self._clock() - self._ended_s < self._cooldown_s:
                return None
            trigger = self._due()
            if trigger is not None:
                self._run(trigger)
            return trigger
        finally:
            self._running.release()

    def start(self) -> None:
        """Evaluate in the background until `close`; nothing if the schedule is switched off or it has begun."""
        with self._state:
            if not self._schedule.enabled or self._thread is not None:
                return
            self._stopping.clear()
            self._thread = threading.Thread(target=self._loop, name="perflab-auto-optimizer", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the background thread; wait up to 2 s for an optimization that is running."""
        with self._state:
            thread, self._thread = self._thread, None
        self._stopping.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_CLOSE_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _due(self) -> str | None:
        now = self._signals()
        holds = {
            "memory_pressure": _above(now.growth_bytes, self._thresholds.memory_pressure_bytes),
            "cpu_pressure": _above(now.cpu_ratio, self._thresholds.cpu_pressure_ratio),
            "cache_miss": self._misses_too_much(now),
            "scheduled": self._clock() - self._scheduled_s >= self._schedule.interval_s,
        }
        return next((name for name in holds if holds[name] and name in self._schedule.triggers), None)

    def _misses_too_much(self, now: Signals) -> bool:
        accesses, misses = now.accesses - self._judged[0], now.misses - self._judged[1]
        if min(accesses, misses, accesses - misses) < 0:
            self._judged = (now.accesses, now.misses)
            return False
        if accesses < LEAST_ACCESSES:
            return False
        self._judged = (now.accesses, now.misses)
        return misses / accesses > self._thresholds.cache_miss_ratio

    def _run(self, trigger: str) -> None:
        try:
            self._optimize(trigger)
        except Exception as error:
            warnings.warn(
                f"The optimization for {trigger!r} failed: {error!r}; the next one may run.",
                RuntimeWarning,
                stacklevel=2,
            )
        finally:
            self._ended_s = self._clock()
            # Any optimization does what the scheduled one would do.
            self._scheduled_s = self._ended_s

    def _loop(self) -> None:
        warned = False
        while not self._stopping.wait(self._poll_s):
            try:
                self.check()
            except Exception as error:
                if not warned:
                    warned = True
                    warnings.warn(
                        f"The triggers cannot be read: {error!r}; they are tried again.", RuntimeWarning, stacklevel=1
                    )


def _above(value: float | None, bound: float) -> bool:
    return value is not None and value > bound
