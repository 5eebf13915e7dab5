"""The tiers as one mapping: what is set, read, dated and removed, whichever tier has it.

In: keys and values. Out: the tiers, moved and recorded accordingly.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from perflab.cache.disk.tier import DiskCache
from perflab.cache.entry import Entry, Facts, checked_cost, checked_tags
from perflab.cache.keys import slot_of
from perflab.cache.mapping import MISSING
from perflab.cache.tiers.moves import CLOSED, Tiers
from perflab.cache.tiers.reads import NotedReads
from perflab.errors import ConfigError, StoreError

if TYPE_CHECKING:
    import pandas as pd

    from perflab.cache.memory.tier import MemoryCache
    from perflab.cache.memory.ttl import TTLCache

__all__ = ["TierMapping"]

_LATER: Any = object()


class TierMapping(NotedReads):
    """A `MutableMapping` over the tiers; `TieredCache` is the one that can be made."""

    l1: MemoryCache
    l2: TTLCache
    l3: DiskCache | None
    _tiers: Tiers
    _closed: bool

    def __setitem__(self, key: Hashable, value: object) -> None:
        self.set(key, value)

    def __delitem__(self, key: Hashable) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        self._check_open()
        return isinstance(key, Hashable) and (
            self._tiers.peek(key) is not None or (self.l3 is not None and key in self.l3)
        )

    def __iter__(self) -> Iterator[Hashable]:
        self._check_open()
        self._tiers.writes.settle()
        keys: dict[Hashable, Hashable] = {}
        for tier in self._tiers.named().values():
            keys.update((slot_of(key), key) for key in tier)
        return iter(keys.values())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def set(
        self,
        key: Hashable,
        value: object,
        *,
        ttl: float | None = None,
        cost: float | None = None,
        tags: Iterable[str] = (),
    ) -> bool:
        """Store a value in memory and, if its type can be stored, on disk; False if no tier took it.

        Parameters
        ----------
        ttl
            Seconds to live in any tier; None: no end of its own (l2 then applies its default), 0: not kept.
        cost
            What it takes to get the value again, for eviction by cost: seconds, as of loads; None if it is not known.
        tags
            Names for `invalidate`; text is one name.

        Raises
        ------
        StoreError
            If the key is of a type without canonical bytes; it is a ValueError too.
        ConfigError
            If `ttl` or `cost` is negative or no number, or a tag is no text.
        """
        self._check_open()
        if cost is None and not tags:
            return self._tiers.store(key, value, ttl)
        return self._tiers.store(key, value, ttl, facts=Facts(cost=checked_cost(cost), tags=checked_tags(tags)))

    def delete(self, key: Hashable) -> bool:
        """Remove a key from every tier on request; False if none had it."""
        self._check_open()
        return self._tiers.remove(key)

    def invalidate(self, key: Hashable = MISSING, *, tag: str | None = None, prefix: str | None = None) -> int:
        """Remove a key, all keys with a tag, or all text keys with a prefix, from every tier; return how many keys.

        A tag goes with its value to disk, and is found there by later processes too. Tags and prefixes are looked for
        among all keys.
        """
        self._check_open()
        keys = {} if key is MISSING else {slot_of(key): key}
        if tag is not None:
            keys.update((slot_of(found), found) for found in self._tiers.tagged(tag))
        if prefix is not None:
            keys.update(
                (slot_of(found), found) for found in self if isinstance(found, str) and found.startswith(prefix)
            )
        return sum(map(self._tiers.remove, keys.values()))

    def get_many(self, keys: Iterable[Hashable], default: Any = None) -> list[Any]:
        """Return the values of several keys in their order, with the default for a missing one; each is an access.

        What is not in l1 is looked for in one go, tier by tier; the time of such an access is its share of that.
        """
        self._check_open()
        wanted, hot = list(keys), self.l1.hot
        values = [self.get(key, default) if key in hot else _LATER for key in wanted]
        others = [number for number, value in enumerate(values) if value is _LATER]
        for number, entry in zip(others, self._look_for([wanted[number] for number in others]), strict=True):
            values[number] = default if entry is None else entry.value
        return values

    def set_many(
        self, items: Mapping[Hashable, object] | Iterable[tuple[Hashable, object]], *, ttl: float | None = None
    ) -> int:
        """Store several values as `set` does, disk in one go; return how many keys a tier took.

        A key that cannot be stored is refused before any value is. Other writers wait until all is written. A dict
        holds one of `1`, `1.0` and `True`; give pairs to store each of them.
        """
        self._check_open()
        pairs = items.items() if isinstance(items, Mapping) else items
        return sum(self._tiers.store_many(pairs, ttl))

    def touch(self, key: Hashable, ttl: float | None = None) -> bool:
        """Give a key a new time to live in seconds, from now, in every tier; False if none has it."""
        self._check_open()
        return self._tiers.touch(key, ttl)

    def ttl(self, key: Hashable) -> float:
        """Return the seconds until the key's own end, infinite if it has none; KeyError if no tier has it."""
        self._check_open()
        entry = self._tiers.peek(key)
        if entry is not None:
            return entry.deadline - self.l1.timer()
        if self.l3 is None:
            raise KeyError(key)
        return self.l3.ttl(key)

    def get_by_prefix(self, prefix: str) -> dict[str, Any]:
        """Return the text keys that start with a prefix, and their values; each one is an access."""
        found = ((key, self.get(key, MISSING)) for key in self._starting(prefix))
        return {key: value for key, value in found if value is not MISSING}

    def inspect(self, key: Hashable) -> pd.DataFrame:
        """Return where a key is: a row a tier with columns `tier`, `nbytes` (bytes), `ttl_s` (s), `type`; no access."""
        import pandas as pd

        self._check_open()
        rows = []
        for name, tier in self._tiers.named().items():
            entry = tier.entry(key) if isinstance(tier, DiskCache) else tier.peek(key)
            if entry is not None:
                left = min(entry.deadline, entry.expires) - self.l1.timer()
                rows.append((name, entry.nbytes, left, type(entry.value).__name__))
        return pd.DataFrame(rows, columns=["tier", "nbytes", "ttl_s", "type"])

    def clear(self, tier: str = "all") -> int:  # type: ignore[override]  # a mapping's clear tells nothing
        """Remove everything in `"l1"`, `"l2"`, `"l3"` or `"all"`; return how many entries, copies on disk counted too.

        Raises
        ------
        ConfigError
            If there is no such tier.
        """
        self._check_open()
        if tier not in ("l1", "l2", "l3", "all"):
            raise ConfigError(f"tier is {tier!r}; it must be 'l1', 'l2', 'l3' or 'all'")
        return self._tiers.clear(("l1", "l2", "l3") if tier == "all" else (tier,))

    def _starting(self, prefix: str) -> list[str]:
        return [key for key in self if isinstance(key, str) and key.startswith(prefix)]

    def _look_for(self, keys: list[Hashable]) -> list[Entry | None]:
        start = perf_counter()
        found = self._tiers.find_many(keys)
        share_s = (perf_counter() - start) / max(1, len(keys))
        for key, (entry, tier) in zip(keys, found, strict=True):
            if entry is None:
                self.recorder.access(key, "miss", None, None, share_s)
            elif tier == "l1":
                self._note(entry, share_s)
            else:
                self.recorder.access(key, "hit", tier, entry.nbytes, share_s)
        return [entry for entry, _ in found]

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(CLOSED)

    def _guard(self, key: Hashable) -> AbstractContextManager[object]:
        return self._tiers.guard(key)
