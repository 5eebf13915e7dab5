"""The rows of the `accesses` frame that the disk tier gives rise to.

In: what happened to a key, or to its bytes in the database. Out: recorded events.
"""

from __future__ import annotations

from collections.abc import Hashable

from perflab.cache.keys import decode_key
from perflab.errors import StoreError
from perflab.record import Recorder

__all__ = ["RowLog", "named"]


class RowLog:
    """Records under one tier's name."""

    def __init__(self, recorder: Recorder, tier: str) -> None:
        self._recorder = recorder
        self._tier = tier

    def record(self, key: Hashable, event: str, nbytes: int | None, reason: str | None = None) -> None:
        """Record an event of a key."""
        self._recorder.access(key, event, self._tier, nbytes, reason=reason)

    def report(self, encoded: bytes | None, event: str, reason: str, nbytes: int | None = None) -> None:
        """Record an event of a row, under its key as the application gave it; None is the whole tier."""
        self.record(None if encoded is None else named(encoded), event, nbytes, reason)


def named(encoded: bytes) -> Hashable:
    """Return a key as the application gave it, or its bytes as text if they are none of ours."""
    try:
        return decode_key(encoded)
    except (StoreError, TypeError):
        return encoded.hex()
