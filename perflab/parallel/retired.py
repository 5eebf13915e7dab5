"""Pools that take no more work, while what they have is finished.

In: a pool whose place another one takes. Out: in the end no thread and no process of it.
"""

from __future__ import annotations

import threading
from concurrent.futures import Executor
from weakref import WeakKeyDictionary

from perflab.parallel.executors import shut_down

__all__ = ["Retired"]


class Retired:
    """Pools of ours that were replaced, each with the thread that waits for its last work and ends it.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> retired, pool = Retired(), ThreadPoolExecutor(1)
    >>> future = pool.submit(abs, -1)
    >>> retired.add(pool)
    >>> pool in retired, future.result()
    (True, 1)
    >>> retired.end(cancel=False)
    """

    def __init__(self) -> None:
        # Weak: who still uses a pool must find it here, and nobody asks for others.
        self._threads: WeakKeyDictionary[Executor, threading.Thread] = WeakKeyDictionary()

    def __contains__(self, pool: Executor) -> bool:
        return pool in self._threads

    def add(self, pool: Executor) -> None:
        """End a pool in the background, as soon as what it has is done; the call does not wait for that."""
        thread = threading.Thread(target=shut_down, args=(pool, False), name="perflab-retire", daemon=True)
        self._threads[pool] = thread
        thread.start()

    def end(self, cancel: bool) -> None:
        """Wait until all have ended; with `cancel`, without finishing their work."""
        for pool, thread in list(self._threads.items()):
            if cancel and thread.is_alive():
                shut_down(pool, cancel)
            thread.join()
