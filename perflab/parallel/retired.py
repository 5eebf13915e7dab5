"""Pools that take no more work, while what they have is finished.

In: a pool whose place another one takes, and what it was handed. Out: in the end no thread and no process of it.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from concurrent.futures import Executor, Future
from typing import Any
from weakref import WeakKeyDictionary

from perflab.parallel.executors import shut_down

__all__ = ["Retired"]


class Retired:
    """Pools of ours that were replaced; a thread for each waits for its last work and ends it.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> retired, pool = Retired(), ThreadPoolExecutor(1)
    >>> future = pool.submit(abs, -1)
    >>> retired.add(pool, [future])
    >>> pool in retired, future.result()
    (True, 1)
    >>> retired.end(cancel=False)
    """

    def __init__(self) -> None:
        # Weak: who still uses a pool must find it here, and nobody asks for others.
        self._pools: WeakKeyDictionary[Executor, _Ending] = WeakKeyDictionary()

    def __contains__(self, pool: Executor) -> bool:
        return pool in self._pools

    def add(self, pool: Executor, handed: Collection[Future[Any]]) -> None:
        """End a pool in the background, as soon as what it was handed is done; the call does not wait for that."""
        self._pools[pool] = _Ending(pool, handed)

    def end(self, cancel: bool) -> None:
        """Wait until all have ended; with `cancel`, without finishing their work."""
        for ending in list(self._pools.values()):
            ending.wait(cancel)


class _Ending:
    """The end of one pool, in a thread of its own: two that shut a pool down would be in each other's way."""

    def __init__(self, pool: Executor, handed: Collection[Future[Any]]) -> None:
        self._cancel = False
        self._news = threading.Semaphore(0)
        for future in handed:
            future.add_done_callback(lambda _: self._news.release())
        self._thread = threading.Thread(target=self._end, args=(pool, len(handed)), name="perflab-retire", daemon=True)
        self._thread.start()

    def wait(self, cancel: bool) -> None:
        if cancel:
            self._cancel = True
            self._news.release()
        self._thread.join()

    def _end(self, pool: Executor, left: int) -> None:
        while left and not self._cancel:
            self._news.acquire()
            left -= 1
        shut_down(pool, self._cancel)
