"""What stands around a value on disk: version, times, checksum.

In: a key's bytes, the value's bytes and its times. Out: one run of bytes that can be checked before it is believed.
"""

from __future__ import annotations

import math
import struct

import xxhash

from perflab.errors import StoreError

__all__ = ["ENVELOPE_VERSION", "HEADER_BYTES", "ROW_BYTES", "remaining_s", "row_cost", "seal"]

ENVELOPE_VERSION = 2
# version, checksum (xxh3, 128 bit), origin, created, expires (wall), deadline (the origin's own monotonic timer)
_HEADER = struct.Struct(">B16s8sddd")
_CHECKED = 17
HEADER_BYTES = _HEADER.size
_LARGE = 2_000

ROW_BYTES = 80
"""What a row costs in the database beside its value and twice its key, over 10,000 rows of 100 bytes."""


def seal(payload: bytes, key: bytes, origin: bytes, created: float, expires: float, deadline: float) -> bytes:
    """Return a value's bytes in their envelope.

    The checksum covers times and key too: a value that moved to another key is found out.

    Parameters
    ----------
    origin
        8 bytes that name the cache object that writes it.
    created, expires
        Wall time, seconds since 1970; `expires` may be infinite.
    deadline
        The same end by the writer's monotonic timer, which means something to `origin` alone.

    Examples
    --------
    >>> sealed = seal(b"payload", b"key", b"writer-1", 100.0, 160.0, 7.0)
    >>> sealed[HEADER_BYTES:], remaining_s(sealed, b"key", b"writer-2", 5.0, 120.0)
    (b'payload', 40.0)
    """
    checked = _HEADER.pack(ENVELOPE_VERSION, bytes(16), origin, created, expires, deadline)[_CHECKED:] + payload
    return bytes((ENVELOPE_VERSION,)) + _checksum(checked, key) + checked


def remaining_s(data: bytes, key: bytes, reader: bytes, timer: float, wall: float) -> float:
    """Check what `seal` wrote for this key and return the seconds that the value has left; 0 or less if it has none.

    The writer goes by its monotonic timer, so a step of the wall clock changes nothing inside its process. Everyone
    else believes the value only while `created <= wall < expires`; before, the answer is minus infinity.

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
    # A view takes longer to make than a small copy, and less long than a large one.
    checked = data[_CHECKED:] if len(data) < _LARGE else memoryview(data)[_CHECKED:]
    if checksum != _checksum(checked, key):
        raise StoreError("The stored entry does not fit its checksum.")
    left: float = deadline - timer if origin == reader else expires - wall if created <= wall else -math.inf
    return left


def row_cost(key: bytes, data: bytes) -> int:
    """Return the bytes that a row is counted with: value, key (table and index) and the row itself."""
    return len(data) + 2 * len(key) + ROW_BYTES


def _checksum(checked: bytes | memoryview, key: bytes) -> bytes:
    # The key goes in as the seed: nothing has to be copied together for it.
    digest: bytes = xxhash.xxh3_128_digest(checked, xxhash.xxh3_64_intdigest(key))
    return digest
