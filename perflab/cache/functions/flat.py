"""Arguments that can be told apart by equality and type.

In: arguments of a call. Out: the same as one row of values and marks, of which equal ones of equal types have the same
bytes; and back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from perflab.cache.functions.instances import Token

__all__ = ["MOST", "flat", "is_quick", "nested"]

MOST = 100
"""Values and marks of a call that is worth keeping at hand."""
_LONGEST = 1_000
_WIDEST = 1 << 63


class _Mark:
    """Equals nothing but itself."""


_OPEN: Final = _Mark()
_CLOSE: Final = _Mark()
_ZERO: Final = _Mark()
_NEGATIVE_ZERO: Final = _Mark()


def flat(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
    """Return a call's arguments with tuples opened, so that each item's type can be looked at, and zeros by sign.

    Examples
    --------
    >>> one, other = flat((1, (2.5, True)), {"x": "a"}), flat((1, (2.5, 1)), {"x": "a"})
    >>> [type(value) for value in one] == [type(value) for value in other]
    False
    >>> nested(one)
    ((1, (2.5, True)), {'x': 'a'})
    """
    return list(_flat((args, tuple(kwargs.items()))))


def nested(values: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments that `flat` has opened."""
    args, items = _nested(iter(values))
    return args, dict(items)


def is_quick(value: object) -> bool:
    """Tell if whatever equals this value and has its type has the same bytes, and if it is small enough to be kept.

    `0.0` equals `-0.0`, NaN nothing, and a tuple that holds `1` one that holds `True`.
    """
    kind = type(value)
    if kind is str or kind is bytes:
        return len(value) <= _LONGEST  # type: ignore[arg-type]  # mypy does not follow `kind`
    if kind is int:
        return -_WIDEST <= value < _WIDEST  # type: ignore[operator]  # mypy does not follow `kind`
    if kind is float:
        return value == value and value != 0
    return value is None or kind is bool or kind is Token or kind is _Mark


def _flat(values: tuple[Any, ...]) -> Iterator[Any]:
    for value in values:
        kind = type(value)
        if kind is tuple:
            yield _OPEN
            yield from _flat(value)
            yield _CLOSE
        elif kind is float and value == 0:
            yield _ZERO if math.copysign(1, value) > 0 else _NEGATIVE_ZERO
        else:
            yield value


def _nested(values: Iterator[Any]) -> tuple[Any, ...]:
    found: list[Any] = []
    for value in values:
        if value is _CLOSE:
            break
        found.append(_nested(values) if value is _OPEN else _ZEROS.get(id(value), value))
    return tuple(found)


_ZEROS = {id(_ZERO): 0.0, id(_NEGATIVE_ZERO): -0.0}
