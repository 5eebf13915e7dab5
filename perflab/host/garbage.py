"""How often the garbage collector ran, and how long the program stood still for it.

In: the interpreter's callbacks. Out: totals that only grow.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Collections", "Collector"]


@dataclass(frozen=True, slots=True)
class Collections:
    """Collections of garbage so far, of all generations, and the seconds that they took."""

    count: int = 0
    pause_s: float = 0.0


class Collector:
    """Counts collections between `start` and `stop`.

    Parameters
    ----------
    clock
        Seconds; read at the beginning and the end of each collection.

    Attributes
    ----------
    seen : Collections
        The totals. Collections run one at a time, in whichever thread the interpreter chooses.

    Examples
    --------
    >>> collector = Collector()
    >>> collector.start()
    >>> _ = gc.collect()
    >>> collector.stop()
    >>> collector.seen.count >= 1, collector.seen.pause_s > 0
    (True, True)
    """

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began_s: float | None = None
        self.seen = Collections()

    def start(self) -> None:
        """Be told of collections; a second call does nothing."""
        if self._told not in gc.callbacks:
            gc.callbacks.append(self._told)

    def stop(self) -> None:
        """Be told no more; the totals stay."""
        if self._told in gc.callbacks:
            gc.callbacks.remove(self._told)

    def _told(self, phase: str, _: Mapping[str, Any]) -> None:
        if phase == "start":
            self._began_s = self._clock()
        elif self._began_s is not None:
            paused_s = self._clock() - self._began_s
            self._began_s = None
            self.seen = Collections(self.seen.count + 1, self.seen.pause_s + paused_s)
