"""Resident memory, read often enough to tell a change from its noise.

In: a function that reads it. Out: the middle of some reads, and how far they lie apart.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from perflab.host import baseline_rss

__all__ = ["LEAST_EFFECT_BYTES", "METRIC", "UNREADABLE", "Resident", "Residents", "change_in_words"]

LEAST_EFFECT_BYTES = 1 << 20
"""Freeing no more than this is no effect: CPython takes memory in arenas of 1 MiB, so that one arena which another
thread fills or empties meanwhile changes resident memory by as much."""

METRIC = {"metric": "memory.rss", "unit": "bytes"}
UNREADABLE = "resident memory cannot be read here."
_READS = 5
_APART_S = 0.001


@dataclass(frozen=True, slots=True)
class Resident:
    """Resident memory: the middle of some reads, and how far they lie apart; bytes."""

    nbytes: float
    spread: float

    def freed_since(self, before: Resident) -> tuple[float, float]:
        """Return the bytes freed since, negative if it grew, and those up to which that is no effect."""
        return before.nbytes - self.nbytes, max(before.spread, self.spread, LEAST_EFFECT_BYTES)


class Residents:
    """Reads of resident memory, five at a time.

    Parameters
    ----------
    rss
        Returns resident bytes, or None where they cannot be read.
    sleep
        Waits some seconds; between reads.

    Examples
    --------
    >>> reads = iter([5, 9, 5, 6, 5])
    >>> Residents(lambda: next(reads)).read()
    Resident(nbytes=5.0, spread=4.0)
    """

    def __init__(
        self, rss: Callable[[], int | None] = baseline_rss, *, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._rss = rss
        self._sleep = sleep

    def read(self) -> Resident | None:
        """Return resident memory now; None where it cannot be read."""
        reads: list[int] = []
        for number in range(_READS):
            if number:
                self._sleep(_APART_S)
            if (read := self._rss()) is None:
                return None
            reads.append(read)
        return Resident(float(statistics.median(reads)), float(max(reads) - min(reads)))


def change_in_words(freed: float) -> str:
    """Return how much less or more there is.

    Examples
    --------
    >>> change_in_words(5), change_in_words(-5)
    ('5 bytes less', '5 bytes more')
    """
    return f"{freed:.0f} bytes less" if freed >= 0 else f"{-freed:.0f} bytes more"
