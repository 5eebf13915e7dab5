"""What runs inside a worker.

In: a function and a batch of items. Out: the results up to the first error, that error in a form that travels, and the
rows that were recorded meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from perflab.errors import PerflabError
from perflab.parallel.recording import carried, on_behalf_of

__all__ = ["Outcome", "in_worker", "run_batch", "run_call"]

T = TypeVar("T")
R = TypeVar("R")

_inside: ContextVar[bool] = ContextVar("perflab_inside_worker", default=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one batch: the results up to the first error, that error, and rows for the caller's recorders."""

    results: list[Any]
    error: Exception | None
    # The last field: rows are taken when it is pickled, and results that cannot be pickled must not take them along.
    rows: Any

    def deliver(self) -> None:
        """Give the rows to the recorders in this process that they belong to."""
        if self.rows is not None:
            self.rows.deliver()


def in_worker() -> bool:
    """Return whether the caller runs inside a worker; it must then not wait for other workers."""
    return _inside.get()


def run_batch(fn: Callable[[T], R], batch: list[T], home_pid: int, callers: tuple[Any, ...] = ()) -> Outcome:
    """Run in the worker; an item's error is a value here, so that the results before it are not lost.

    `callers` is what `recording.callers` said where the batch was handed out.
    """
    token = _inside.set(True)
    results: list[R] = []
    failed: Exception | None = None
    try:
        with on_behalf_of(callers):
            for item in batch:
                results.append(fn(item))  # noqa: PERF401 - the results before an error are wanted
    except Exception as error:
        failed = error if os.getpid() == home_pid else _portable(error)
    finally:
        _inside.reset(token)
    return Outcome(results, failed, carried())


def run_call(fn: Callable[..., R], args: tuple[Any, ...], home_pid: int, callers: tuple[Any, ...] = ()) -> Outcome:
    """Run one call in the worker: a batch of one."""
    return run_batch(lambda given: fn(*given), [args], home_pid, callers)


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
