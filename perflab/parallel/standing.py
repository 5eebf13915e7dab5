"""The pool that takes work now, and how it begins, rests, is replaced and ends.

In: a kind and a number of workers; calls. Out: their futures, from whichever pool took them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Self

from perflab.errors import PerflabError
from perflab.parallel.executors import Kind, shut_down, start
from perflab.parallel.peak import peak_of
from perflab.parallel.retired import Retired
from perflab.parallel.task import Outcome

__all__ = ["Engaged", "Standing"]


class Standing:
    """A pool of ours, started with its first call and again after it rested or broke; or an executor of the caller.

    Attributes
    ----------
    workers
        How many it has, or is to have.
    owned
        Whether the pool is ours to end.

    Examples
    --------
    >>> from functools import partial
    >>> from perflab.parallel.task import Origin, run_call
    >>> standing = Standing("threads", 1)
    >>> _, outcome = standing.begin(partial(run_call, abs, (-1,), Origin.here()))
    >>> outcome.result().results, standing.rest()
    ([1], False)
    >>> standing.leave()
    >>> standing.rest()
    True
    """

    def __init__(self, kind: Kind, workers: int, scheduler: str | None = None) -> None:
        self.workers = workers
        self.owned = True
        self._kind: Kind = kind
        self._scheduler = scheduler
        self._lock = threading.Lock()
        self._executor: Executor | None = None
        self._closed = False
        self._under_way = 0
        self._retired = Retired()
        self._handed: set[Future[Outcome]] = set()
        self._peak_bytes: int | None = None

    def lend(self, executor: Executor) -> None:
        """Use an executor of the caller from now on; it is never ended here."""
        self._executor, self.owned = executor, False

    @property
    def is_alone(self) -> bool:
        """Whether there is one worker of ours, whose work its caller does as well."""
        return self.workers == 1 and self.owned and self._scheduler is None

    def refuse_closed(self) -> None:
        """Raise a `PerflabError` after `close`."""
        if self._closed:
            raise PerflabError("these workers are closed; create new ones")

    def begin(self, call: Callable[[], Outcome], again: bool = True) -> tuple[Executor, Future[Outcome]]:
        """Hand over the first call of some work, which is under way until `leave`; return the pool that took it.

        A pool whose worker was killed takes no call any more: then a fresh one of ours does.
        """
        pool = self._enter()
        try:
            return pool, self._hand(pool, call)
        except BaseException as error:
            self.leave()
            if not (again and isinstance(error, BrokenExecutor)):
                raise
            self.discard(pool)
        return self.begin(call, again=False)

    def go_on(self, pool: Executor, call: Callable[[], Outcome]) -> tuple[Executor, Future[Outcome]]:
        """Hand over a further call of work that is under way; return the pool that took it, if its own has retired."""
        with self._lock:
            if pool in self._retired:
                self.refuse_closed()
                pool = self._started()
        try:
            return pool, self._hand(pool, call)
        except RuntimeError:
            if pool not in self._retired:  # else it retired just now
                raise
        return self.go_on(pool, call)

    def leave(self) -> None:
        """Note that some work has ended."""
        with self._lock:
            self._under_way -= 1

    def discard(self, broken: Executor) -> None:
        """Forget a pool whose worker was killed; the next use starts a fresh one."""
        with self._lock:
            if not self.owned or self._executor is not broken:
                return
            self._executor = None
        shut_down(broken, cancel=True)

    def rest(self) -> bool:
        """End a pool of ours that has nothing to do; return whether there was one."""
        with self._lock:
            executor = self._executor
            if executor is None or not self.owned or self._under_way:
                return False
            self._executor = None
        shut_down(executor, cancel=False)
        return True

    def resize(self, workers: int) -> None:
        """Have another number of workers; a pool of ours finishes what it was handed, another one takes the rest."""
        with self._lock:
            replaced = self._executor if self.owned and self._scheduler is None and workers != self.workers else None
            if replaced is not None:
                self._executor = None
                self._retired.add(replaced, list(self._handed))
            self.workers = workers

    def close(self, cancel: bool) -> None:
        """End all pools of ours and wait for them; with `cancel`, without finishing what they were handed."""
        with self._lock:
            self._closed = True
            executor, self._executor = self._executor, None
            if executor is not None and self.owned:
                self._peak_bytes = peak_of(executor)
        self._retired.end(cancel)
        if executor is not None and self.owned:
            shut_down(executor, cancel)

    def peak_bytes(self) -> int | None:
        """Return the sum of each worker process's own peak resident memory, in bytes; see `Workers.peak_bytes`."""
        with self._lock:
            return self._peak_bytes if self._executor is None else peak_of(self._executor)

    def _enter(self) -> Executor:
        """Return the pool, started if need be, and note that it has work until `leave`."""
        with self._lock:
            self.refuse_closed()
            pool = self._started()
            self._under_way += 1
            return pool

    def _started(self) -> Executor:
        if self._executor is None:
            self._executor = start(self._kind, self.workers, self._scheduler)
        return self._executor

    def _hand(self, pool: Executor, call: Callable[[], Outcome]) -> Future[Outcome]:
        outcome = pool.submit(call)
        self._handed.add(outcome)
        outcome.add_done_callback(self._handed.discard)
        return outcome


class Engaged:
    """The pool of one map: started with its first batch, and forgotten if a worker of it is killed."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._executor: Executor | None = None

    def submit(self, call: Callable[[], Outcome]) -> Future[Outcome]:
        """Hand over a call."""
        if self._executor is None:
            self._executor, outcome = self._standing.begin(call)
        else:
            self._executor, outcome = self._standing.go_on(self._executor, call)
        return outcome

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._executor is None:
            return
        if kind is not None and issubclass(kind, BrokenExecutor):
            self._standing.discard(self._executor)
        self._standing.leave()
