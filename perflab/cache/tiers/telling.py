"""Telling one listener what left the memory of a tiered cache.

In: the notices of two tiers, and moves between them. Out: one notice for each value that left both, or was refused.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from perflab.cache.entry import Entry
from perflab.cache.memory.notices import Listener, Notices, Reason
from perflab.cache.memory.tier import MemoryCache

__all__ = ["Telling"]


class Telling:
    """The lock of the memory tiers, whose outermost release delivers what was noticed within.

    Parameters
    ----------
    listener
        `listener(key, value, reason)`; None for none.
    tiers
        Their notices come here, in place of their own listeners.

    Attributes
    ----------
    lock : RLock
        The lock within.
    """

    def __init__(self, listener: Listener | None, tiers: Iterable[MemoryCache], lock: threading.RLock) -> None:
        self.lock = lock
        # What is noticed within is not delivered before it is settled, whoever delivers what came before.
        self._notices, self._ready = Notices(listener), Notices(listener)
        self._depth = 0
        for tier in tiers:
            tier.notify(self._notices)

    @property
    def heard(self) -> bool:
        """Whether there is a listener."""
        return self._notices.heard

    def put(self, entry: Entry, reason: Reason) -> None:
        """Notice that an entry left."""
        self._notices.put(entry, reason)

    def anew(self, lock: threading.RLock) -> Telling:
        """Go on with another lock in a forked child; what is not delivered is the parent's to deliver."""
        self.lock, self._depth = lock, 0
        self._notices.waiting.clear()
        self._ready.waiting.clear()
        return self

    def mark(self) -> int:
        """Return a mark: notices of refusals that come after it can be taken back."""
        return len(self._notices.waiting)

    def settle(self, mark: int, taken: bool) -> None:
        """Let one refusal since the mark stand if no tier took the value, and none if one did.

        What a refusal made leave was replaced, if another tier has the value.
        """
        waiting = self._notices.waiting
        since = [waiting.pop() for _ in range(len(waiting) - mark)][::-1]
        kept = not taken
        for entry, reason in since:
            if reason == "rejected":
                if kept:
                    waiting.append((entry, reason))
                kept = False
            else:
                waiting.append((entry, "replaced" if taken and reason == "invalidated" else reason))

    def __enter__(self) -> None:
        self.lock.acquire()
        self._depth += 1

    def __exit__(self, *exception: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            noticed, ready = self._notices.waiting, self._ready.waiting
            while noticed:
                ready.append(noticed.popleft())
        outermost = self._depth == 0
        self.lock.release()
        if outermost and self._ready.waiting:
            self._ready.deliver()
