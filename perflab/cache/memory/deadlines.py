"""When entries are due.

In: slots with the time at which each expires. Out: the slots that are due.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Hashable

__all__ = ["Deadlines"]


class Deadlines:
    """A heap of expiry times with lazy deletion; slots that never expire cost nothing.

    Examples
    --------
    >>> deadlines = Deadlines()
    >>> deadlines.put("a", 5.0); deadlines.put("b", 3.0); deadlines.put("b", 9.0)
    >>> deadlines.due(6.0)
    ['a']
    """

    def __init__(self) -> None:
        self._when: dict[Hashable, float] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._number = 0

    def put(self, slot: Hashable, when: float) -> None:
        """Set, move or (with an infinite time) forget the expiry of a slot."""
        if when == math.inf:
            self.discard(slot)
            return
        self._when[slot] = when
        self._push(slot, when)
        if len(self._heap) > 64 and len(self._heap) > 2 * len(self._when):
            self._rebuild()

    def discard(self, slot: Hashable) -> None:
        """Forget a slot; its item in the heap is skipped when it comes up."""
        self._when.pop(slot, None)

    def due(self, now: float) -> list[Hashable]:
        """Remove and return the slots whose time has come."""
        slots: list[Hashable] = []
        while self._heap and self._heap[0][0] <= now:
            when, _, slot = heapq.heappop(self._heap)
            if self._when.get(slot) == when:
                del self._when[slot]
                slots.append(slot)
        return slots

    def __len__(self) -> int:
        return len(self._when)

    def _push(self, slot: Hashable, when: float) -> None:
        # The number breaks ties: slots of different types cannot be compared.
        self._number += 1
        heapq.heappush(self._heap, (when, self._number, slot))

    def _rebuild(self) -> None:
        self._heap.clear()
        for slot, when in self._when.items():
            self._push(slot, when)
