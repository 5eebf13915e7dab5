"""Keys that mean the same in every tier and in every process.

In: hashable plain data. Out: canonical bytes (`encode_key`), and the dict keys that memory tiers file entries under.
"""

from __future__ import annotations

from collections.abc import Hashable

from perflab.cache.codec import values as codec
from perflab.errors import StoreError

__all__ = ["UnsupportedKeyError", "decode_key", "encode_key", "place_of", "slot_of"]


class UnsupportedKeyError(StoreError, ValueError):
    """A key is of a type that has no canonical bytes."""


def encode_key(key: Hashable) -> bytes:
    """Return canonical bytes of a key: the same in each process and under each hash seed.

    Raises
    ------
    TypeError
        If the key is not hashable.
    UnsupportedKeyError
        If it holds something other than plain data; it is both a `StoreError` and a `ValueError`.

    Examples
    --------
    >>> len({encode_key(key) for key in (1, 1.0, True, (1,), (1.0,), "1", b"1")})
    7
    >>> encode_key(float("nan")) == encode_key(float("nan"))
    True
    """
    hash(key)
    try:
        return codec.encode(key)
    except StoreError as error:
        raise UnsupportedKeyError(
            f"A key of type {type(key).__qualname__} cannot be stored ({str(error).rstrip('.')}); "
            "use text, numbers, bytes, dates, paths, or tuples and frozensets of them."
        ) from error


def decode_key(data: bytes) -> Hashable:
    """Return the key that `encode_key` wrote; StoreError if these are not its bytes."""
    key: Hashable = codec.decode(data)
    try:
        hash(key)
    except TypeError as error:
        raise StoreError(f"The stored key is of the type {type(key).__qualname__}, which no key has.") from error
    return key


def slot_of(key: Hashable) -> Hashable:
    """Return what a dict files a key under, so that `1`, `1.0` and `True` stay apart and NaN finds itself.

    Text and whole numbers, which equal nothing else here, stand for themselves: the common case stays fast.

    Examples
    --------
    >>> slot_of("page-1"), slot_of(1) == slot_of(True)
    ('page-1', False)
    """
    kind = type(key)
    return key if kind is str or kind is int else encode_key(key)


def place_of(key: Hashable) -> Hashable:
    """Return the same for any hashable key: one without canonical bytes is filed under itself and its type.

    Memory needs no bytes, and the keys that `cachetools.keys` makes have classes in them.

    Examples
    --------
    >>> place_of((int, 1)) == place_of((int, 1.0)), place_of((int, 1)) == place_of((int, 1))
    (False, True)
    """
    try:
        return slot_of(key)
    except UnsupportedKeyError:
        return (type(key), tuple(map(place_of, key)) if isinstance(key, tuple) else key)
