"""The disk tier as it is read.

In: keys. Out: values, entries and what they cost; never a wrong value, and never an error of sqlite or the OS.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from perflab.cache.codec.packing import Packing
from perflab.cache.disk.envelope import row_cost, tag_text, told
from perflab.cache.disk.marks import ReadMarks
from perflab.cache.entry import NO_FACTS, Entry, Facts
from perflab.cache.keys import decode_key, encode_key
from perflab.cache.mapping import MISSING, LockedMapping
from perflab.errors import StoreError

if TYPE_CHECKING:
    from perflab.cache.disk.sealed import Found, SealedRows

__all__ = ["DiskReads"]


class DiskReads(LockedMapping):
    """The reading half of a mapping on disk; `DiskCache` adds how values come in and go."""

    _rows: SealedRows
    _packing: Packing
    _marks: ReadMarks
    _timer: Callable[[], float]
    _wall: Callable[[], float]

    @abstractmethod
    def flush(self) -> bool:
        """Write what waits."""

    @property
    def nbytes(self) -> int:
        """Sum of what the rows cost, due ones included until they are noticed; what waits is written first."""
        self.flush()
        return self._rows.store.nbytes()

    def __getitem__(self, key: Hashable) -> object:
        value = self.get(key, MISSING)
        if value is MISSING:
            raise KeyError(key)
        return value

    def __contains__(self, key: object) -> bool:
        return isinstance(key, Hashable) and self._rows.find(encode_key(key)) is not None

    def __iter__(self) -> Iterator[Hashable]:
        return iter([key for key, _ in self.costs()])

    def __len__(self) -> int:
        self.flush()
        return len(self._rows.store.rows(self._wall()))

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        encoded = encode_key(key)
        found = self._rows.find(encoded)
        return default if found is None else self._value(encoded, found, default)

    def get_many(self, keys: Iterable[Hashable], default: Any = None) -> list[Any]:
        """Return the values of many keys, in their order, with the default for those that have none."""
        return [default if entry is None else entry.value for entry in self.entries(keys)]

    def entry(self, key: Hashable) -> Entry | None:
        """Return the live entry of a key with its bytes here and its deadline by the timer, or None."""
        encoded = encode_key(key)
        return self._entry(key, encoded, self._rows.find(encoded))

    def entries(self, keys: Iterable[Hashable]) -> list[Entry | None]:
        """Return the live entries of many keys, in their order, with None for those that have none."""
        named = [(key, encode_key(key)) for key in keys]
        found = self._rows.find_many([encoded for _, encoded in named])
        return [self._entry(key, encoded, found.get(encoded)) for key, encoded in named]

    def ttl(self, key: Hashable) -> float:
        """Return the seconds that a value has left, infinite for no end; KeyError if there is no live one."""
        found = self._rows.find(encode_key(key))
        if found is None:
            raise KeyError(key)
        return found[1]

    def tagged(self, tag: str) -> list[Hashable]:
        """Return the keys that were stored with a tag; it goes over all rows."""
        return [key for key, _ in self.costs(tag)]

    def costs(self, tag: str | None = None) -> list[tuple[Hashable, int]]:
        """Return every key whose end, by the wall clock, is ahead, with its bytes; last stored first.

        With a tag, those alone that were stored with it.
        """
        self.flush()
        costs: list[tuple[Hashable, int]] = []
        for encoded, cost in self._rows.store.rows(self._wall(), "" if tag is None else tag_text((tag,))):
            try:
                costs.append((decode_key(encoded), cost))
            except (StoreError, TypeError) as error:
                self._rows.store.quarantine(encoded, "key", error)
        return costs

    def _entry(self, key: Hashable, encoded: bytes, found: Found | None) -> Entry | None:
        value = MISSING if found is None else self._value(encoded, found, MISSING)
        if found is None or value is MISSING:
            return None
        data, remaining, _ = found
        facts = Facts(self._timer() + remaining, *told(data))
        return Entry(key, value, row_cost(encoded, data), facts=facts if facts != NO_FACTS else NO_FACTS)

    def _value(self, encoded: bytes, found: Found, default: Any) -> Any:
        data, _, start = found
        try:
            value = self._packing.unpack(data, start, encoded)
        except StoreError as error:
            self._rows.store.quarantine(encoded, "codec", error, data)
            return default
        self._marks.note(encoded)
        return value
