"""One optimization at a time.

In: who wants to change settings. Out: a turn, of which there is one; a request to the one who has it to come to an end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from perflab import forked
from perflab.errors import BusyError, PerflabError

__all__ = ["CLOSE_S", "OneAtATime"]

CLOSE_S = 2.0
"""How long a close waits for an optimization to come to an end, and an optimization for urgent work, which is short."""


class OneAtATime:
    """The right to change settings, of one thread at a time.

    Examples
    --------
    >>> single = OneAtATime()
    >>> with single.turn():
    ...     with single.turn():
    ...         pass
    Traceback (most recent call last):
    perflab.errors.BusyError: An optimization is running already; wait for its event optimization_complete.
    """

    def __init__(self) -> None:
        self._closed = self._is_urgent = False
        self.after_fork()
        forked.watch(self)

    @property
    def stopping(self) -> bool:
        """Whether the one who has the turn is asked to come to an end, with every setting as it was or as it should be.

        Long optimizations look at it between their steps.
        """
        return self._stopping.is_set()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have the turn for as long as the block runs.

        Raises
        ------
        BusyError
            If somebody else has it, or urgent work does not end in time.
        PerflabError
            If the system is closed.
        """
        if not self._lock.acquire(timeout=CLOSE_S if self._is_urgent else 0.0):
            raise BusyError("An optimization is running already; wait for its event optimization_complete.")
        with self._held():
            if self._closed:
                raise PerflabError("This system is closed; make a new one.")
            yield

    @contextmanager
    def urgent(self, wait_s: float = CLOSE_S) -> Iterator[bool]:
        """Have the turn, for which another optimization is asked to end; yields False if it did not in time."""
        if not self._asked_for(wait_s):
            yield False
            return
        with self._held():
            self._is_urgent = True
            try:
                yield not self._closed
            finally:
                self._is_urgent = False

    def close(self, wait_s: float = CLOSE_S) -> bool:
        """Give nobody a turn any more; ask for the present one to end and tell if it did in time."""
        self._closed = True
        if not self._asked_for(wait_s):
            return False
        self._lock.release()
        return True

    def after_fork(self) -> None:
        """Begin with nobody's turn in a forked child: who had it is a thread of the parent."""
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    @contextmanager
    def _held(self) -> Iterator[None]:
        self._stopping.clear()
        try:
            yield
        finally:
            self._lock.release()

    def _asked_for(self, wait_s: float) -> bool:
        self._stopping.set()
        return self._lock.acquire(timeout=wait_s)
