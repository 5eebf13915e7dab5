"""Run a function over many items on several cores, in order, with bounded work in flight.

In: a function, an iterable of items, a number of workers. Out: the results in the items' order, or the first error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, Self, TypeVar

from perflab.parallel.batch import Pace, Ready, batches
from perflab.parallel.executors import Kind
from perflab.parallel.inline import call_inline, map_inline
from perflab.parallel.ordered import InFlight
from perflab.parallel.reply import Reply
from perflab.parallel.standing import Engaged, Standing
from perflab.parallel.task import Origin, import_all, in_worker, run_batch, run_call

__all__ = ["Kind", "Workers"]

T = TypeVar("T")
R = TypeVar("R")


class Workers:
    """An ordered parallel map over processes, threads, or any `concurrent.futures.Executor`.

    Nothing is started before the first use, or `start`. A pool used from inside one of its workers (or of another
    pool's) runs inline, so nested parallel work never waits for itself. Functions and arguments may be closures and
    notebook functions: they travel by cloudpickle. Shared memory that a worker makes is not unlinked when it ends.

    After `close` and after `rest` no thread and no process is left.

    Parameters
    ----------
    workers
        How many processes or threads; 1 runs everything inline in the caller.
    kind
        `processes` for Python code that holds the interpreter lock, `threads` for hashing and I/O.
    in_flight
        Batches that a map has handed out and not yet consumed, at the most; twice the workers if not given.
    permits
        A semaphore that others may share: whatever is handed out, or computed inline outside of any worker, has one of
        its permits until it has run.
    scheduler
        Address of a Dask scheduler, whose cluster does the work then instead; `workers` still bounds the batches.

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

    def __init__(
        self,
        workers: int,
        kind: Kind = "processes",
        *,
        in_flight: int | None = None,
        permits: threading.Semaphore | None = None,
        scheduler: str | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers is {workers}; it must be 1 or more")
        if in_flight is not None and in_flight < 1:
            raise ValueError(f"in_flight is {in_flight}; it must be 1 or more")
        if kind not in ("processes", "threads"):
            raise ValueError(f"kind is {kind!r}; write 'processes' or 'threads'")
        self.kind: Kind = kind
        self.in_flight = in_flight or 2 * workers
        self._permits = permits
        self._pool = Standing(kind, workers, scheduler)

    @property
    def workers(self) -> int:
        """How many processes or threads."""
        return self._pool.workers

    @classmethod
    def over(
        cls,
        executor: Executor,
        *,
        workers: int,
        in_flight: int | None = None,
        permits: threading.Semaphore | None = None,
    ) -> Workers:
        """Return workers that use an executor of the caller, such as that of a Dask cluster; it is never shut down.

        Examples
        --------
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with ThreadPoolExecutor(2) as pool, Workers.over(pool, workers=2) as workers:
        ...     list(workers.map(abs, [-1, -2]))
        [1, 2]
        """
        self = cls(workers, in_flight=in_flight, permits=permits)
        self._pool.lend(executor)
        return self

    def map(
        self, fn: Callable[[T], R], items: Iterable[T | Ready[R]], *, weight: Callable[[T], float] | None = None
    ) -> Iterator[R]:
        """Yield `fn(item)` for each item, in order.

        Parameters
        ----------
        fn
            What to do with an item. With processes it runs elsewhere: its side effects stay there.
        items
            Read only as fast as results are consumed, so it may be longer than memory. One that is `Ready` needs no
            worker: its value takes its place in the order.
        weight
            Size of an item in bytes. With it small items travel together: a batch weighs at most a share of what was
            handed out before it and at most `BATCH_WEIGHT`, so that few items still spread over all workers, and
            takes about a tenth of a second at the most. Once it shows that to hand an item to a process costs more
            than to compute it, the caller does that itself. Without it each item travels alone.

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
        self._pool.refuse_closed()
        if self._inline():
            # Inside a worker the permit is that of the batch.
            return map_inline(fn, items, None if in_worker() else self._permits)
        return self._map_batches(fn, items, weight)

    def submit(self, fn: Callable[..., R], *args: Any) -> Future[R]:
        """Start one call and return its future; inline, the call has already ended when this returns.

        A call whose worker is killed fails, with `BrokenExecutor`; the next one starts afresh.

        Examples
        --------
        >>> with Workers(1) as workers:
        ...     workers.submit(max, 3, 4).result()
        4
        """
        self._pool.refuse_closed()
        if self._inline():
            return call_inline(fn, *args)
        _, outcome = self._pool.begin(partial(run_call, fn, args, Origin.here()))
        future: Future[R] = Reply(outcome)
        future.add_done_callback(lambda _: self._pool.leave())
        return future

    def start(self, *modules: str) -> None:
        """Start all workers now, while the caller does something else, and let them import modules of these names.

        It returns at once, and does nothing where calls run inline. A module that cannot be imported is no error here.

        Examples
        --------
        >>> with Workers(2) as workers:
        ...     workers.start("json")
        ...     list(workers.map(abs, [-1, -2]))
        [1, 2]
        """
        self._pool.refuse_closed()
        if not self._inline():
            for _ in range(self.workers):
                self.submit(import_all, modules)

    def peak_bytes(self) -> int | None:
        """Return the sum of each worker process's own peak resident memory, in bytes.

        Read from each worker's `VmHWM`; pages that workers share count once for each. None if no processes were
        used or the system does not tell. After `close` it is the value at closing.
        """
        return self._pool.peak_bytes()

    def rest(self) -> bool:
        """End the worker processes or threads if they have nothing to do; the next use starts new ones.

        Returns whether there was something to end: a pool of ours that was started and is idle.

        Examples
        --------
        >>> with Workers(2, "threads") as workers:
        ...     workers.rest(), workers.submit(abs, -1).result(), workers.rest(), workers.submit(abs, -2).result()
        (False, 1, True, 2)
        """
        return self._pool.rest()

    def resize(self, workers: int, in_flight: int | None = None) -> None:
        """Have another number of workers from now on; no work is lost or done twice.

        What was handed out is finished by the workers that have it, which then end. What is handed out next, by a map
        that is under way too, goes to a pool of the new size. An executor of the caller, or of a cluster, stays as it
        is: there the number bounds what a new map gives it at once.

        Parameters
        ----------
        workers
            How many; with 1, new work runs inline in its caller.
        in_flight
            As for the workers themselves; twice the workers if not given.

        Raises
        ------
        ValueError
            If the number is below 1.

        Examples
        --------
        >>> with Workers(1) as workers:
        ...     workers.resize(2)
        ...     workers.workers, workers.in_flight
        (2, 4)
        """
        if workers < 1:
            raise ValueError(f"workers is {workers}; it must be 1 or more")
        self._pool.resize(workers)
        self.in_flight = in_flight or 2 * workers

    def close(self, cancel: bool = False) -> None:
        """End the workers and wait for them; with `cancel`, without finishing what was handed out.

        A running thread cannot be ended: with threads `cancel` drops only calls that have not started.
        """
        self._pool.close(cancel)

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
        return self._pool.is_alone or in_worker()

    def _map_batches(
        self, fn: Callable[[T], R], items: Iterable[T | Ready[R]], weight: Callable[[T], float] | None
    ) -> Iterator[R]:
        pace, pool = Pace(self.workers), Engaged(self._pool)
        in_same_process = self.kind == "threads" or not self._pool.owned
        here = None if in_same_process else lambda batch: run_batch(fn, batch, Origin.here())
        in_flight: InFlight[T] = InFlight(self.in_flight, self._permits, pace, here)
        with pool:
            yield from in_flight.results(
                batches(items, weight, pace), lambda batch: pool.submit(partial(run_batch, fn, batch, Origin.here()))
            )
