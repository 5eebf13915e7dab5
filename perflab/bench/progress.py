"""How far a benchmark is, and how long it will take.

In: the moments at which samples ended. Out: the seconds that remain, handed to a callback after each sample.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

__all__ = ["Forecast", "OnProgress", "Paced"]

OnProgress = Callable[[int, int, str, float | None], None]
"""Called with samples done, samples in all, the arm just measured or why fewer come, and the seconds that
remain, None if unknown."""

Key = tuple[int, str]


class Forecast:
    """Sums up what remains from the median time of each arm's samples so far, set-up and start included.

    Examples
    --------
    >>> now = 0.0
    >>> forecast = Forecast(lambda: now)
    >>> now = 2.0
    >>> forecast.took((0, "time"))
    >>> forecast.remaining_s([(0, "time"), (0, "time")]), forecast.remaining_s([(1, "time")])
    (4.0, None)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._seconds: dict[Key, list[float]] = defaultdict(list)

    def __len__(self) -> int:
        """Return how many samples have ended."""
        return sum(map(len, self._seconds.values()))

    def took(self, key: Key) -> None:
        """Note that a sample of this arm and purpose has just ended."""
        now = self._clock()
        self._seconds[key].append(now - self._last)
        self._last = now

    def remaining_s(self, left: Iterable[Key]) -> float | None:
        """Return the seconds that these samples will take."""
        total = 0.0
        for key in left:
            if key not in self._seconds:
                return None
            total += statistics.median(self._seconds[key])
        return total


class Paced:
    """Does something now and then: at most once in so many seconds, however often it is asked.

    Examples
    --------
    >>> now = 0.0
    >>> paced = Paced(lambda: print(now), 1.0, lambda: now)
    >>> for now in (0.5, 1.0, 1.5, 2.5):
    ...     paced()
    1.0
    2.5
    """

    def __init__(
        self, action: Callable[[], object], every_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._action, self._every_s, self._clock = action, every_s, clock
        self._last = clock()

    def __call__(self) -> None:
        """Do it, unless it was done a moment ago."""
        now = self._clock()
        if now - self._last >= self._every_s:
            self._last = now
            self._action()
