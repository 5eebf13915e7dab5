"""How items are put together into batches for one hand-over to a worker.

In: items, the weight of each, how long batches took so far. Out: batches, in order, which know where values that need
no worker stand among their results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

__all__ = ["BATCH_WEIGHT", "Batch", "Pace", "Ready", "batches"]

T = TypeVar("T")
R = TypeVar("R")

BATCH_WEIGHT = 300_000
"""The greatest weight of a batch of several items: 300 kB of source cost far more than one hand-over to a process."""

_BATCH_S = 0.1
"""What a batch of several items may take: a hundred hand-overs to a process, and little to wait for at the end."""

_LEAST_S = 0.02
"""A hand-over waits for the caller to let another thread run, some five milliseconds if it computes."""

_READY = 256

_CHEAP_S = 5e-9
"""To hand a byte to a process and take it there costs about twice as much (measured: 10 ms a megabyte)."""

_KNOWN_WEIGHT = 2_000_000
_FADING = 0.95


@dataclass(frozen=True, slots=True)
class Ready(Generic[R]):
    """An item whose result is known already: it takes its place in the order without a worker.

    Attributes
    ----------
    value
        The result.
    """

    value: R


@dataclass(slots=True)
class Batch(Generic[T]):
    """Items for a worker, and the ready values among them, each with the number of items before it."""

    items: list[T] = field(default_factory=list)
    weight: float = 0.0
    ready: list[tuple[int, Any]] = field(default_factory=list)

    def joined(self, results: Sequence[Any]) -> Iterator[Any]:
        """Yield results and ready values in the items' order, up to the first item that has no result.

        Examples
        --------
        >>> list(Batch(["a", "b"], 2.0, [(1, "ready")]).joined([1, 2]))
        [1, 'ready', 2]
        """
        at = 0
        for before, value in self.ready:
            yield from results[at:before]
            at = before
            if before > len(results):
                return
            yield value
        yield from results[at:]


@dataclass(slots=True)
class Pace:
    """What the next batch may weigh, from what was handed out and how long that took.

    A batch weighs a small share of all before it, so that few items still spread over all workers, and no more than
    what takes a tenth of a second, so that slow items do; yet what takes a fiftieth of a second, once that is known, so
    that workers do not wait for more than they do. What was learned long ago counts for less.
    """

    workers: int
    handed_out: float = 0.0
    done: float = 0.0
    busy_s: float = 0.0

    def limit(self) -> float:
        """Return the greatest weight of a batch of several items."""
        share = self.handed_out / (4 * self.workers)
        if self.busy_s <= 0:
            return min(BATCH_WEIGHT, share)
        pace = self.done / self.busy_s
        return min(BATCH_WEIGHT, max(share, _LEAST_S * pace), _BATCH_S * pace)

    def learn(self, weight: float, busy_s: float) -> None:
        """Take note of how long a worker was busy with a batch, in seconds."""
        self.done = _FADING * self.done + weight
        self.busy_s = _FADING * self.busy_s + busy_s

    def is_cheap(self) -> bool:
        """Tell whether to compute an item costs less than to hand it to another process, if weights are bytes."""
        return self.done >= _KNOWN_WEIGHT and self.busy_s < _CHEAP_S * self.done


def batches(
    items: Iterable[T | Ready[Any]], weight: Callable[[T], float] | None, pace: Pace | int
) -> Iterator[Batch[T]]:
    """Yield the items in batches, light ones together; `pace` may be a number of workers.

    Examples
    --------
    >>> [len(batch.items) for batch in batches(range(40), lambda _: 1, 2)]
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 3]
    """
    pace = Pace(pace) if isinstance(pace, int) else pace
    batch: Batch[T] = Batch()
    for item in items:
        if isinstance(item, Ready):
            batch.ready.append((len(batch.items), item.value))
            full = weight is None or len(batch.ready) >= _READY
        else:
            heavy = 0.0 if weight is None else weight(item)
            if batch.items and (weight is None or batch.weight + heavy > pace.limit()):
                yield batch
                pace.handed_out += batch.weight
                batch = Batch()
            batch.items.append(item)
            batch.weight += heavy
            full = weight is None
        if full:
            yield batch
            pace.handed_out += batch.weight
            batch = Batch()
    if batch.items or batch.ready:
        yield batch
