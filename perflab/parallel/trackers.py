"""End the resource trackers that our process pools started, as soon as nothing needs them.

In: a function that makes a loky pool; later that pool, shut down. Out: no tracker process that only our pools needed.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar
from weakref import WeakSet

from perflab.parallel.watch import Watch, watch_here

__all__ = ["Trackers", "trackers"]

E = TypeVar("E", bound=Executor)

_MODULES = ("loky.backend.resource_tracker", "multiprocessing.resource_tracker")
_POLL_S = 0.002
_POLLS = 2500


class Trackers:
    """The resource trackers of this process that our pools started.

    A resource tracker is a small process that unlinks the semaphores and shared memory that a program left behind. A
    loky pool starts two, loky's and multiprocessing's, and nothing ends them before the interpreter. `end` ends one if

    - it did not run when the first of our pools was started,
    - the last of our pools has ended,
    - all that this process, its forks and our workers registered with it is unregistered,
    - no other process holds its pipe.

    Otherwise it stays as it is, and the next `end` looks again. A tracker that is wanted later starts anew. What is not
    seen is a registration by a process that others spawned, once that process has ended without telling this one.
    """

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self.forget()

    def forget(self) -> None:
        """Begin anew: a fork must neither end its parent's trackers nor wait for a lock of the parent's threads."""
        self._lock = threading.Lock()
        # Weak, so that a pool that was dropped without a shutdown does not keep the trackers for ever.
        self._pools: WeakSet[Executor] = WeakSet()
        self._watches: dict[str, Watch] = {}
        self._ending: list[Watch] = []

    def start(self, make: Callable[..., E]) -> E:
        """Return the pool that `make` makes; it takes `initializer` and `initargs`, as loky's executor does."""
        with self._lock:
            for module in _MODULES:
                if module not in self._watches and (watch := Watch.unless_running(module)) is not None:
                    self._watches[module] = watch
            watches = tuple(self._watches.values())
            pool = make(initializer=watch_here, initargs=watches) if watches else make()
            self._pools.add(pool)
            return pool

    def end(self, pool: Executor) -> None:
        """End the trackers that nothing needs, now that this pool has been shut down."""
        with self._lock:
            self._pools.discard(pool)
            if self._pools:
                return
            # loky leaves a worker that it killed, and with it a semaphore, in multiprocessing's list of children;
            # asking for that list drops those that have ended.
            multiprocessing.active_children()
            ended = [module for module, watch in self._watches.items() if watch.end()]
            self._ending += [self._watches.pop(module) for module in ended]
            self._await_ends()

    def _await_ends(self) -> None:
        # A process that was forked at the very moment of the end may hold the pipe. Its tracker is not waited for any
        # longer than this; the next end reaps it.
        for _ in range(_POLLS):
            self._ending = [watch for watch in self._ending if not watch.reap()]
            if not self._ending:
                return
            self._sleep(_POLL_S)


trackers = Trackers()
"""Those of this process."""

os.register_at_fork(after_in_child=trackers.forget)
