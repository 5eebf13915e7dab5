"""The operation that the program is in, known to every row that is recorded meanwhile.

In: a name and a key. Out: a context that times itself, knows its parent and becomes one row of `operations`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any, TypeVar

from perflab.errors import PerflabError
from perflab.record.scope import Home, Scope, number_from, operation_of, restore
from perflab.redact import redacted

__all__ = ["Home", "Operation", "number_from"]

F = TypeVar("F", bound=Callable[..., Any])


class Operation(Scope):
    """A timed interval of the user's program; assign `nbytes`, `cache_hit` or `related_keys` inside it.

    Use it in one `with` statement, or as a decorator of a function, an async function or a generator function.

    Attributes
    ----------
    duration_s : float
        Wall time; NaN until the operation has ended.
    ended_s : float or None
        When it ended, seconds of the recorder's timer.
    nbytes : int or None
        Bytes that the operation says it handled.
    parent : int or None
        Number of the operation around it.
    around : Operation or None
        The operation around it, or around the reader who lets a generator go on.

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> with recorder.operation("parse", key="a.py") as op:
    ...     op.nbytes = 12
    >>> @recorder.operation("double", key=lambda number: number)
    ... def double(number):
    ...     return 2 * number
    >>> double(4)
    8
    >>> recorder.frames.operations[["name", "key", "nbytes"]].astype(object).values.tolist()
    [['parse', 'a.py', 12], ['double', '4', <NA>]]
    """

    __slots__ = ()
    digest_as = "operation"

    @property
    def bytes(self) -> int | None:
        """The same as `nbytes`."""
        return self.nbytes

    @bytes.setter  # noqa: A003 (it is the property's name)
    def bytes(self, nbytes: int | None) -> None:
        self.nbytes = nbytes

    def __call__(self, fn: F) -> F:
        """Return a function each call of which is an operation of this name; a callable key is given the arguments."""
        from perflab.record.decorate import recorded

        return recorded(fn, lambda key: Operation(self.name, key, self._home), self.key)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to a worker inside a closure, as what makes an operation there; one that has begun stays at home."""
        if self._token is not None:
            raise PerflabError(f"The operation {self.name!r} has begun in this process; begin one in the worker's own.")
        return Operation, (self.name, self.key, self._home)

    def pause(self) -> None:
        """Give the reader back the operation that was current before, as a generator does at each `yield`."""
        if self.ended_s is not None:
            return
        self._inside = self._home.current.get(None)
        restore(self)

    def resume(self) -> None:
        """Go on in the operation, or the one inside it, that was current at the pause; the time went on."""
        if self.ended_s is not None:
            return
        current = self._home.current
        self.around = operation_of(current.get(None))
        self._token = current.set(self._inside)

    def end_after(self, duration_s: float) -> None:
        """Be an operation that ends now and took so many seconds; what it did was not recorded as its own.

        What can be no duration is NaN.
        """
        around = operation_of(self._home.current.get(None))
        if around is not None:
            self.around, self.parent = around, around.number
        self.duration_s, self.ended_s = _duration(duration_s), perf_counter()

    def fail(self, error: BaseException | str | None) -> None:
        """Have failed with this error, an exception or a text; None for an operation that did not fail."""
        self.error = self._said(error) if isinstance(error, BaseException) else error

    def _refuse(self) -> None:
        raise PerflabError(f"the operation {self.name!r} was entered before; begin each one by operation(...)")

    @staticmethod
    def _said(error: BaseException) -> str:
        try:
            return redacted(f"{type(error).__name__}: {error}")
        except Exception:  # its own __str__ may do anything, and must not hide it
            return type(error).__name__


def _duration(seconds: object) -> float:
    try:
        found = float(seconds)  # type: ignore[arg-type]  # the except clause is the check
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return found if 0 <= found < math.inf else math.nan
