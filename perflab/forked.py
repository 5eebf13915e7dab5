"""What is done in a forked child, for objects whose locks and threads are the parent's.

In: objects with locks. Out: a call of each one's `after_fork` in the child, before the program goes on there.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["Forkable", "watch"]


class Forkable(Protocol):
    """Has locks, which in a child belong to threads that only the parent has."""

    def after_fork(self) -> None:
        """Make them anew, and let go of what the other threads may have left half changed."""


def watch(target: Forkable) -> None:
    """Call `target.after_fork()` in each child that is forked while the target is alive.

    Examples
    --------
    >>> class Counter:
    ...     def after_fork(self) -> None:
    ...         self.count = 0
    >>> counter = Counter()
    >>> watch(counter)
    """
    number = id(target)
    # Mappings have no hash, so no WeakSet takes them.
    _watched[number] = weakref.ref(target, lambda _: _watched.pop(number, None))


def _after_fork() -> None:
    for reference in list(_watched.values()):
        target = reference()
        if target is not None:
            target.after_fork()


_watched: dict[int, weakref.ref[Forkable]] = {}
os.register_at_fork(after_in_child=_after_fork)
