"""What runs inside a worker.

In: a function and a batch of items. Out: the results up to the first error, that error in a form that travels, and the
rows that were recorded meanwhile.
"""

from __future__ import annotations

import importlib
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from perflab.errors import PerflabError
from perflab.parallel.recording import callers, carried, on_behalf_of

__all__ = [
    "Origin",
    "Outcome",
    "import_all",
    "in_worker",
    "inside_worker",
    "portable",
    "run_batch",
    "run_call",
    "with_traceback",
]

T = TypeVar("T")
R = TypeVar("R")
E = TypeVar("E", bound=BaseException)

_inside: ContextVar[bool] = ContextVar("perflab_inside_worker", default=False)
_interpreter = os.urandom(8).hex()
_tickets = itertools.count()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a hand-over came from.

    Attributes
    ----------
    home
        The process; its number alone would not do, since a worker on another machine may have the same one.
    ticket
        A number of the hand-over. A cluster takes calls that are equal for one call, and would bring its rows twice.
    callers
        The operations that the caller was in.
    """

    home: str
    ticket: int
    callers: tuple[Any, ...] = ()

    @classmethod
    def here(cls) -> Self:
        """Return the origin of a hand-over that is made now."""
        return cls(_process(), next(_tickets), callers())

    @property
    def is_here(self) -> bool:
        """Tell whether this process is the one that it names."""
        return self.home == _process()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one batch: the results up to the first error, that error, and rows for the caller's recorders.

    `busy_s` is how long it took, in seconds.
    """

    results: list[Any]
    error: Exception | None
    busy_s: float
    # The last field: rows are taken when it is pickled, and results that cannot be pickled must not take them along.
    rows: Any

    def deliver(self) -> None:
        """Give the rows to the recorders in this process that they belong to."""
        if self.rows is not None:
            self.rows.deliver()


def in_worker() -> bool:
    """Return whether the caller runs inside a worker; it must then not wait for other workers."""
    return _inside.get()


@contextmanager
def inside_worker() -> Iterator[None]:
    """Be a worker: parallel work that is asked for inside runs inline."""
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)


def run_batch(fn: Callable[[T], R], batch: list[T], origin: Origin) -> Outcome:
    """Run in the worker; an item's error is a value here, so that the results before it are not lost."""
    results: list[R] = []
    failed: Exception | None = None
    began = time.perf_counter()
    try:
        with inside_worker(), on_behalf_of(origin.callers):
            for item in batch:
                results.append(fn(item))  # noqa: PERF401 - the results before an error are wanted
    except Exception as error:
        failed = error if origin.is_here else with_traceback(error)
    return Outcome(results, failed, time.perf_counter() - began, carried())


def run_call(fn: Callable[..., R], args: tuple[Any, ...], origin: Origin) -> Outcome:
    """Run one call in the worker: a batch of one."""
    return run_batch(lambda given: fn(*given), [args], origin)


def import_all(modules: Iterable[str]) -> None:
    """Import modules, so that the calls that need them do not wait for that."""
    for module in modules:
        importlib.import_module(module)


def _process() -> str:
    return f"{_interpreter}-{os.getpid()}"


def portable(error: E) -> E | PerflabError:
    """Return an error that survives the way home, or one that says the same.

    An exception whose constructor does not accept its own `args` cannot be unpickled, and would break the pool.
    """
    import pickle

    import cloudpickle  # type: ignore[import-untyped]  # ships no type information

    try:
        pickle.loads(cloudpickle.dumps(error))  # noqa: S301 - our own bytes, made on this line
    except Exception:
        return PerflabError(f"{type(error).__name__}: {error}")
    return error


def with_traceback(error: E) -> E | PerflabError:
    """Return a portable error whose traceback, which does not travel, is kept as a note."""
    import traceback

    text = "".join(traceback.format_exception(error)).rstrip()
    carried = portable(error)
    carried.add_note(f"in worker process {os.getpid()}:\n{text}")
    return carried
