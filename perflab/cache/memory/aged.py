"""Entries that know how old they are.

In: keys and values of the TTL tier. Out: `AgedEntry`, with its times and its reads.
"""

from __future__ import annotations

import math
from typing import Any

from perflab.cache.entry import NO_FACTS, Entry

__all__ = ["AgedEntry"]


class AgedEntry(Entry):
    """An entry of the TTL tier.

    Attributes
    ----------
    stored, last
        When it came into the tier, and when it was last read there, NaN for never; seconds of the tier's timer.
    reads
        How often it was read there, as far as the policy was told.
    """

    __slots__ = ("_whole", "last", "reads", "stored")

    def __init__(self, *of_entry: Any, **named: Any) -> None:
        super().__init__(*of_entry, **named)
        self.begin(math.nan)

    def begin(self, now: float) -> None:
        """Start to count: the entry comes into the tier."""
        self.stored, self.last = now, math.nan
        self.reads = 0
        self._whole = math.inf

    def date(self, expires: float, now: float) -> None:
        """Set when the tier drops the entry, and how long that is from now."""
        self._whole = expires - now
        self.expires = expires

    def renew(self, now: float) -> None:
        """Give the entry the whole of its time to live again, from now."""
        self.expires = now + self._whole
        if self.facts is not NO_FACTS and self.deadline != math.inf:
            self.deadline = self.expires

    def left(self, now: float) -> float:
        """Return which share of its time to live the entry has left; 1 if it has no end."""
        whole = self._whole
        return 1.0 if whole == math.inf else (self.expires - now) / whole

    def row(self, now: float) -> tuple[Any, ...]:
        """Return key, bytes, seconds left, type name, value, age, reads, seconds since the last read."""
        value = self.value
        left, age, idle = self.expires - now, now - self.stored, now - self.last
        return self.key, self.nbytes, left, type(value).__name__, value, age, self.reads, idle
