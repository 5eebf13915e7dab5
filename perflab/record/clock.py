"""From the program's monotonic clock to the time of day.

In: seconds of a monotonic timer. Out: nanoseconds since 1970 (UTC).
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Clock"]

_STEP_NS = 50_000_000
"""Timer and wall clock may drift apart this far before the time of day is taken anew: 50 ms."""


class Clock:
    """A monotonic timer with the time of day at its zero.

    Rows carry seconds of the timer, which never goes back; their time of day is computed when they become columns. A
    wall clock that was set, or a host that slept, is noticed at the next `anchor`.

    Parameters
    ----------
    timer
        Monotonic clock, seconds.
    wall_ns
        Time of day, nanoseconds since 1970 (UTC).

    Examples
    --------
    >>> clock = Clock(timer=lambda: 5.0, wall_ns=lambda: 1_000_000_000_000)
    >>> clock.ns(6.5) - clock.ns(5.0)
    1500000000
    """

    def __init__(
        self, timer: Callable[[], float] = time.perf_counter, wall_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.timer = timer
        self._wall_ns = wall_ns
        self.zero_ns = self._zero()

    def ns(self, seconds: float) -> int:
        """Return the time of day of a moment of the timer."""
        return self.zero_ns + int(seconds * 1e9)

    def anchor(self) -> None:
        """Take the time of day anew if the two clocks have drifted apart."""
        zero_ns = self._zero()
        if abs(zero_ns - self.zero_ns) > _STEP_NS:
            self.zero_ns = zero_ns

    def _zero(self) -> int:
        return self._wall_ns() - int(self.timer() * 1e9)
