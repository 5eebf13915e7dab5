"""Values as bytes and back, without pickle: decoding builds data and never runs anything.

In: None, bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset, dates, paths, numpy arrays without
objects, pandas frames and series. Out: `bytes` that say their own version and types; equal values give equal bytes.
"""

from __future__ import annotations

import datetime as dt
import itertools
import pathlib
import struct
from collections.abc import Callable
from typing import Any

from perflab.errors import StoreError

__all__ = ["CODEC_VERSION", "decode", "encode"]

CODEC_VERSION = 1
DEEPEST = 200
_LENGTH = struct.Struct(">Q")
_DOUBLE = struct.Struct(">d")
_DAY = struct.Struct(">HBB")
_TIME = struct.Struct(">HBBBBBIB")
_DELTA = struct.Struct(">iiI")
_TIMEZONE, _ZONEINFO, _NAIVE = b"o", b"k", b"-"
_ARRAYS = {
    "numpy.ndarray": b"A",
    "numpy.generic": b"g",
    "pandas.DataFrame": b"P",
    "pandas.Series": b"Q",
}


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
    out = bytearray((CODEC_VERSION,))
    try:
        _write(value, out, 0)
    except _UnsupportedError as problem:
        where = "" if key is None else f" for the key {_short(key)}"
        raise StoreError(
            f"The value{where} cannot be stored: {problem}; store plain data, numpy arrays or pandas frames."
        ) from problem.__cause__
    return bytes(out)


def decode(data: bytes) -> Any:
    """Return the value that `encode` wrote.

    Raises
    ------
    StoreError
        If the bytes are of another version, cut short, followed by more, or not written by `encode`.
    """
    if not data or data[0] != CODEC_VERSION:
        raise StoreError(
            f"The stored value has the version {data[:1].hex() or 'none'}; allowed is {CODEC_VERSION:02x}."
        )
    reader = _Reader(data)
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


