"""Bringing into memory what nobody has asked for yet.

In: a key that is expected, and perhaps a loader of it. Out: the entry in memory and a `prefetch` row, or nothing: what
the program reads or writes meanwhile wins, and it never waits.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import perf_counter
from typing import Any, Literal, NamedTuple

from perflab.cache.entry import Entry
from perflab.cache.keys import slot_of
from perflab.cache.tiers.moves import Tiers
from perflab.cache.tiers.terms import Terms
from perflab.record import Recorder

__all__ = ["LATE", "Ahead", "Arrived", "Outcome", "Reload", "Reloads"]

LATE = "late"
"""The reason of a `prefetch` row whose value came when the program had read or written its key itself."""
_NO_ROOM = "no room"
_MEMORY = ("l1", "l2")
_MOST_RELOADS = 8_192


class Reload(NamedTuple):
    """How to load a key without any effect but the value."""

    loader: Callable[[], Any]
    terms: Terms


Outcome = Literal["came", "late", "no room", "in memory", "gone"]


class Arrived(NamedTuple):
    """What came of a fetch, and the bytes that it brought; 0 where nothing was fetched."""

    outcome: Outcome
    nbytes: int = 0


class Reloads:
    """Loaders that were declared free of side effects, by key; of too many the one unused for longest is forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, Reload] = OrderedDict()

    def note(self, key: Hashable, reload: Reload) -> None:
        """Remember the loader of a key."""
        slot = slot_of(key)
        self._known[slot] = reload
        self._known.move_to_end(slot)
        if len(self._known) > _MOST_RELOADS:
            self._known.popitem(last=False)

    def find(self, key: Hashable) -> Reload | None:
        """Return the loader of a key."""
        return self._known.get(slot_of(key))


class Ahead:
    """Fetches for nobody in particular, from disk or by a loader."""

    def __init__(self, tiers: Tiers, recorder: Recorder) -> None:
        self._tiers = tiers
        self._recorder = recorder
        self.reloads = Reloads()

    def fetch(
        self, key: Hashable, reload: Reload | None = None, event: str = "prefetch", limit: float | None = None
    ) -> Arrived:
        """Fetch a key that is not in memory, nor being loaded: from disk, else by its loader if one is given.

        Parameters
        ----------
        event
            Of the row that tells of it: prefetch or warm.
        limit
            Bytes that the entry may take at the most, and then only of free memory; None evicts for it.
        """
        tiers = self._tiers
        if tiers.peek(key) is not None or tiers.loads.is_joined(key):
            return Arrived("in memory")
        issued, mark = perf_counter(), tiers.mark(key)
        try:
            found = self._from_disk(key)
            if found is not None:
                return self._told(found, self._arrive(found, mark, limit), event, "from l3", issued)
            return Arrived("gone") if reload is None else self._load(key, reload, mark, event, limit)
        finally:
            tiers.unmark(key, mark)

    def _from_disk(self, key: Hashable) -> Entry | None:
        tiers = self._tiers
        if tiers.l3 is None:
            return None
        tiers.writes.settle((key,))
        found = tiers.l3.entry(key)
        return None if found is None else tiers.entry(key, found.value, found.facts)

    def _load(self, key: Hashable, reload: Reload, mark: object, event: str, limit: float | None) -> Arrived:
        start = perf_counter()
        value = reload.loader()
        duration_s = perf_counter() - start
        self._recorder.access(key, "load", duration_s=duration_s, reason=event)
        terms, tiers = reload.terms, self._tiers
        ttl = terms.ttl_of(value)
        entry = tiers.entry(key, value, tiers.facts(ttl, terms.facts(duration_s)))
        with tiers.guard(key):
            # A value that the program wrote meanwhile stays, in memory and on disk.
            on_disk = (
                tiers.is_marked(key, mark) and not tiers.writes.keeps_off(entry) and tiers.writes.put([entry], ttl)[0]
            )
            place = self._arrive(entry, mark, limit)
            if place not in _MEMORY and not on_disk:
                tiers.writes.leave(entry, "oversize")
        return self._told(entry, place, event, "from loader", start)

    def _arrive(self, entry: Entry, mark: object, limit: float | None) -> str:
        """Put an entry into memory and return the tier, or why it is in none."""
        tiers, room = self._tiers, math.inf if limit is None else limit
        with tiers.memory.lock:
            if not tiers.is_marked(entry.key, mark) or tiers.peek(entry.key) is not None:
                return LATE
            tier = tiers.memory.tier_for(entry, room)
            if tier is None or not tier.admit(entry):
                return _NO_ROOM
            return "l1" if tier is tiers.l1 else "l2"

    def _told(self, entry: Entry, place: str, event: str, reason: str, issued: float) -> Arrived:
        took_s = perf_counter() - issued
        if place in _MEMORY:
            self._recorder.access(entry.key, event, place, entry.nbytes, took_s, reason)
            return Arrived("came", entry.nbytes)
        if event == "prefetch":
            self._recorder.access(entry.key, event, None, entry.nbytes, took_s, place)
        return Arrived("late" if place == LATE else "no room", entry.nbytes)
