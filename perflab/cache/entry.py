"""What a memory tier holds for one key, and the bounds that every tier checks.

In: keys, values, limits as users give them. Out: `Entry`, and checked limits.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

from perflab.errors import ConfigError

__all__ = ["NO_FACTS", "UNBOUNDED", "Entry", "Facts", "checked_bytes", "checked_cost", "checked_tags", "checked_ttl"]

UNBOUNDED = sys.maxsize
"""A bound that nothing reaches."""


class Facts(NamedTuple):
    """What few entries have; it goes with an entry from tier to tier.

    Attributes
    ----------
    deadline
        When the application wants the entry gone; seconds of the tier's timer, infinite for never.
    cost
        What it takes to get the value again, in seconds or any other unit, for the policies that weigh it; None where
        nobody told.
    tags
        Names by which the entry can be invalidated together with others.
    memory_only
        Neither disk nor a snapshot may have a copy.
    """

    deadline: float = math.inf
    cost: float | None = None
    tags: tuple[str, ...] = ()
    memory_only: bool = False


NO_FACTS = Facts()
_NEVER = math.inf


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
    facts
        Deadline, cost of a load, tags, and where copies may be.
    home, before, after, uses
        The policy's, unset until one takes the entry in: the mark of the policy that has it, or None; the neighbours in
        its `Ring`; how often it was used, as the policy counts.
    code
        The recorder's: hits are recorded by appending the entry, and it numbers entries while it counts them.
    """

    __slots__ = ("after", "before", "code", "expires", "facts", "home", "key", "nbytes", "uses", "value")

    home: Any
    before: Any
    after: Any
    uses: Any

    def __init__(
        self,
        key: Hashable,
        value: object,
        nbytes: int,
        deadline: float = _NEVER,
        expires: float = _NEVER,
        facts: Facts = NO_FACTS,
    ) -> None:
        self.key = key
        self.value = value
        self.nbytes = nbytes
        self.expires = expires
        self.facts = facts
        self.code = 0
        if deadline != _NEVER:
            self.deadline = deadline

    @property
    def deadline(self) -> float:
        """When the application wants it gone."""
        return self.facts.deadline

    @deadline.setter
    def deadline(self, deadline: float) -> None:
        self.facts = self.facts._replace(deadline=deadline)

    def date(self, expires: float, now: float) -> None:  # noqa: ARG002 (for entries that know their age)
        """Set when the tier drops the entry."""
        self.expires = expires

    def __repr__(self) -> str:
        return f"Entry({self.key!r}, {self.value!r}, {self.nbytes}, {self.deadline}, {self.expires})"


try:
    from perflab._writes import use_entries
except ImportError:
    pass
else:
    use_entries(Entry, NO_FACTS, _NEVER)


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


def checked_cost(cost: float | None) -> float | None:
    """Return a cost, None for one that is not known.

    Raises
    ------
    ConfigError
        If it is no finite number, or negative.
    """
    known = isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost < math.inf
    if cost is not None and not known:
        raise ConfigError(f"cost is {cost!r}; it must be a number, 0 or more")
    return cost


def checked_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags; text is one tag.

    Raises
    ------
    ConfigError
        If one is no text.

    Examples
    --------
    >>> checked_tags("site"), checked_tags(["site", "page"])
    (('site',), ('site', 'page'))
    """
    found = (tags,) if isinstance(tags, str) else tuple(tags)
    if not all(isinstance(tag, str) for tag in found):
        raise ConfigError(f"tags are {found!r}; they must be texts")
    return found


def checked_bytes(size: int, name: str = "max_bytes", unit: str = "bytes") -> int:
    """Return a bound, of bytes or of what `unit` says.

    Raises
    ------
    ConfigError
        If it is no whole number, or negative.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise ConfigError(f"{name} is {size!r}; it must be a whole number of {unit}, 0 or more")
    return size
