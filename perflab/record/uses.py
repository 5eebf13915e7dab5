"""Hits on their way into the orders of eviction.

In: lists of entries, each entry once for each of its hits. Out: the same to each cache, once and in order.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

__all__ = ["Followers", "Uses"]


class Uses:
    """Hits that one cache has not taken into its order of eviction yet; lists of entries, in order.

    Of the hits of one entry that are told at once, `most` count: one where the order is that of the last use alone.
    """

    __slots__ = ("__weakref__", "batches", "holds", "most")

    def __init__(self, holds: Callable[[Any], bool], most: int) -> None:
        self.batches: list[list[Any]] = []
        self.holds = holds
        self.most = most


class Followers:
    """The caches that are told of hits; each ends with the last reference to its queue. The caller holds a lock."""

    def __init__(self) -> None:
        self._references: list[weakref.ref[Uses]] = []

    def __iter__(self) -> Iterator[Uses]:
        found = (reference() for reference in self._references)
        return (uses for uses in found if uses is not None)

    def add(self, holds: Callable[[Any], bool], most: int) -> Uses:
        """Return a new queue; hits of entries that `holds` says no to may be left out of it."""
        uses = Uses(holds, most)
        self._references = [*map(weakref.ref, self), weakref.ref(uses)]
        return uses

    def tell(self, hits: list[Any]) -> None:
        """Put hits into every queue."""
        if hits:
            for uses in self:
                uses.batches.append(hits)

    def shorten(self, told: Sequence[list[Any]], used: Callable[[int], list[Any]]) -> None:
        """Put `used(most)`, the entries of lists that were told, in order of their last hit, in place of these lists.

        For an order of eviction both are the same, and the hits are many. Where other hits lie between them, they stay.
        """
        known = {id(hits) for hits in told if hits}
        for uses in self:
            batches = uses.batches
            places = [place for place, batch in enumerate(batches) if id(batch) in known]
            if places and len(places) == len(known) == places[-1] - places[0] + 1:
                before = chain.from_iterable(batches[: places[0]])
                batches[: places[-1] + 1] = [_last([*before, *used(uses.most)], uses.most)]
            kept = (list(filter(uses.holds, batch)) for batch in batches)
            uses.batches = [batch for batch in kept if batch]

    def forget(self) -> None:
        """Drop all hits."""
        for uses in self:
            uses.batches = []


def _last(hits: list[Any], most: int) -> list[Any]:
    """Return the last hits of each entry, in order, no more than `most`."""
    if most == 1:
        return list(dict.fromkeys(reversed(hits)))[::-1]
    left: dict[Any, int] = {}
    kept = []
    for entry in reversed(hits):
        seen = left[entry] = left.get(entry, 0) + 1
        if seen <= most:
            kept.append(entry)
    return kept[::-1]
