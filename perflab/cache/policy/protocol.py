"""What a memory tier asks of a policy.

In: the entries of the tier and the reads of them. Out: the entry that should leave first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from perflab.cache.entry import Entry

__all__ = ["Policy"]


class Policy(Protocol):
    """Entries in an order of eviction; it knows no bound: shares of a tier are shares of what the tier holds.

    Reads are told late and many at a time (lazy promotion), always before an entry is added or has to leave. A policy
    knows its entries by their `home`: among the reads are some of entries that left, or that are another tier's.

    Attributes
    ----------
    counted : int
        How many reads of one entry, told at once, count; of more the last ones may be told alone.
    """

    counted: int

    def add(self, entry: Entry) -> None:
        """Take in an entry."""

    def use(self, entries: Iterable[Entry]) -> None:
        """Count reads of entries, in order; those that are not its own are passed over."""

    def remove(self, entry: Entry) -> None:
        """Forget an entry."""

    def victim(self) -> Entry:
        """Forget and return the entry that should leave first; there is one."""

    def __iter__(self) -> Iterator[Entry]:
        """Go over the entries, next to leave first as far as the policy knows."""
        ...
