"""The same work in the caller, where no worker is to be used.

In: a function and its items. Out: results in order, or a future that is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from perflab.parallel.batch import Ready
from perflab.parallel.ordered import name_item
from perflab.parallel.task import inside_worker

__all__ = ["call_inline", "map_inline"]

T = TypeVar("T")
R = TypeVar("R")


def map_inline(fn: Callable[[T], R], items: Iterable[T | Ready[R]], permits: threading.Semaphore | None) -> Iterator[R]:
    """Yield `fn(item)` for each item, with a permit for each call if there are any.

    Examples
    --------
    >>> list(map_inline(abs, [-1, Ready(7)], None))
    [1, 7]
    """
    index = 0
    for item in items:
        if isinstance(item, Ready):
            yield item.value
            continue
        try:
            result = _permitted(permits, fn, item)
        except Exception as error:
            error.add_note(name_item(index))
            raise
        yield result
        index += 1


def call_inline(fn: Callable[..., R], *args: Any) -> Future[R]:
    """Return the future of a call that has ended.

    Examples
    --------
    >>> call_inline(max, 3, 4).result()
    4
    """
    future: Future[R] = Future()
    try:
        future.set_result(fn(*args))
    except Exception as error:
        future.set_exception(error)
    return future


def _permitted(permits: threading.Semaphore | None, fn: Callable[[T], R], item: T) -> R:
    if permits is None:
        return fn(item)
    with permits, inside_worker():
        return fn(item)
