"""How items are put together into batches for one hand-over to a worker.

In: items, the weight of each, a number of workers. Out: lists of items, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["BATCH_WEIGHT", "batches"]

T = TypeVar("T")

BATCH_WEIGHT = 300_000
"""The greatest weight of a batch of several items: 300 kB of source cost far more than one hand-over to a process."""


def batches(items: Iterable[T], weight: Callable[[T], float] | None, workers: int) -> Iterator[list[T]]:
    """Yield the items in lists: light ones together, each list a small share of what went before.

    Examples
    --------
    >>> [len(batch) for batch in batches(range(40), lambda _: 1, workers=2)]
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 3]
    """
    if weight is None:
        yield from ([item] for item in items)
        return
    batch: list[T] = []
    held = handed_out = 0.0
    for item in items:
        heavy = weight(item)
        limit = min(BATCH_WEIGHT, handed_out / (4 * workers))
        if batch and held + heavy > limit:
            yield batch
            handed_out += held
            batch, held = [], 0.0
        batch.append(item)
        held += heavy
    if batch:
        yield batch
