"""What stands around a value on disk: version, checksum, times, cost, tags.

In: a key's bytes, the value's bytes and what is told of it. Out: bytes that can be checked before they
are believed.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable
from typing import NamedTuple

import xxhash

from perflab.errors import StoreError

__all__ = [
    "ENVELOPE_VERSION",
    "HEADER_BYTES",
    "ROW_BYTES",
    "OtherVersionError",
    "Times",
    "opened",
    "payload_at",
    "row_cost",
    "seal",
    "tag_text",
    "told",
]

ENVELOPE_VERSION = 3
# version, checksum (xxh3, 128 bit), origin, created, expires (wall), deadline (the origin's own monotonic timer), cost
# (NaN where it is not known), bytes of the tags, which come next. Version, checksum and what that covers stay where
# they are in every version, so that what another one wrote is told from what is damaged.
_HEADER = struct.Struct(">B16s8sddddH")
_TOLD = struct.Struct(">dH")
_CHECKED = 17
HEADER_BYTES = _HEADER.size
_TOLD_AT = HEADER_BYTES - _TOLD.size
MOST_TAG_BYTES = 2**16 - 1
_LARGE = 2_000
_MARK = "\x1f"
"""Stands around tags: JSON has none of it."""

ROW_BYTES = 80
"""What a row costs in the database beside its value and twice its key, over 10,000 rows of 100 bytes."""


class OtherVersionError(StoreError):
    """An entry is whole, and another version of this package wrote it."""


class Times(NamedTuple):
    """When a value was stored, and its end.

    Attributes
    ----------
    origin
        8 bytes that name the cache object that writes it.
    created, expires
        Wall time, seconds since 1970; `expires` may be infinite.
    deadline
        The same end by the writer's monotonic timer, which means something to `origin` alone.
    """

    origin: bytes
    created: float
    expires: float
    deadline: float


def seal(payload: bytes, key: bytes, times: Times, cost: float | None = None, tags: str = "") -> bytes:
    """Return a value's bytes in their envelope.

    The checksum covers times, cost, tags and key too: a value that moved to another key is found out.

    Parameters
    ----------
    cost
        What it takes to get the value again, None where it is not known.
    tags
        From `tag_text`.

    Raises
    ------
    StoreError
        If the tags are longer than 64 KiB.

    Examples
    --------
    >>> sealed = seal(b"payload", b"key", Times(b"writer-1", 100.0, 160.0, 7.0), 0.5, tag_text(("site",)))
    >>> left_s, start = opened(sealed, b"key", b"writer-2", 5.0, 120.0)
    >>> left_s, sealed[start:], told(sealed)
    (40.0, b'payload', (0.5, ('site',)))
    """
    held = tags.encode()
    if len(held) > MOST_TAG_BYTES:
        raise StoreError(f"The tags take {len(held)} bytes; at most {MOST_TAG_BYTES} can be stored on disk.")
    header = _HEADER.pack(ENVELOPE_VERSION, bytes(16), *times, math.nan if cost is None else cost, len(held))
    checked = header[_CHECKED:] + held + payload
    return bytes((ENVELOPE_VERSION,)) + _checksum(checked, key) + checked


def opened(data: bytes, key: bytes, reader: bytes, timer: float, wall: float) -> tuple[float, int]:
    """Check what `seal` wrote for this key; return the seconds that the value has left and where its bytes begin.

    With 0 seconds or less it has no time left. The writer goes by its monotonic timer, so a step of the wall clock
    changes nothing inside its process. Everyone else believes the value only while `created <= wall < expires`;
    before, the answer is minus infinity.

    Raises
    ------
    OtherVersionError
        If the version is another one, and the checksum fits.
    StoreError
        If the checksum does not fit.
    """
    if len(data) < HEADER_BYTES or data[0] != ENVELOPE_VERSION:
        raise _refusal(data, key)
    _, checksum, origin, created, expires, deadline, _, tag_bytes = _HEADER.unpack_from(data)
    # A view takes longer to make than a small copy, and less long than a large one.
    checked = data[_CHECKED:] if len(data) < _LARGE else memoryview(data)[_CHECKED:]
    if checksum != _checksum(checked, key):
        raise StoreError("The stored entry does not fit its checksum.")
    left = deadline - timer if origin == reader else expires - wall if created <= wall else -math.inf
    return left, HEADER_BYTES + tag_bytes


def tag_text(tags: Iterable[str]) -> str:
    """Return tags as one text, in which each is found by `tag_text((tag,))`; ASCII, and empty without tags."""
    return "".join(f"{_MARK}{json.dumps(tag)}" for tag in tags) + _MARK if tags else ""


def told(data: bytes) -> tuple[float | None, tuple[str, ...]]:
    """Return cost and tags of what `opened` has checked."""
    cost, size = _TOLD.unpack_from(data, _TOLD_AT)
    texts = data[HEADER_BYTES : HEADER_BYTES + size].decode().split(_MARK)
    return None if math.isnan(cost) else cost, tuple(json.loads(text) for text in texts if text)


def payload_at(data: bytes) -> int:
    """Return where the value begins in what `seal` wrote."""
    return HEADER_BYTES + int(_TOLD.unpack_from(data, _TOLD_AT)[1])


def row_cost(key: bytes, data: bytes) -> int:
    """Return the bytes that a row is counted with: value, the row itself, and twice the key and the tags."""
    tag_bytes = payload_at(data) - HEADER_BYTES if len(data) >= HEADER_BYTES else 0
    return len(data) + tag_bytes + 2 * len(key) + ROW_BYTES


def _refusal(data: bytes, key: bytes) -> StoreError:
    if len(data) > _CHECKED and data[1:_CHECKED] == _checksum(data[_CHECKED:], key) and data[0] != ENVELOPE_VERSION:
        return OtherVersionError(f"The stored entry has the version {data[0]}; allowed is {ENVELOPE_VERSION}.")
    return StoreError(f"The stored entry of {len(data)} bytes is cut short, or does not fit its checksum.")


def _checksum(checked: bytes | memoryview, key: bytes) -> bytes:
    # The key goes in as the seed: nothing has to be copied together for it.
    digest: bytes = xxhash.xxh3_128_digest(checked, xxhash.xxh3_64_intdigest(key))
    return digest
