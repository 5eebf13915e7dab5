"""Sizes and shares as people write them.

In: `"50MB"`, `"50MiB"`, `1048576`, `"75%"`, `0.75`. Out: whole bytes, a ratio between 0 and 1, or text for a table.
"""

from __future__ import annotations

import math
import re

__all__ = ["exact_bytes", "format_bytes", "format_quantity", "format_seconds", "parse_bytes", "parse_ratio"]

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_SIZE = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<prefix>[kmgt]?)(?P<binary>i?)b?\s*", re.IGNORECASE)


def parse_bytes(size: int | float | str) -> int:
    """Return a size in whole bytes.

    Parameters
    ----------
    size
        Bytes as a number, or text with a decimal (`kB`, `MB`, `GB`, `TB`) or binary (`KiB`, `MiB`, ...) unit.

    Raises
    ------
    ValueError
        If the text is no size, or the size is negative or not finite.

    Examples
    --------
    >>> parse_bytes("50MB"), parse_bytes("50MiB"), parse_bytes(1_024)
    (50000000, 52428800, 1024)
    """
    if isinstance(size, bool) or not isinstance(size, int | float | str):
        raise ValueError(f"{size!r} is not a size; write bytes as a number, or '50MB' or '50MiB'")
    if isinstance(size, str):
        match = _SIZE.fullmatch(size)
        if match is None or (match["binary"] and not match["prefix"]):
            raise ValueError(f"{size!r} is not a size; write bytes as a number, or '50MB' or '50MiB'")
        base = 1024 if match["binary"] else 1000
        return round(float(match["number"]) * float(base ** _POWERS[match["prefix"].lower()]))
    if not math.isfinite(size) or size < 0 or size != int(size):
        raise ValueError(f"{size!r} is not a size; it must be a whole number of bytes, 0 or more")
    return int(size)


def parse_ratio(share: float | str) -> float:
    """Return a share as a ratio; text with a percent sign is divided by 100.

    Examples
    --------
    >>> parse_ratio("75%"), parse_ratio(0.75)
    (0.75, 0.75)
    """
    if isinstance(share, bool):
        raise ValueError(f"{share!r} is not a share; write a ratio such as 0.75, or '75%'")
    try:
        if isinstance(share, str) and share.strip().endswith("%"):
            return float(share.strip()[:-1]) / 100
        return float(share)
    except (TypeError, ValueError):
        raise ValueError(f"{share!r} is not a share; write a ratio such as 0.75, or '75%'") from None


def format_bytes(size: float) -> str:
    """Return a size with a decimal unit and three significant digits.

    Examples
    --------
    >>> format_bytes(52_428_800), format_bytes(17), format_bytes(999_999)
    ('52.4 MB', '17 B', '1.00 MB')
    """
    return _with_prefix(size, "B", ("", "k", "M", "G", "T"))


def exact_bytes(size: int) -> str:
    """Return the shortest text of a size from which `parse_bytes` makes the same size.

    Examples
    --------
    >>> exact_bytes(104_857_600), exact_bytes(50_000_000), exact_bytes(1_500_000), exact_bytes(1_023)
    ('100 MiB', '50 MB', '1.5 MB', '1023 B')
    """
    texts = [f"{size} B"]
    for power, prefix in enumerate("kMGT", 1):
        for base, unit in ((1000, f"{prefix}B"), (1024, f"{prefix.upper()}iB")):
            text = f"{size / base**power:.3f}".rstrip("0").rstrip(".")
            texts.append(f"{text} {unit}")
    return min((text for text in texts if parse_bytes(text) == size), key=len)


def format_seconds(duration: float) -> str:
    """Return a duration with the unit that reads best.

    Examples
    --------
    >>> format_seconds(0.00031), format_seconds(12.34), format_seconds(0.0)
    ('310 µs', '12.3 s', '0 s')
    """
    if not math.isfinite(duration):
        return f"{duration} s"
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if abs(duration) * scale >= 1:
            return f"{_three_digits(duration * scale)} {unit}"
    return "0 s" if duration == 0 else f"{_three_digits(duration * 1e9)} ns"


def format_quantity(value: float | None, unit: str) -> str:
    """Return a value as text in the unit of a frame's column (`s`, `bytes`, `ratio`, `count`, ...).

    Examples
    --------
    >>> format_quantity(0.913, "ratio"), format_quantity(2_000_000, "bytes"), format_quantity(None, "s")
    ('91.3 %', '2.00 MB', 'unavailable')
    """
    if value is None or not math.isfinite(value):
        return "unavailable"
    if unit == "ratio":
        return f"{value * 100:.1f} %"
    if unit == "bytes":
        return format_bytes(value)
    if unit == "s":
        return format_seconds(value)
    return f"{value:g}" if unit in ("", "count") else f"{value:g} {unit}"


def _with_prefix(value: float, unit: str, prefixes: tuple[str, ...]) -> str:
    for prefix in prefixes[:-1]:
        if abs(value) < 999.5:
            return f"{int(value)} {unit}" if prefix == "" else f"{_three_digits(value)} {prefix}{unit}"
        value /= 1000
    return f"{_three_digits(value)} {prefixes[-1]}{unit}"


def _three_digits(value: float) -> str:
    digits = 2 - min(2, max(0, math.floor(math.log10(abs(value))))) if value else 0
    return f"{value:.{digits}f}"
