"""A hash of any plain value that is the same in every process.

In: what an arm returned. Out: a digest, or None for values that have no canonical form.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

__all__ = ["digest_of"]


class _NotPlainError(TypeError):
    """The value has no canonical form."""


def digest_of(value: object) -> str | None:
    """Return the hash of a value's type and content.

    Sets and mappings have the same digest in any order. Plain are None, numbers, text, bytes, paths, lists, tuples,
    sets, mappings, dataclasses, numpy arrays and pandas frames of these; for others, and for None itself, there is
    nothing to compare and the digest is None.

    Examples
    --------
    >>> digest_of({"a": {1, 2}, "b": 1.5}) == digest_of({"b": 1.5, "a": {2, 1}})
    True
    >>> digest_of([1]) == digest_of((1,)), digest_of(object())
    (False, None)
    """
    if value is None:
        return None
    try:
        return _hash(b"perflab-output", [_canonical(value)]).hex()
    except (_NotPlainError, RecursionError):
        return None


def _canonical(value: Any) -> bytes:
    kind = type(value).__qualname__.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return _hash(kind, [bytes(value)])
    if isinstance(value, str | PurePath):
        return _hash(kind, [str(value).encode("utf-8", "surrogatepass")])
    if value is None or isinstance(value, bool | int | float | complex):
        return _hash(kind, [repr(value).encode()])
    if isinstance(value, list | tuple):
        return _hash(kind, map(_canonical, value))
    if isinstance(value, set | frozenset):
        return _hash(kind, sorted(map(_canonical, value)))
    if isinstance(value, Mapping):
        return _hash(kind, sorted(_canonical(key) + _canonical(item) for key, item in value.items()))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return _hash(kind, [_canonical((name, getattr(value, name))) for name in names])
    return _array(kind, value)


def _array(kind: bytes, value: Any) -> bytes:
    """Hash what numpy and pandas make, known by what they offer so that neither is imported here."""
    if hasattr(value, "to_numpy") and hasattr(value, "index"):
        columns = value.items() if hasattr(value, "columns") else [(value.name, value)]
        parts = [(name, str(column.dtype), column.tolist()) for name, column in columns]
        return _hash(kind, [_canonical(parts), _canonical(value.index.tolist())])
    dtype = getattr(value, "dtype", None)
    if dtype is None or dtype.hasobject or not hasattr(value, "tobytes"):
        raise _NotPlainError(f"{kind.decode()} has no canonical form")
    return _hash(kind, [str(dtype).encode(), repr(value.shape).encode(), value.tobytes()])


def _hash(kind: bytes, parts: Iterable[bytes]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in (kind, *parts):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
