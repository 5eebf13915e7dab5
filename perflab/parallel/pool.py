"""Run a function over many items on several cores, in order, with bounded work in flight.

In: a function, an iterable of items, a number of workers. Out: the results in the items' order, or the first error.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import partial
from typing import Any, Self, TypeVar

from perflab.errors import PerflabError
from perflab.parallel.batch import batches
from perflab.parallel.executors import Kind, shut_down, start
from perflab.parallel.peak import peak_of
from perflab.parallel.recording import callers
from perflab.parallel.reply import Reply
from perflab.parallel.task import Outcome, in_worker, run_batch, run_call

__all__ = ["Kind", "Workers"]

T = TypeVar("T")
R = TypeVar("R")


class Workers:
    """An ordered parallel map over processes, threads, or any `concurrent.futures.Executor`.

    Nothing is started before the first use. A pool used from inside one of its workers (or of another pool's) runs
    inline, so nested parallel work never waits for itself. Functions and arguments may be closures and notebook
    functions: they travel by cloudpickle (library: loky).

    After `close` and after `rest` no thread and no process is left. The two resource trackers that a process pool
    starts end too, unless others need them: something that is registered with one still exists, another process holds
    its pipe, or it ran before (see `perflab.parallel.trackers`).

    Parameters
    ----------
    workers
        How many processes or threads; 1 runs everything inline in the caller.
    kind
        `processes` for Python code that holds the interpreter lock, `threads` for hashing and I/O.
    in_flight
        Batches handed out and not yet consumed, at the most; twice the workers if not given.

    Raises
    ------
    ValueError
        If a number is below 1 or the kind is unknown.

    Examples
    --------
    >>> with Workers(2, "threads") as workers:
    ...     list(workers.map(lambda word: word.upper(), ["a", "b"]))
    ['A', 'B']
    """

    def __init__(self, workers: int, kind: Kind = "processes", *, in_flight: int | None = None) -> None:
        if workers < 1:
            raise ValueError(f"workers is {workers}; it must be 1 or more")
        if in_flight is not None and in_flight < 1:
            raise ValueError(f"in_flight is {in_flight}; it must be 1 or more")
        if kind not in ("processes", "threads"):
            raise ValueError(f"kind is {kind!r}; write 'processes' or 'threads'")
        self.workers = workers
        self.kind: Kind = kind
        self.in_flight = in_flight or 2 * workers
        self._lock = threading.Lock()
        self._executor: Executor | None = None
        self._owned = True
        self._closed = False
        self._under_way = 0
        self._peak_bytes: int | None = None

    @classmethod
    def over(cls, executor: Executor, *, workers: int, in_flight: int | None = None) -> Workers:
        """Return workers that use an executor of the caller, such as that of a Dask cluster; it is never shut down.

        Examples
        --------
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with ThreadPoolExecutor(2) as pool, Workers.over(pool, workers=2) as workers:
        ...     list(workers.map(abs, [-1, -2]))
        [1, 2]
        """
        self = cls(workers, in_flight=in_flight)
        self._executor, self._owned = executor, False
        return self

    def map(
        self, fn: Callable[[T], R], items: Iterable[T], *, weight: Callable[[T], float] | None = None
    ) -> Iterator[R]:
        """Yield `fn(item)` for each item, in order.

        Parameters
        ----------
        fn
            What to do with an item. With processes it runs elsewhere: its side effects stay there.
        items
            Read only as fast as results are consumed, so it may be longer than memory.
        weight
            Size of an item, in bytes or any unit of work. With it small items travel together: a batch weighs at
            most a share of what was handed out before it and at most `BATCH_WEIGHT`, so that few items still
            spread over all workers. Without it each item travels alone.

        Raises
        ------
        Exception
            The first error of an item, as it was raised, with a note that names the item. The results before it
            have been yielded; work not yet started is cancelled.
        PerflabError
            If the workers are closed.

        Examples
        --------
        >>> with Workers(1) as workers:
        ...     list(workers.map(len, ["one", "three"], weight=len))
        [3, 5]
        """
        self._refuse_closed()
        if self._inline():
            return _map_inline(fn, items)
        return self._map_batches(fn, batches(items, weight, self.workers))

    def submit(self, fn: Callable[..., R], *args: Any) -> Future[R]:
        """Start one call and return its future; inline, the call has already ended when this returns.

        A call whose worker is killed fails, with `BrokenExecutor`; the next one starts afresh.

        Examples
        --------
        >>> with Workers(1) as workers:
        ...     workers.submit(max, 3, 4).result()
        4
        """
        self._refuse_closed()
        if self._inline():
            return _call_inline(fn, *args)
        _, outcome = self._begin(partial(run_call, fn, args, os.getpid(), callers()))
        future: Future[R] = Reply(outcome)
        future.add_done_callback(lambda _: self._leave())
        return future

    def peak_bytes(self) -> int | None:
        """Return the sum of each worker process's own peak resident memory, in bytes.

        Read from each worker's `VmHWM`; pages that workers share count once for each. None if no processes were
        used or the system does not tell. After `close` it is the value at closing.
        """
        with self._lock:
            return self._peak_bytes if self._executor is None else peak_of(self._executor)

    def rest(self) -> bool:
        """End the worker processes or threads if they have nothing to do; the next use starts new ones.

        Returns whether there was something to end: a pool of ours that was started and is idle.

        Examples
        --------
        >>> with Workers(2, "threads") as workers:
        ...     workers.rest(), workers.submit(abs, -1).result(), workers.rest(), workers.submit(abs, -2).result()
        (False, 1, True, 2)
        """
        with self._lock:
            executor = self._executor
            if executor is None or not self._owned or self._under_way:
                return False
            self._executor = None
        shut_down(executor, cancel=False)
        return True

    def close(self, cancel: bool = False) -> None:
        """End the workers and wait for them; with `cancel`, without finishing what was handed out.

        A running thread cannot be ended: with threads `cancel` drops only calls that have not started.
        """
        with self._lock:
            self._closed = True
            executor, self._executor = self._executor, None
            if executor is None or not self._owned:
                return
            self._peak_bytes = peak_of(executor)
        shut_down(executor, cancel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(cancel=kind is not None)

    def __getstate__(self) -> dict[str, Any]:
        """Travel to a worker inside a closure: the settings go along, the pool does not."""
        return {"workers": self.workers, "kind": self.kind, "in_flight": self.in_flight}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _inline(self) -> bool:
        return self.workers == 1 or in_worker()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise PerflabError("these workers are closed; create new ones")

    def _enter(self) -> Executor:
        """Return the pool, started if need be, and note that it has work until `_leave`."""
        with self._lock:
            self._refuse_closed()
            if self._executor is None:
                self._executor = start(self.kind, self.workers)
            self._under_way += 1
            return self._executor

    def _begin(self, call: Callable[[], Outcome], again: bool = True) -> tuple[Executor, Future[Outcome]]:
        """Hand over the first call of some work, which is under way until `_leave`; return the pool that took it.

        A pool whose worker was killed takes no call any more: then a fresh one of ours does.
        """
        pool = self._enter()
        try:
            return pool, pool.submit(call)
        except BaseException as error:
            self._leave()
            if not (again and isinstance(error, BrokenExecutor)):
                raise
            self._discard(pool)
        return self._begin(call, again=False)

    def _leave(self) -> None:
        with self._lock:
            self._under_way -= 1

    def _discard(self, broken: Executor) -> None:
        """Forget a pool whose worker was killed; the next use starts a fresh one."""
        with self._lock:
            if not self._owned or self._executor is not broken:
                return
            self._executor = None
        shut_down(broken, cancel=True)

    def _map_batches(self, fn: Callable[[T], R], work: Iterator[list[T]]) -> Iterator[R]:
        pool: Executor | None = None
        pending: deque[tuple[int, int, Future[Outcome]]] = deque()
        index = 0
        try:
            for batch in work:
                call = partial(run_batch, fn, batch, os.getpid(), callers())
                if pool is None:
                    pool, outcome = self._begin(call)
                else:
                    outcome = pool.submit(call)
                pending.append((index, len(batch), outcome))
                index += len(batch)
                while len(pending) >= self.in_flight or (pending and pending[0][2].done()):
                    yield from _take(pending)
            while pending:
                yield from _take(pending)
        except BrokenExecutor:
            if pool is not None:
                self._discard(pool)
            raise
        finally:
            for _, _, future in pending:
                if not future.cancel():
                    future.add_done_callback(_deliver)
            if pool is not None:
                self._leave()


def _map_inline(fn: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    for index, item in enumerate(items):
        try:
            result = fn(item)
        except Exception as error:
            error.add_note(_name_item(index))
            raise
        yield result


def _call_inline(fn: Callable[..., R], *args: Any) -> Future[R]:
    future: Future[R] = Future()
    try:
        future.set_result(fn(*args))
    except Exception as error:
        future.set_exception(error)
    return future


def _take(pending: deque[tuple[int, int, Future[Outcome]]]) -> Iterator[Any]:
    """Yield the results of the oldest batch; raise its error with the item's number."""
    first, count, future = pending[0]
    try:
        outcome = future.result()
    except Exception as error:
        error.add_note(f"items {first} to {first + count - 1} of Workers.map were handed to the worker")
        raise
    pending.popleft()
    outcome.deliver()
    yield from outcome.results
    if outcome.error is not None:
        outcome.error.add_note(_name_item(first + len(outcome.results)))
        raise outcome.error


def _deliver(future: Future[Outcome]) -> None:
    """Bring home the rows of a batch whose results nobody waits for any more."""
    if not future.cancelled() and future.exception() is None:
        future.result().deliver()


def _name_item(index: int) -> str:
    return f"item {index} of Workers.map (counted from 0)"
