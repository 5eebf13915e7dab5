"""What a value becomes before it is sealed: encoded, compressed if it is large, a signed pickle only on request.

In: a value and the key it is stored under. Out: bytes that begin with a mark of how they were made, and back.
"""

from __future__ import annotations

from typing import Any

from perflab.cache.codec import values as codec
from perflab.cache.codec.fields import LENGTH
from perflab.cache.codec.signed import SignedPickle
from perflab.errors import StoreError

__all__ = ["COMPRESS_BYTES", "Packing"]

COMPRESS_BYTES = 32_768
"""From this size on values go into files; below it zstd saves little, and pyarrow, which has it, need not be loaded."""

_ZSTD, _SIGNED = b"\2", b"\3"
_WORTH_IT = 7 / 8


class Packing:
    """Turns values into payloads and back.

    Parameters
    ----------
    compress_bytes
        Payloads from this size are compressed with zstd, where that saves an eighth or more.
    signer
        Signs and checks pickles of what the codec refuses; None never pickles and never unpickles.

    Examples
    --------
    >>> packing = Packing(compress_bytes=1_000)
    >>> packed = packing.pack("x" * 5_000, "page", b"key")
    >>> len(packed) < 100, packing.unpack(packed, 0, b"key") == "x" * 5_000
    (True, True)
    """

    def __init__(self, compress_bytes: float = COMPRESS_BYTES, signer: SignedPickle | None = None) -> None:
        self._compress_bytes = compress_bytes
        self._signer = signer

    def pack(self, value: object, key: object, encoded: bytes) -> bytes:
        """Return the payload of a value; `encoded` is its key in the store.

        Raises
        ------
        StoreError
            If the value is of a type that cannot be stored; the text names type and key.
        """
        try:
            payload = codec.encode(value, key)
        except StoreError:
            if self._signer is None:
                raise
            payload = _SIGNED + _pickled(self._signer, value, key, encoded)
        return payload if len(payload) < self._compress_bytes else _compressed(payload)

    def unpack(self, data: bytes, start: int, encoded: bytes) -> Any:
        """Return the value whose payload begins at `start` and ends with the data.

        Raises
        ------
        StoreError
            If the payload was not made by `pack`, or is a pickle that this object has no key for.
        """
        mark = data[start : start + 1]
        if mark == _ZSTD:
            return self.unpack(_expanded(data[start + 1 :]), 0, encoded)
        if mark != _SIGNED:
            return codec.decode(data, start)
        if self._signer is None:
            raise StoreError("The stored value is a pickle, and this cache was given no key for pickles.")
        try:
            return self._signer.load(data[start + 1 :], encoded)
        except StoreError:
            raise
        except Exception as error:
            # Its class may have moved or changed since; unpickling then fails in whatever way that class chooses.
            raise StoreError(f"The stored pickle cannot be read: {type(error).__name__}: {error}.") from error


def _pickled(signer: SignedPickle, value: object, key: object, encoded: bytes) -> bytes:
    try:
        return signer.dump(value, encoded)
    except Exception as error:  # objects choose what their pickling raises
        raise StoreError(
            f"The value for the key {codec.short(key)} cannot be stored: {type(value).__module__}."
            f"{type(value).__qualname__} cannot be pickled ({error}); store plain data instead."
        ) from error


def _compressed(payload: bytes) -> bytes:
    import pyarrow as pa

    packed: bytes = pa.compress(payload, codec="zstd", asbytes=True)
    worth_it = len(packed) < _WORTH_IT * len(payload)
    return _ZSTD + LENGTH.pack(len(payload)) + packed if worth_it else payload


def _expanded(data: bytes) -> bytes:
    import pyarrow as pa

    if len(data) < LENGTH.size:
        raise StoreError(f"The stored value has {len(data)} bytes after its mark; {LENGTH.size} or more are needed.")
    size = LENGTH.unpack_from(data)[0]
    try:
        payload: bytes = pa.decompress(data[LENGTH.size :], decompressed_size=size, codec="zstd", asbytes=True)
    except (OSError, MemoryError, OverflowError, ValueError) as error:
        raise StoreError(f"The stored value cannot be decompressed: {error}.") from error
    if payload[:1] == _ZSTD:
        raise StoreError("The stored value was compressed twice, which this package never does.")
    return payload
