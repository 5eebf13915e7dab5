"""Values as bytes and back, without pickle: decoding builds data and never runs anything.

In: None, bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset, dates and times, Decimal, UUID,
paths, numpy arrays without objects, pandas frames and series, Arrow tables. Out: `bytes` that say their own version and
types; equal values give equal bytes.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from typing import Any

from perflab.cache.codec.fields import LENGTH, Reader, UnsupportedError, sized
from perflab.cache.codec.scalars import READERS, WRITERS
from perflab.errors import StoreError

__all__ = ["CODEC_VERSION", "decode", "encode", "short"]

CODEC_VERSION = 1
DEEPEST = 200
_ARRAYS = {
    "numpy.ndarray": b"A",
    "numpy.generic": b"g",
    "pandas.DataFrame": b"P",
    "pandas.Series": b"Q",
    "pyarrow.Table": b"T",
}
_VERSION = bytes((CODEC_VERSION,))
_TEXT, _BYTES = _VERSION + WRITERS[str][0], _VERSION + WRITERS[bytes][0]
_LEAD = struct.Struct(">2sQ")
_FIRST = _LEAD.size


def encode(value: object, key: object = None) -> bytes:
    """Return a value as bytes that `decode` turns into an equal value of the same type.

    Sets are written in the order of their items' bytes, so the result does not depend on the hash seed. Objects that
    are shared inside a value come back as equal copies.

    Parameters
    ----------
    value
        What to encode. Subclasses (named tuples, enumerations) are refused: their type would be lost.
    key
        Named in the error.

    Raises
    ------
    StoreError
        If the value, or something in it, is of another type, refers to itself, or is nested more than 200 deep.

    Examples
    --------
    >>> decode(encode({"pages": [1, 2.5, None], ("a", True): b"raw"}))
    {'pages': [1, 2.5, None], ('a', True): b'raw'}
    >>> encode(1) == encode(1.0) or encode(1) == encode(True)
    False
    """
    # Most keys and many values are text or bytes: they spare the walk below, and give the same bytes.
    if type(value) is str:
        body = value.encode("utf-8", "surrogatepass")
        return _TEXT + LENGTH.pack(len(body)) + body
    if type(value) is bytes:
        return _BYTES + LENGTH.pack(len(value)) + value
    out = bytearray(_VERSION)
    try:
        _write(value, out, 0)
    except UnsupportedError as problem:
        where = "" if key is None else f" for the key {short(key)}"
        raise StoreError(
            f"The value{where} cannot be stored: {problem}; store plain data, numpy arrays, pandas frames or Arrow "
            "tables."
        ) from problem.__cause__
    return bytes(out)


def decode(data: bytes, start: int = 0) -> Any:
    """Return the value that `encode` wrote, whose bytes begin at `start` and end with the data.

    Raises
    ------
    StoreError
        If the bytes are of another version, cut short, followed by more, or not written by `encode`.
    """
    first = start + _FIRST
    if len(data) >= first and data[start:first] == _LEAD.pack(_BYTES, len(data) - first):
        return data[first:]
    if data[start : start + 1] != _VERSION:
        found = data[start : start + 1].hex() or "none"
        raise StoreError(f"The stored value has the version {found}; allowed is {CODEC_VERSION:02x}.")
    reader = Reader(data, start + 1)
    try:
        value = _read(reader, 0)
    except StoreError:
        raise
    except Exception as error:
        # Foreign bytes make the parsers below fail in their own many ways; each means the same to the caller.
        raise StoreError(f"The stored value cannot be read: {type(error).__name__}: {error}.") from error
    if reader.at != len(data):
        raise StoreError(f"The stored value is followed by {len(data) - reader.at} bytes that are not its own.")
    return value


def short(value: object) -> str:
    """Return an object's repr for a message: at most 80 characters, and something where repr itself fails."""
    try:
        text = repr(value)
    except Exception as error:  # a key's own __repr__ may do anything; the refusal must still be told
        return f"of type {type(value).__qualname__}, whose repr raised {type(error).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _write(value: Any, out: bytearray, depth: int) -> None:
    if depth > DEEPEST:
        raise UnsupportedError(f"it is nested more than {DEEPEST} deep, or refers to itself")
    kind = type(value)
    if kind in WRITERS:
        tag, body = WRITERS[kind]
        out += tag
        out += body(value)
    elif kind in _CONTAINERS:
        out += _CONTAINERS[kind]
        _write_items(value, kind, out, depth + 1)
    else:
        _write_array(value, out)


def _write_items(value: Any, kind: type, out: bytearray, depth: int) -> None:
    out += LENGTH.pack(len(value))
    if kind in (set, frozenset):
        for part in sorted(_encoded(item, depth) for item in value):
            out += part
        return
    for item in itertools.chain.from_iterable(value.items()) if kind is dict else value:
        _write(item, out, depth)


def _encoded(item: Any, depth: int) -> bytes:
    part = bytearray()
    _write(item, part, depth)
    return bytes(part)


def _write_array(value: object, out: bytearray) -> None:
    from perflab.cache.codec import arrays

    name = arrays.kind_of(value)
    if name is None:
        raise UnsupportedError(f"{type(value).__module__}.{type(value).__qualname__} is not a supported type")
    try:
        body = arrays.ENCODERS[name](value)
    except (ValueError, TypeError, NotImplementedError) as error:  # the last is Arrow's, of a column type it lacks
        raise UnsupportedError(f"this {name} does not survive storing ({error})") from error
    out += _ARRAYS[name] + sized(body)


def _read(reader: Reader, depth: int) -> Any:
    if depth > DEEPEST:
        raise StoreError(f"The stored value is nested more than {DEEPEST} deep.")
    tag = reader.take(1)
    if tag in READERS:
        return READERS[tag](reader)
    if tag in _BUILDERS:
        build = _BUILDERS[tag]
        count = reader.length() * (2 if build is _pairs else 1)
        return build([_read(reader, depth + 1) for _ in range(count)])
    name = next((name for name, known in _ARRAYS.items() if known == tag), None)
    if name is None:
        raise StoreError(f"The stored value has the unknown type mark {tag!r}.")
    from perflab.cache.codec import arrays

    return arrays.DECODERS[name](reader.sized())


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))


_CONTAINERS: dict[type, bytes] = {tuple: b"t", list: b"l", dict: b"d", set: b"S", frozenset: b"z"}
_BUILDERS: dict[bytes, Callable[[list[Any]], Any]] = {
    b"t": tuple,
    b"l": list,
    b"d": _pairs,
    b"S": set,
    b"z": frozenset,
}
