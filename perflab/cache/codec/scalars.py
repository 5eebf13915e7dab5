"""Single values as bytes and back: numbers, text, dates, paths.

In: a value of one of the types in `WRITERS`. Out: its mark and its bytes; `READERS` takes them off again.
"""

from __future__ import annotations

import datetime as dt
import decimal
import pathlib
import struct
import uuid
from collections.abc import Callable
from typing import Any

from perflab.cache.codec.fields import Reader, UnsupportedError, sized, text_bytes

__all__ = ["READERS", "WRITERS"]

_DOUBLE = struct.Struct(">d")
_DAY = struct.Struct(">HBB")
_CLOCK = struct.Struct(">BBBIB")
_DELTA = struct.Struct(">iiI")
_TIMEZONE, _ZONEINFO, _NAIVE = b"o", b"k", b"-"


def _int_bytes(value: int) -> bytes:
    return sized(value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _int(reader: Reader) -> int:
    return int.from_bytes(reader.sized(), "big", signed=True)


def _double(reader: Reader) -> float:
    return float(_DOUBLE.unpack(reader.take(8))[0])


def _complex_bytes(value: complex) -> bytes:
    return _DOUBLE.pack(value.real) + _DOUBLE.pack(value.imag)


def _day_bytes(value: dt.date) -> bytes:
    return _DAY.pack(value.year, value.month, value.day)


def _day(reader: Reader) -> dt.date:
    return dt.date(*_DAY.unpack(reader.take(_DAY.size)))


def _clock_bytes(value: dt.time | dt.datetime) -> bytes:
    fields = (value.hour, value.minute, value.second, value.microsecond, value.fold)
    return _CLOCK.pack(*fields) + _zone_bytes(value.tzinfo)


def _clock(reader: Reader) -> dt.time:
    hour, minute, second, microsecond, fold = _CLOCK.unpack(reader.take(_CLOCK.size))
    return dt.time(hour, minute, second, microsecond, _zone(reader), fold=fold)


def _moment_bytes(value: dt.datetime) -> bytes:
    return _day_bytes(value) + _clock_bytes(value)


def _moment(reader: Reader) -> dt.datetime:
    return dt.datetime.combine(_day(reader), _clock(reader))


def _zone_bytes(zone: dt.tzinfo | None) -> bytes:
    if zone is None:
        return _NAIVE
    if type(zone) is dt.timezone:
        name = zone.tzname(None)
        return _TIMEZONE + _delta_bytes(zone.utcoffset(None)) + text_bytes(name)
    key = getattr(zone, "key", None)
    if type(zone).__module__.startswith("zoneinfo") and isinstance(key, str):
        return _ZONEINFO + text_bytes(key)
    raise UnsupportedError(f"the time zone {zone!r} is neither a datetime.timezone nor a named zoneinfo.ZoneInfo")


def _zone(reader: Reader) -> dt.tzinfo | None:
    mark = reader.take(1)
    if mark == _NAIVE:
        return None
    if mark == _TIMEZONE:
        offset, name = _delta(reader), reader.text()
        plain = dt.timezone(offset)
        return plain if plain.tzname(None) == name else dt.timezone(offset, name)
    import zoneinfo

    return zoneinfo.ZoneInfo(reader.text())


def _delta_bytes(value: dt.timedelta) -> bytes:
    return _DELTA.pack(value.days, value.seconds, value.microseconds)


def _delta(reader: Reader) -> dt.timedelta:
    return dt.timedelta(*_DELTA.unpack(reader.take(_DELTA.size)))


_Path = type(pathlib.Path())
WRITERS: dict[type, tuple[bytes, Callable[[Any], bytes]]] = {
    type(None): (b"N", lambda _: b""),
    bool: (b"B", lambda value: b"\1" if value else b"\0"),
    int: (b"i", _int_bytes),
    float: (b"f", _DOUBLE.pack),
    complex: (b"c", _complex_bytes),
    str: (b"s", text_bytes),
    bytes: (b"b", sized),
    bytearray: (b"r", sized),
    dt.datetime: (b"D", _moment_bytes),
    dt.date: (b"a", _day_bytes),
    dt.time: (b"h", _clock_bytes),
    dt.timedelta: (b"y", _delta_bytes),
    decimal.Decimal: (b"m", lambda value: text_bytes(str(value))),
    uuid.UUID: (b"u", lambda value: value.bytes),
    _Path: (b"p", lambda value: text_bytes(str(value))),
}
READERS: dict[bytes, Callable[[Reader], Any]] = {
    b"N": lambda _: None,
    b"B": lambda reader: reader.take(1) == b"\1",
    b"i": _int,
    b"f": _double,
    b"c": lambda reader: complex(_double(reader), _double(reader)),
    b"s": Reader.text,
    b"b": Reader.sized,
    b"r": lambda reader: bytearray(reader.sized()),
    b"D": _moment,
    b"a": _day,
    b"h": _clock,
    b"y": _delta,
    b"m": lambda reader: decimal.Decimal(reader.text()),
    b"u": lambda reader: uuid.UUID(bytes=reader.take(16)),
    b"p": lambda reader: _Path(reader.text()),
}
