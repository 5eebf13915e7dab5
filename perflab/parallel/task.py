"""What runs inside a worker.

In: a function and a batch of items. Out: the results up to the first error, and that error in a form that travels.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from perflab.errors import PerflabError

__all__ = ["Outcome", "in_worker", "run_batch", "run_call"]

T = TypeVar("T")
R = TypeVar("R")

_inside: ContextVar[bool] = ContextVar("perflab_inside_worker", default=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one batch: the results up to the first error, and that error."""

    results: list[Any]
    error: Exception | None


def in_worker() -> bool:
    """Return whether the caller runs inside a worker; it must then not wait for other workers."""
    return _inside.get()


def run_batch(fn: Callable[[T], R], batch: list[T], home_pid: int) -> Outcome:
    """Run in the worker; an item's error is a value here, so that the results before it are not lost."""
    token = _inside.set(True)
    results: list[R] = []
    try:
        for item in batch:
            results.append(fn(item))  # noqa: PERF401 - the results before an error are wanted
    except Exception as error:
        return Outcome(results, error if os.getpid() == home_pid else _portable(error))
    finally:
        _inside.reset(token)
    return Outcome(results, None)


def run_call(fn: Callable[..., R], *args: Any) -> R:
    """Run one call in the worker."""
    token = _inside.set(True)
    try:
        return fn(*args)
    finally:
        _inside.reset(token)


def _portable(error: Exception) -> Exception:
    """Return an error that survives the way home, its traceback kept as a note.

    An exception whose constructor does not accept its own `args` cannot be unpickled, and would break the pool.
    """
    import pickle
    import traceback

    import cloudpickle  # type: ignore[import-untyped]  # ships no type information

    text = "".join(traceback.format_exception(error)).rstrip()
    try:
        pickle.loads(cloudpickle.dumps(error))  # noqa: S301 - our own bytes, made on this line
    except Exception:
        error = PerflabError(f"{type(error).__name__}: {error}")
    error.add_note(f"in worker process {os.getpid()}:\n{text}")
    return error
