"""Whether there is time to do something nobody waits for.

In: CPU seconds of the process, of the thread that asks, and of the host. Out: yes or no.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Idleness"]


class Idleness:
    """The process is idle if what it used since the last question, without the asking thread, is below a ratio.

    Parameters
    ----------
    below_ratio
        CPU time per wall time, of one core.
    process, thread, timer
        CPU seconds of the process and of the calling thread; monotonic seconds.

    Examples
    --------
    >>> used = iter([1.0, 1.25, 2.0])
    >>> idle = Idleness(0.5, process=lambda: next(used), thread=lambda: 0.0, timer=iter([0.0, 1.0, 2.0]).__next__)
    >>> idle(), idle()
    (True, False)
    """

    def __init__(
        self,
        below_ratio: float,
        *,
        process: Callable[[], float] = time.process_time,
        thread: Callable[[], float] = time.thread_time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._below_ratio, self._process, self._thread, self._timer = below_ratio, process, thread, timer
        self._before = self._now()

    def __call__(self) -> bool:
        """Return whether the process was idle since the last call, or since this was made."""
        (cpu_s, wall_s), (cpu_before_s, wall_before_s) = self._now(), self._before
        self._before = (cpu_s, wall_s)
        passed_s = wall_s - wall_before_s
        return passed_s > 0 and (cpu_s - cpu_before_s) / passed_s < self._below_ratio

    def _now(self) -> tuple[float, float]:
        return self._process() - self._thread(), self._timer()