class _UnsupportedError(Exception):
    """A value has no encoding; the text says what and why."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 1

    def take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        if len(part) != count:
            raise StoreError(
                f"The stored value ends after {len(self.data)} bytes; {count - len(part)} more are needed."
            )
        self.at += count
        return part

    def sized(self) -> bytes:
        return self.take(self.length())

    def length(self) -> int:
        return int(_LENGTH.unpack(self.take(8))[0])


def _short(value: object) -> str:
    try:
        text = repr(value)
    except Exception as error:  # a key's own __repr__ may do anything; the refusal must still be told
        return f"of type {type(value).__qualname__}, whose repr raised {type(error).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _write(value: Any, out: bytearray, depth: int) -> None:
    if depth > DEEPEST:
        raise _UnsupportedError(f"it is nested more than {DEEPEST} deep, or refers to itself")
    kind = type(value)
    if kind in _WRITERS:
        tag, body = _WRITERS[kind]
        out += tag
        out += body(value)
    elif kind in _CONTAINERS:
        out += _CONTAINERS[kind]
        _write_items(value, kind, out, depth + 1)
    else:
        _write_array(value, out)


def _write_items(value: Any, kind: type, out: bytearray, depth: int) -> None:
    out += _LENGTH.pack(len(value))
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
    from perflab.cache import arrays

    name = arrays.kind_of(value)
    if name is None:
        raise _UnsupportedError(f"{type(value).__module__}.{type(value).__qualname__} is not a supported type")
    try:
        body = arrays.ENCODERS[name](value)
    except (ValueError, TypeError) as error:
        raise _UnsupportedError(f"this {name} does not survive storing ({error})") from error
    out += _ARRAYS[name] + _sized(body)


def _read(reader: _Reader, depth: int) -> Any:
    if depth > DEEPEST:
        raise StoreError(f"The stored value is nested more than {DEEPEST} deep.")
    tag = reader.take(1)
    if tag in _READERS:
        return _READERS[tag](reader)
    if tag in _BUILDERS:
        build = _BUILDERS[tag]
        count = reader.length() * (2 if build is _pairs else 1)
        return build([_read(reader, depth + 1) for _ in range(count)])
    name = next((name for name, known in _ARRAYS.items() if known == tag), None)
    if name is None:
        raise StoreError(f"The stored value has the unknown type mark {tag!r}.")
    from perflab.cache import arrays

    return arrays.DECODERS[name](reader.sized())


def _sized(body: bytes) -> bytes:
    return _LENGTH.pack(len(body)) + body


def _int_bytes(value: int) -> bytes:
    return _sized(value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _text_bytes(value: str) -> bytes:
    return _sized(value.encode("utf-8", "surrogatepass"))


def _text(reader: _Reader) -> str:
    return reader.sized().decode("utf-8", "surrogatepass")


def _datetime_bytes(value: dt.datetime) -> bytes:
    time = (value.hour, value.minute, value.second, value.microsecond, value.fold)
    return _TIME.pack(value.year, value.month, value.day, *time) + _zone_bytes(value.tzinfo)


def _zone_bytes(zone: dt.tzinfo | None) -> bytes:
    if zone is None:
        return _NAIVE
    if type(zone) is dt.timezone:
        name = zone.tzname(None)
        return _TIMEZONE + _delta_bytes(zone.utcoffset(None)) + _text_bytes(name)
    key = getattr(zone, "key", None)
    if type(zone).__module__.startswith("zoneinfo") and isinstance(key, str):
        return _ZONEINFO + _text_bytes(key)
    raise _UnsupportedError(f"the time zone {zone!r} is neither a datetime.timezone nor a named zoneinfo.ZoneInfo")


def _datetime(reader: _Reader) -> dt.datetime:
    *fields, fold = _TIME.unpack(reader.take(_TIME.size))
    return dt.datetime(*fields).replace(fold=fold, tzinfo=_zone(reader))


def _zone(reader: _Reader) -> dt.tzinfo | None:
    mark = reader.take(1)
    if mark == _NAIVE:
        return None
    if mark == _TIMEZONE:
        offset, name = _delta(reader), _text(reader)
        plain = dt.timezone(offset)
        return plain if plain.tzname(None) == name else dt.timezone(offset, name)
    import zoneinfo

    return zoneinfo.ZoneInfo(_text(reader))


def _delta_bytes(value: dt.timedelta) -> bytes:
    return _DELTA.pack(value.days, value.seconds, value.microseconds)


def _delta(reader: _Reader) -> dt.timedelta:
    return dt.timedelta(*_DELTA.unpack(reader.take(_DELTA.size)))


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))


_Path = type(pathlib.Path())
_WRITERS: dict[type, tuple[bytes, Callable[[Any], bytes]]] = {
    type(None): (b"N", lambda _: b""),
    bool: (b"B", lambda value: b"\1" if value else b"\0"),
    int: (b"i", _int_bytes),
    float: (b"f", _DOUBLE.pack),
    complex: (b"c", lambda value: _DOUBLE.pack(value.real) + _DOUBLE.pack(value.imag)),
    str: (b"s", _text_bytes),
    bytes: (b"b", _sized),
    dt.datetime: (b"D", _datetime_bytes),
    dt.date: (b"a", lambda value: _DAY.pack(value.year, value.month, value.day)),
    dt.timedelta: (b"y", _delta_bytes),
    _Path: (b"p", lambda value: _text_bytes(str(value))),
}
_READERS: dict[bytes, Callable[[_Reader], Any]] = {
    b"N": lambda _: None,
    b"B": lambda reader: reader.take(1) == b"\1",
    b"i": lambda reader: int.from_bytes(reader.sized(), "big", signed=True),
    b"f": lambda reader: _DOUBLE.unpack(reader.take(8))[0],
    b"c": lambda reader: complex(_DOUBLE.unpack(reader.take(8))[0], _DOUBLE.unpack(reader.take(8))[0]),
    b"s": _text,
    b"b": _Reader.sized,
    b"D": _datetime,
    b"a": lambda reader: dt.date(*_DAY.unpack(reader.take(_DAY.size))),
    b"y": _delta,
    b"p": lambda reader: _Path(_text(reader)),
}
_CONTAINERS: dict[type, bytes] = {tuple: b"t", list: b"l", dict: b"d", set: b"S", frozenset: b"z"}
_BUILDERS: dict[bytes, Callable[[list[Any]], Any]] = {
    b"t": tuple,
    b"l": list,
    b"d": _pairs,
    b"S": set,
    b"z": frozenset,
}
