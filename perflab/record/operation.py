"""The operation that the program is in, known to every row that is recorded meanwhile.

In: a name and a key. Out: a context that times itself, knows its parent and becomes one row of `operations`.
"""

from __future__ import annotations

import contextvars
import itertools
import time
from collections.abc import Callable
from types import TracebackType

__all__ = ["Operation", "current_operation"]

_current: contextvars.ContextVar[Operation | None] = contextvars.ContextVar("perflab_operation", default=None)
_numbers = itertools.count(1)


def current_operation() -> Operation | None:
    """Return the innermost operation of this thread or task, or None."""
    return _current.get()


class Operation:
    """A timed interval of the user's program; assign `nbytes`, `cache_hit` or `related_keys` inside it.

    Attributes
    ----------
    duration_s : float
        Wall time; NaN until the operation has ended.
    nbytes : int or None
        Bytes that the operation says it handled.
    """

    __slots__ = (
        "_finish",
        "_start",
        "_token",
        "cache_hit",
        "duration_s",
        "error",
        "key",
        "name",
        "nbytes",
        "number",
        "parent",
        "related_keys",
    )

    def __init__(self, name: str, key: object, finish: Callable[[Operation], None]) -> None:
        self.name = name
        self.key = key
        self.nbytes: int | None = None
        self.cache_hit: bool | None = None
        self.related_keys: tuple[object, ...] = ()
        self.error: str | None = None
        self.duration_s = float("nan")
        self.number = next(_numbers)
        self.parent: int | None = None
        self._finish = finish

    def __enter__(self) -> Operation:
        enclosing = _current.get()
        self.parent = None if enclosing is None else enclosing.number
        self._token = _current.set(self)
        self._start = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.duration_s = time.perf_counter() - self._start
        _current.reset(self._token)
        if error is not None:
            self.error = f"{type(error).__name__}: {error}"
        self._finish(self)
