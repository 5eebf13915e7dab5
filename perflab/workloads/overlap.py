"""Calls that overlap: while one waits for workers, another computes here.

In: a function and items. Out: its results, in order.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["overlapping"]

T = TypeVar("T")
R = TypeVar("R")


def overlapping(function: Callable[[T], R], items: Iterable[T], operations: int) -> Iterator[R]:
    """Yield the function's results in order; up to `operations` calls overlap, in the caller's recorded operation.

    Examples
    --------
    >>> list(overlapping(abs, [-1, -2, -3], 2))
    [1, 2, 3]
    """
    with ThreadPoolExecutor(operations, thread_name_prefix="perflab-overlap") as pool:
        futures = [pool.submit(contextvars.copy_context().run, function, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
