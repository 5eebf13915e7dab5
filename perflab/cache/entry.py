"""What a memory tier holds for one key, and the bounds that every tier checks.

In: keys, values, limits as users give them. Out: `Entry`, and checked limits.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from perflab.errors import ConfigError

__all__ = ["Entry", "checked_bytes", "checked_ttl"]


class Entry:
    """One value with its cost and its two ends. Two entries are equal only if they are the same object.

    Attributes
    ----------
    key, value
        As the application gave them.
    nbytes
        Cost by the tier's weight, in bytes.
    deadline
        When the application wants it gone; seconds of the tier's timer, infinite for never. Kept between tiers.
    expires
        When the tier that holds it drops it; never after `deadline`.
    cost
        What it would take to have the value again: seconds, or a weight of the application's; NaN if nobody said.
    code
        The recorder's: hits are recorded by appending the entry, and it numbers entries while it counts them.
    """

    __slots__ = ("code", "cost", "deadline", "expires", "key", "nbytes", "value")

    def __init__(
        self,
        key: Hashable,
        value: object,
        nbytes: int,
        deadline: float = math.inf,
        expires: float = math.inf,
        cost: float = math.nan,
    ) -> None:
        self.key = key
        self.value = value
        self.nbytes = nbytes
        self.deadline = deadline
        self.expires = expires
        self.cost = cost
        self.code = 0

    def __repr__(self) -> str:
        return f"Entry({self.key!r}, {self.value!r}, {self.nbytes}, {self.deadline}, {self.expires})"


def checked_ttl(ttl: float | None, default: float = math.inf) -> float:
    """Return a time to live in seconds; None is the default.

    Raises
    ------
    ConfigError
        If it is no number, NaN or negative.

    Examples
    --------
    >>> checked_ttl(None), checked_ttl(2)
    (inf, 2.0)
    """
    if ttl is None:
        return default
    if isinstance(ttl, bool) or not isinstance(ttl, int | float) or not ttl >= 0:
        raise ConfigError(f"ttl is {ttl!r}; it must be seconds, 0 or more, or None for the tier's default")
    return float(ttl)


def checked_bytes(size: int, name: str = "max_bytes") -> int:
    """Return a byte bound.

    Raises
    ------
    ConfigError
        If it is no whole number, or negative.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise ConfigError(f"{name} is {size!r}; it must be a whole number of bytes, 0 or more")
    return size
