"""Looking again and again, in the background, as long as there is something to see.

In: a look that says whether it was the last. Out: calls of it, until it says so or the panel is closed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from perflab.widgets.background import begin

__all__ = ["Following"]


class Following:
    """Calls `look` every so many seconds in a thread of its own until it returns False.

    Parameters
    ----------
    look
        Returns False if it was the last. It is guarded: one that failed returned None, and the looking goes on.
    every_s
        Returns the seconds between two looks.
    wait
        Waits so long unless the event is set, and returns whether it is.

    Examples
    --------
    >>> left = [3]
    >>> def look():
    ...     left[0] -= 1
    ...     return left[0] > 0
    >>> following = Following(look, lambda: 0.001)
    >>> following.start(); following.join(5)
    >>> left
    [0]
    """

    def __init__(
        self,
        look: Callable[[], bool | None],
        every_s: Callable[[], float],
        *,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._look, self._every_s, self._wait = look, every_s, wait
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._again = False

    @property
    def is_on(self) -> bool:
        """Whether it is looking."""
        return self._thread is not None and self._thread.is_alive() and not self._stopping.is_set()

    def start(self) -> None:
        """Begin; if it has begun, a look that is under way is not the last."""
        with self._lock:
            if self.is_on:
                self._again = True
                return
            # Each thread has an event of its own: one that is still ending must not be revived.
            self._stopping = stopping = threading.Event()
            self._thread = begin(partial(self._work, stopping), "perflab-panel", stopping.set)

    def stop(self) -> None:
        """End it; a look that is under way is not waited for, since it may wait for the thread that stops it."""
        self._stopping.set()

    def join(self, timeout_s: float) -> None:
        """Wait until it has ended."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _work(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._again = False
            if self._look() is False and self._ends(stopping):
                return
            if self._wait(stopping, self._every_s()):
                return

    def _ends(self, stopping: threading.Event) -> bool:
        with self._lock:
            if not self._again:
                stopping.set()
            return not self._again
