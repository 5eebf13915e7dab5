"""The operation that the program is in, known to every row that is recorded meanwhile.

In: a name and a key. Out: a context that times itself, knows its parent and becomes one row of `operations`.
"""

from __future__ import annotations

import contextvars
import itertools
from collections.abc import Callable
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from perflab.errors import PerflabError

if TYPE_CHECKING:
    from perflab.record.tape import Tape

__all__ = ["Home", "Operation", "number_from"]

F = TypeVar("F", bound=Callable[..., Any])

_numbers = itertools.count(1)


def number_from(start: int) -> None:
    """Give operations that are made from now on numbers from `start`, so that they differ from other processes'."""
    global _numbers
    _numbers = itertools.count(start)


class Home(Protocol):
    """What an operation needs of its recorder."""

    current: contextvars.ContextVar[Any]
    begin: Callable[[Operation], None] | None
    """Told of each operation that begins, if somebody wants to know."""

    def finish(self, operation: Operation) -> None:
        """Record an operation that has ended."""


class Operation:
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

    # Most operations set none of these: what is only a class attribute costs an operation nothing.
    nbytes: int | None = None
    cache_hit: bool | None = None
    error: str | None = None
    related_keys: tuple[object, ...] = ()
    duration_s = float("nan")
    ended_s: float | None = None
    parent: int | None = None
    stream = ""
    digest_as = "operation"
    tape: Tape | None = None
    around: Operation | None = None
    _inside: Tape | Operation | None = None
    _token: contextvars.Token[Any] | None = None

    def __init__(self, name: str, key: object, home: Home) -> None:
        self.name = name
        self.key = key
        self.number = next(_numbers)
        self._home = home

    @property
    def bytes(self) -> int | None:
        """The same as `nbytes`."""
        return self.nbytes

    @bytes.setter  # noqa: A003 (it is the property's name)
    def bytes(self, nbytes: int | None) -> None:
        self.nbytes = nbytes

    def __enter__(self) -> Operation:
        if self._token is not None:
            raise PerflabError(f"the operation {self.name!r} was entered before; begin each one by operation(...)")
        home = self._home
        found = home.current.get(None)
        if found is not None:
            self._begin_inside(found)
        self._token = home.current.set(self)
        if home.begin is not None:
            home.begin(self)
        self._start = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended_s = ended_s = perf_counter()
        self.duration_s = ended_s - self._start
        self._leave()
        if error is not None and kind is not GeneratorExit:  # a reader who has seen enough is no failure
            self.error = _said(error)
        self._home.finish(self)

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
        self._restore()

    def resume(self) -> None:
        """Go on in the operation, or the one inside it, that was current at the pause; the time went on."""
        if self.ended_s is not None:
            return
        current = self._home.current
        self.around = _operation_of(current.get(None))
        self._token = current.set(self._inside)

    def end_after(self, duration_s: float) -> None:
        """Be an operation that ends now and took so many seconds; what it did was not recorded as its own."""
        found = self._home.current.get(None)
        if found is not None:
            self._begin_inside(found)
        self.duration_s, self.ended_s = duration_s, perf_counter()

    def _begin_inside(self, found: Tape | Operation) -> None:
        around = _operation_of(found)
        if around is not None:
            self.around, self.parent = around, around.number

    def _leave(self) -> None:
        """Make the operation around this one the current one.

        A generator that is closed inside another operation ends out of order: it leaves the other one where it is, and
        the other one, when it ends, passes over it.
        """
        current = self._home.current
        if _operation_of(current.get(None)) is not self:
            return
        around = self.around
        if around is not None and around.ended_s is not None:
            current.set(_open(around))
            return
        self._restore()

    def _restore(self) -> None:
        current = self._home.current
        try:
            current.reset(cast("contextvars.Token[Any]", self._token))
        except ValueError:  # it began in another context, as an async generator can
            current.set(self.around)


def _operation_of(found: Tape | Operation | None) -> Operation | None:
    return found if found is None or isinstance(found, Operation) else found.operation


def _open(operation: Operation | None) -> Operation | None:
    while operation is not None and operation.ended_s is not None:
        operation = operation.around
    return operation


def _said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # its own __str__ may do anything, and must not hide it
        return type(error).__name__
