"""Beginning and ending an operation: what is done each time, so that it has to be quick.

In: an operation and the context that it is in. Out: the context knows the operation meanwhile, the recorder after it.

`perflab._operations` does the same in C; it is used where it was built.
"""

from __future__ import annotations

import contextvars
import itertools
from abc import abstractmethod
from collections.abc import Callable
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

if TYPE_CHECKING:
    from perflab.record.operation import Operation
    from perflab.record.tape import Tape

__all__ = ["Home", "PythonScope", "Scope", "number_from", "operation_of", "restore"]

_numbers = itertools.count(1)


class Home(Protocol):
    """What an operation needs of its recorder."""

    current: contextvars.ContextVar[Any]
    begin: Callable[[Operation], None] | None
    """Told of each operation that begins, if somebody wants to know."""

    def finish(self, operation: Operation) -> None:
        """Record an operation that has ended."""


class PythonScope:
    """`perflab._operations.Scope` in Python, where that was not built."""

    # Most operations set none of these: what is only a class attribute costs an operation nothing.
    nbytes: int | None = None
    cache_hit: bool | None = None
    error: str | None = None
    related_keys: tuple[object, ...] = ()
    duration_s = float("nan")
    ended_s: float | None = None
    parent: int | None = None
    stream = ""
    tape: Tape | None = None
    around: Operation | None = None
    _inside: Tape | Operation | None = None
    _token: contextvars.Token[Any] | bool | None = None

    def __init__(self, name: str, key: object, home: Home, /) -> None:
        self.name = name
        self.key = key
        self.number = next(_numbers)
        self._home = home

    def __enter__(self) -> Self:
        if self._token is not None:
            self._refuse()
        home, this = self._home, cast("Operation", self)
        around = operation_of(home.current.get(None))
        if around is not None:
            self.around, self.parent = around, around.number
        self._token = home.current.set(self)
        if home.begin is not None:
            home.begin(this)
        self._start = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.ended_s = ended_s = perf_counter()
        self.duration_s = ended_s - self._start
        self._leave()
        self._token = True
        if error is not None and kind is not GeneratorExit:  # a reader who has seen enough is no failure
            self.error = self._said(error)
        self._home.finish(cast("Operation", self))

    def _leave(self) -> None:
        """Make the operation around this one the current one.

        A generator that is closed inside another operation ends out of order: it leaves the other one where it is, and
        the other one, when it ends, passes over it.
        """
        current = self._home.current
        if operation_of(current.get(None)) is not self:
            return
        around = self.around
        if around is not None and around.ended_s is not None:
            current.set(_open(around))
            return
        restore(self)

    @abstractmethod
    def _refuse(self) -> None:
        """Raise the error of an operation that was entered before."""

    @staticmethod
    @abstractmethod
    def _said(error: BaseException) -> str:
        """Return the text of an error."""


def operation_of(found: Tape | Operation | None) -> Operation | None:
    """Return the operation that a context holds, itself or by its tape."""
    return found if found is None or isinstance(found, Scope) else found.operation


def restore(operation: Operation) -> None:
    """Give the context what it held before the operation."""
    current = operation._home.current
    try:
        current.reset(cast("contextvars.Token[Any]", operation._token))
    except ValueError:  # it began in another context, as an async generator can
        current.set(operation.around)


def _open(operation: Operation | None) -> Operation | None:
    while operation is not None and operation.ended_s is not None:
        operation = operation.around
    return operation


def _python_number_from(start: int, /) -> None:
    """Give operations that are made from now on numbers from `start`, so that they differ from other processes'."""
    global _numbers
    _numbers = itertools.count(start)


if TYPE_CHECKING:
    Scope = PythonScope
    number_from = _python_number_from
else:
    try:
        from perflab._operations import Scope, number_from
    except ImportError:
        Scope, number_from = PythonScope, _python_number_from
