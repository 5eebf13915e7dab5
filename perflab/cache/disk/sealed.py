"""Payloads on disk: sealed on the way in, checked for age and damage on the way out.

In: keys and payloads as bytes, times to live. Out: payloads that are what was stored and not yet due, or nothing.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

from perflab.cache.disk.behind import WriteBehind
from perflab.cache.disk.envelope import OtherVersionError, Times, opened, payload_at, row_cost, seal, tag_text, told
from perflab.cache.disk.guard import GuardedStore
from perflab.cache.disk.rowlog import RowLog
from perflab.cache.disk.rows import Row
from perflab.cache.disk.store import ChangedRowError
from perflab.errors import StoreError

__all__ = ["Found", "SealedRows"]


Found: TypeAlias = tuple[bytes, float, int]
"""A live row: its sealed value, the seconds that it has left, and where the payload begins; to name them takes as long
as to check them."""


class SealedRows:
    """Rows whose times and checksums are looked after, in a store and in the queue before it.

    Parameters
    ----------
    store
        Where they lie.
    log
        Hears of each row that is stored, or leaves.
    timer, wall
        Monotonic clock and wall clock, seconds.
    remove
        Called when the store is closed.
    """

    def __init__(
        self,
        store: GuardedStore,
        log: RowLog,
        timer: Callable[[], float],
        wall: Callable[[], float],
        remove: Callable[[], object] | None,
    ) -> None:
        self.store = store
        self._queue: WriteBehind | None = None
        self._remove = remove
        self._log = log
        self._timer = timer
        self.wall = wall
        # Names this object in what it stores: for its own entries the monotonic timer is the better clock.
        self._origin = os.urandom(8)

    def write_behind(self, max_bytes: int, delay_s: float) -> None:
        """From now on, let rows wait for a thread to write them; as for `WriteBehind`."""
        write = functools.partial(self.write, event="write_back")
        self._queue = WriteBehind(self.store, write, self._finish, max_bytes=max_bytes, delay_s=delay_s)

    def find(self, key: bytes) -> Found | None:
        """Return the live row of a key; what is due or damaged leaves."""
        data = None if self._queue is None else self._queue.find(key)
        if data is None:
            data = self.store.read(key)
        return None if data is None else self._judged(key, data)

    def find_many(self, keys: Sequence[bytes]) -> dict[bytes, Found]:
        """Return the live rows of those keys that have one."""
        queued = {} if self._queue is None else {key: data for key in keys if (data := self._queue.find(key))}
        stored = self.store.read_many([key for key in keys if key not in queued])
        found = {key: self._judged(key, data) for key, data in {**stored, **queued}.items()}
        return {key: row for key, row in found.items() if row is not None}

    def seal(
        self,
        key: bytes,
        payload: bytes,
        lifetime: float,
        name: Hashable,
        cost: float | None = None,
        tags: tuple[str, ...] = (),
    ) -> Row:
        """Return a row for a payload that lives for some seconds from now."""
        now, text = self.wall(), tag_text(tags)
        times = Times(self._origin, now, now + lifetime, self._timer() + lifetime)
        return Row(key, seal(payload, key, times, cost, text), now + lifetime, name, text)

    def put(self, rows: Sequence[Row]) -> bool:
        """Store rows, or take them for later, and record them as set; False if the store refused them."""
        if self._queue is None or not self.store.writable:
            return self.write(rows, "set")
        for row in rows:
            self._log.record(row.name, "set", row.cost)
        self._queue.put(rows)
        return True

    def write(self, rows: Sequence[Row], event: str | None, instead: bytes | None = None) -> bool:
        """Store rows now, all or none, and record an event for each, and what left for them."""
        left = self.store.write(rows, self.wall(), instead)
        if left is None:
            return False
        if event is not None:
            for row in rows:
                self._log.record(row.name, event, row.cost)
        for key, cost, _, due in left:
            self._log.report(key, "expire" if due else "evict", "ttl" if due else "capacity", cost)
        return True

    def touch(self, key: bytes, lifetime: float, name: Hashable) -> bool:
        """Give the live row of a key a new time to live in seconds, from now; False if there is none, or 0 seconds."""
        while (found := self.find(key)) is not None:
            data = found[0]
            if lifetime <= 0:
                self._expire(key, data)
                return False
            try:
                return self._renew(key, data, lifetime, name)
            except ChangedRowError:
                continue  # another process has written the key meanwhile; what it wrote gets the new time
        return False

    def drop(self, key: bytes, only: bytes | None = None) -> None:
        """Remove the row of a key, with `only` if that is its sealed value."""
        with self.store.lock:
            if self._queue is not None:
                self._queue.drop(key, only)
            self.store.drop((key,), only)

    def flush(self) -> bool:
        """Write what waits; False if something that was put since the last flush could not be stored."""
        return self._queue is None or self._queue.flush()

    def close(self) -> None:
        """Write what waits and close the store."""
        if self._queue is not None:
            self._queue.close()
        self._finish()

    def abandon(self) -> None:
        """Close the store without waiting for what is to be written before; for finalizers."""
        if self._queue is not None:
            self._queue.abandon()
        else:
            self._finish()

    def _finish(self) -> None:
        self.store.close()
        if self._remove is not None:
            self._remove()

    def _renew(self, key: bytes, data: bytes, lifetime: float, name: Hashable) -> bool:
        row = self.seal(key, data[payload_at(data) :], lifetime, name, *told(data))
        with self.store.lock:
            if self._queue is not None and self._queue.find(key) == data:
                self._queue.put((row,))
                return True
            return self.write((row,), None, data)

    def _expire(self, key: bytes, data: bytes) -> None:
        self.drop(key, data)
        self._log.report(key, "expire", "ttl", row_cost(key, data))

    def _judged(self, key: bytes, data: bytes) -> Found | None:
        try:
            remaining, start = opened(data, key, self._origin, self._timer(), self.wall())
        except OtherVersionError:
            self.drop(key, data)
            self._log.report(key, "invalidate", "version")
            return None
        except StoreError as error:
            self.store.quarantine(key, "checksum", error, data)
            return None
        if remaining > 0:
            return data, remaining, start
        if remaining > -math.inf:  # else it is from the future: the clock was set back, and may be set right again
            self._expire(key, data)
        return None
