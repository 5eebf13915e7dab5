"""What stands around a value on disk: version, times, checksum.

In: a key's bytes, the value's bytes and its times. Out: one run of bytes that can be checked before it is believed.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import xxhash

from perflab.errors import StoreError

__all__ = ["ENVELOPE_VERSION", "HEADER_BYTES", "ROW_BYTES", "Envelope", "row_cost"]

ENVELOPE_VERSION = 1
# version, checksum (xxh3, 128 bit), origin, created, expires (wall), deadline (the origin's own monotonic timer)
_HEADER = struct.Struct(">B16s8sddd")
_CHECKED = 17
HEADER_BYTES = _HEADER.size

ROW_BYTES = 80
"""What a row costs in the database beside its value and twice its key, over 10,000 rows of 100 bytes."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A value as it lies on disk.

    Attributes
    ----------
    origin
        8 bytes that name the cache object that wrote it.
    created, expires
        Wall time, seconds since 1970; `expires` may be infinite.
    deadline
        The same end by the writer's monotonic timer, which means something to `origin` alone.
    payload
        The value, by `codec.encode`.

    Examples
    --------
    >>> sealed = Envelope(b"writer-1", 100.0, 160.0, 7.0, b"payload").seal(b"key")
    >>> Envelope.open(sealed, b"key").payload
    b'payload'
    """

    origin: bytes
    created: float
    expires: float
    deadline: float
    payload: bytes

    def seal(self, key: bytes) -> bytes:
        """Return the envelope as bytes. The checksum covers the key too: a value that moved to another key is found."""
        header = _HEADER.pack(ENVELOPE_VERSION, bytes(16), self.origin, self.created, self.expires, self.deadline)
        checked = header[_CHECKED:] + self.payload
        return header[:1] + _checksum(key, checked) + checked

    @classmethod
    def open(cls, data: bytes, key: bytes) -> Envelope:
        """Return the envelope that `seal` wrote for this key.

        Raises
        ------
        StoreError
            If the version is another one, or the checksum does not fit.
        """
        if len(data) < HEADER_BYTES:
            raise StoreError(f"The stored entry has {len(data)} bytes; {HEADER_BYTES} or more are needed.")
        version, checksum, origin, created, expires, deadline = _HEADER.unpack_from(data)
        if version != ENVELOPE_VERSION:
            raise StoreError(f"The stored entry has the version {version}; allowed is {ENVELOPE_VERSION}.")
        if checksum != _checksum(key, data[_CHECKED:]):
            raise StoreError("The stored entry does not fit its checksum.")
        return cls(origin, created, expires, deadline, data[HEADER_BYTES:])

    def remaining(self, origin: bytes, timer: float, wall: float) -> float:
        """Return the seconds that the value has left; 0 or less if it is not valid now.

        The writer goes by its monotonic timer, so a step of the wall clock changes nothing inside its process.
        Everyone else believes the entry only while `created <= wall < expires`.
        """
        if self.origin == origin:
            return self.deadline - timer
        return self.expires - wall if self.created <= wall else -math.inf


def row_cost(key: bytes, data: bytes) -> int:
    """Return the bytes that a row is counted with: value, key (table and index) and the row itself."""
    return len(data) + 2 * len(key) + ROW_BYTES


def _checksum(key: bytes, checked: bytes) -> bytes:
    return bytes(xxhash.xxh3_128_digest(len(key).to_bytes(8, "big") + key + checked))
