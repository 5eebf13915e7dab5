"""Decide when the system optimizes itself.

In: what is known of memory, CPU, cache and response times at the moment. Out: at most one optimization at a time, with
its trigger.
"""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from perflab import forked
from perflab.config import OptimizationSchedule, Thresholds
from perflab.errors import BusyError
from perflab.optimize.drift import Slowdown
from perflab.optimize.single import CLOSE_S

__all__ = ["LEAST_ACCESSES", "MOST_COOLDOWNS", "AutoOptimizer", "Signals"]

LEAST_ACCESSES = 200
"""A miss ratio over fewer accesses says little, and an empty cache begins with misses alone."""

MOST_COOLDOWNS = 16
"""The longest that a trigger rests whose optimizations kept nothing, in cool-downs."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the triggers look at; None was not measured.

    Accesses and misses are totals. They grow, and shrink only when what is counted forgets its oldest part. `slowdown`
    is an operation that got slower since the last look.
    """

    growth_bytes: int | None = None
    cpu_ratio: float | None = None
    accesses: int = 0
    misses: int = 0
    slowdown: Slowdown | None = None


@dataclass(slots=True)
class _Rest:
    """How many cool-downs a trigger rests, and until when."""

    cooldowns: int = 1
    until_s: float = -math.inf


class AutoOptimizer:
    """Evaluates the triggers in the background and calls `optimize` with the name of the first that holds.

    However many operations are recorded, one optimization runs at a time, and the next waits for a cool-down. A trigger
    whose optimization kept nothing rests twice as long as before, `MOST_COOLDOWNS` cool-downs at the most, until one
    keeps something. The miss ratio is of the accesses since it was last judged, and is judged once there are enough of
    them; when totals shrink, counting begins anew.

    Parameters
    ----------
    optimize
        Called with the trigger's name. If it raises, one warning says so and the cool-down runs as usual; if another
        optimization is under way, the trigger waits for it. What it returns may have `kept`, the number of settings
        that it kept.
    signals
        Returns the present `Signals`.
    schedule, thresholds
        Which triggers are on, the interval of `scheduled`, the cool-down, and the bounds of the others. `startup` holds
        once, at the first look.
    poll_s
        Time between evaluations.
    clock
        Monotonic seconds.

    Examples
    --------
    >>> ran = []
    >>> signals = Signals(growth_bytes=90_000_000)
    >>> auto = AutoOptimizer(ran.append, lambda: signals, OptimizationSchedule(cooldown_s=0.001), Thresholds())
    >>> with auto.paused():
    ...     auto.check()
    >>> auto.check(), ran
    ('memory_pressure', ['memory_pressure'])
    """

    def __init__(
        self,
        optimize: Callable[[str], object],
        signals: Callable[[], Signals],
        schedule: OptimizationSchedule,
        thresholds: Thresholds,
        *,
        poll_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._optimize, self._signals = optimize, signals
        self._poll_s, self._clock = poll_s, clock
        self._ended_s: float | None = None
        self._scheduled_s = clock()
        self._started = self._paused = False
        self._slowdown: Slowdown | None = None
        self._judged = (0, 0)
        self._thread: threading.Thread | None = None
        self.use(schedule, thresholds)
        self.after_fork()
        forked.watch(self)

    def use(self, schedule: OptimizationSchedule, thresholds: Thresholds) -> None:
        """Go by other settings from the next evaluation on; what rests, rests no more."""
        self._schedule, self._thresholds = schedule, thresholds
        self._rests: dict[str, _Rest] = {}

    def check(self) -> str | None:
        """Evaluate the triggers now; run `optimize` if one holds and return its name, else None."""
        if self._paused or not self._running.acquire(blocking=False):
            return None
        try:
            if self._ended_s is not None and self._clock() - self._ended_s < self._schedule.cooldown_s:
                return None
            trigger = self._due()
            return trigger if trigger is not None and self._run(trigger) else None
        finally:
            self._running.release()

    def pause(self) -> None:
        """Start no optimization until `resume`; one that is running goes on, and relief of memory does too."""
        self._paused = True

    def resume(self) -> None:
        """Evaluate the triggers again."""
        self._paused = False

    @property
    def is_paused(self) -> bool:
        """Whether no trigger starts an optimization at the moment."""
        return self._paused

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Pause while the block runs, such as around work that is timed; then it is as it was before."""
        before, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = before

    def start(self) -> None:
        """Evaluate in the background until `close`; nothing if the schedule is switched off or it has begun."""
        with self._state:
            if not self._schedule.enabled or self._thread is not None:
                return
            self._stopping = stopping = threading.Event()
            self._thread = threading.Thread(
                target=self._loop, args=(stopping,), name="perflab-auto-optimizer", daemon=True
            )
            self._thread.start()

    def close(self, wait_s: float = CLOSE_S) -> None:
        """End the background thread; wait so many seconds for an optimization that is running."""
        with self._state:
            thread, self._thread = self._thread, None
        self._stopping.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(wait_s)

    def after_fork(self) -> None:
        """Be still in a forked child, whose locks and thread are not those of the parent."""
        self._running, self._state = threading.Lock(), threading.Lock()
        self._stopping = threading.Event()
        self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _due(self) -> str | None:
        now = self._signals()
        self._slowdown = now.slowdown or self._slowdown
        bounds = self._thresholds
        holds = {
            "startup": not self._started,
            "memory_pressure": _above(now.growth_bytes, bounds.memory_pressure_bytes),
            "cpu_pressure": _above(now.cpu_ratio, bounds.cpu_pressure_ratio),
            "performance_degradation": self._slowdown is not None,
            "cache_miss": self._misses_too_much(now),
            "scheduled": self._clock() - self._scheduled_s >= self._schedule.interval_s,
        }
        self._started = True
        on = self._schedule.triggers
        return next((name for name in holds if holds[name] and name in on and not self._rests_now(name)), None)

    def _misses_too_much(self, now: Signals) -> bool:
        accesses, misses = now.accesses - self._judged[0], now.misses - self._judged[1]
        if min(accesses, misses, accesses - misses) < 0:
            self._judged = (now.accesses, now.misses)
            return False
        if accesses < LEAST_ACCESSES:
            return False
        self._judged = (now.accesses, now.misses)
        return misses / accesses > self._thresholds.cache_miss_ratio

    def _run(self, trigger: str) -> bool:
        """Optimize; False if another optimization is under way."""
        kept: object = None
        try:
            kept = getattr(self._optimize(trigger), "kept", None)
        except BusyError:
            self._started = self._started and trigger != "startup"
            return False
        except Exception as error:
            warnings.warn(
                f"The optimization for {trigger!r} failed: {error!r}; the next one may run.",
                RuntimeWarning,
                stacklevel=2,
            )
        self._ended(trigger, helped=kept != 0)
        return True

    def _ended(self, trigger: str, *, helped: bool) -> None:
        self._ended_s = self._clock()
        # Any optimization does what the scheduled one would do.
        self._scheduled_s = self._ended_s
        if trigger == "performance_degradation":
            self._slowdown = None
        rest = self._rests.setdefault(trigger, _Rest())
        rest.cooldowns = 1 if helped else min(2 * rest.cooldowns, MOST_COOLDOWNS)
        rest.until_s = self._ended_s + rest.cooldowns * self._schedule.cooldown_s

    def _rests_now(self, trigger: str) -> bool:
        rest = self._rests.get(trigger)
        resting = rest is not None and self._clock() < rest.until_s
        return resting and trigger != "scheduled"  # which has an interval of its own

    def _loop(self, stopping: threading.Event) -> None:
        warned = False
        while not stopping.wait(self._poll_s):
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
