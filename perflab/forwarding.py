"""Methods of a whole that are those of one of its parts.

In: the name of the part, and its method. Out: the method of the whole, with the same docstring and types.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

__all__ = ["forwarded"]

P = ParamSpec("P")
R = TypeVar("R")


def forwarded(part: str, method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """Return a method that calls one of the attribute `part`.

    Examples
    --------
    >>> class Pair:
    ...     count = forwarded("items", list.count)
    ...     items = [1, 2, 1]
    >>> Pair().count(1)
    2
    """

    @functools.wraps(method)
    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return method(getattr(self, part), *args, **kwargs)

    return call
