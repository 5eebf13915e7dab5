"""The results of batches in their order, a bounded number of batches in flight.

In: batches and a way to hand one over. Out: results one after the other, or the first error.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from perflab.parallel.batch import Batch, Pace
from perflab.parallel.task import Outcome

__all__ = ["InFlight", "name_item"]

T = TypeVar("T")

HandOver = Callable[[list[T]], Future[Outcome]]


@dataclass(slots=True)
class _Waiting(Generic[T]):
    """A batch whose results are not consumed yet; without items it has no future."""

    first: int
    batch: Batch[T]
    future: Future[Outcome] | None

    def is_done(self) -> bool:
        return self.future is None or self.future.done()


class InFlight(Generic[T]):
    """Batches that were handed over and not yet consumed, oldest first.

    Parameters
    ----------
    bound
        How many there are at the most.
    permits
        Shared by all who hand over: each batch has one from its hand-over until it has run.
    pace
        Told how long batches took.
    here
        Runs a batch in the caller, if that is what cheap ones are for.
    """

    def __init__(
        self, bound: int, permits: threading.Semaphore | None, pace: Pace, here: Callable[[list[T]], Outcome] | None
    ) -> None:
        self._bound = bound
        self._permits = permits
        self._pace = pace
        self._here = here
        self._waiting: deque[_Waiting[T]] = deque()
        self._index = 0

    def results(self, batches: Iterator[Batch[T]], hand_over: HandOver[T]) -> Iterator[Any]:
        """Yield all results; at the first error, or when it is closed, cancel what has not started."""
        try:
            for batch in batches:
                if batch.items:
                    yield from self._until_permitted()
                self._add(batch, hand_over)
                while len(self._waiting) >= self._bound or (self._waiting and self._waiting[0].is_done()):
                    yield from self._take()
            while self._waiting:
                yield from self._take()
        finally:
            self._drop()

    def _until_permitted(self) -> Iterator[Any]:
        # Who waits for a permit while its own results lie ready would keep its caller waiting for nothing.
        permits = self._permits
        if permits is None:
            return
        while not permits.acquire(blocking=not self._waiting):
            yield from self._take()

    def _add(self, batch: Batch[T], hand_over: HandOver[T]) -> None:
        future = None
        if batch.items:
            permits = self._permits
            try:
                if self._here is not None and self._pace.is_cheap():
                    future = _done(self._here(batch.items))
                else:
                    future = hand_over(batch.items)
            except BaseException:
                if permits is not None:
                    permits.release()
                raise
            if permits is not None:
                future.add_done_callback(lambda _: permits.release())
        self._waiting.append(_Waiting(self._index, batch, future))
        self._index += len(batch.items)

    def _take(self) -> Iterator[Any]:
        """Yield the results of the oldest batch; raise its error with the item's number."""
        oldest = self._waiting[0]
        if oldest.future is None:
            self._waiting.popleft()
            yield from oldest.batch.joined(())
            return
        try:
            outcome = oldest.future.result()
        except Exception as error:
            last = oldest.first + len(oldest.batch.items) - 1
            error.add_note(f"items {oldest.first} to {last} of Workers.map were handed to the worker")
            raise
        self._waiting.popleft()
        outcome.deliver()
        self._pace.learn(oldest.batch.weight, outcome.busy_s)
        yield from oldest.batch.joined(outcome.results)
        if outcome.error is not None:
            outcome.error.add_note(name_item(oldest.first + len(outcome.results)))
            raise outcome.error

    def _drop(self) -> None:
        for waiting in self._waiting:
            if waiting.future is not None and not waiting.future.cancel():
                waiting.future.add_done_callback(_deliver)


def name_item(index: int) -> str:
    """Return the note that names an item of a map."""
    return f"item {index} of Workers.map (counted from 0)"


def _done(outcome: Outcome) -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_result(outcome)
    return future


def _deliver(future: Future[Outcome]) -> None:
    """Bring home the rows of a batch whose results nobody waits for any more."""
    if not future.cancelled() and future.exception() is None:
        future.result().deliver()
