"""How a file's bytes form characters and lines.

In: the first bytes of a file. Out: an `Encoding` that finds characters' borders and counts lines.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

__all__ = ["SNIFFED_BYTES", "UTF8", "Encoding", "encoding_named", "encoding_of"]

SNIFFED_BYTES = 8192  # how far a NUL is looked for, as git does


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding as far as cutting needs it.

    Attributes
    ----------
    name
        `utf-8` (also for any other text of single bytes), `binary`, or a Python name of UTF-16 or UTF-32.
    unit
        Bytes of one code unit; every border is a multiple of it.
    newline
        The bytes of a line feed.
    """

    name: str
    unit: int
    newline: bytes

    def border(self, data: bytes, at: int) -> int:
        """Return the last border of a character at or before `at`, at most three bytes or one unit earlier.

        Bytes that are no valid text have no borders; then `at` itself (rounded to the unit) is returned.
        """
        at -= at % self.unit
        if at <= 0 or at >= len(data) or self.name == "binary":
            return at
        if self.unit == 2:
            return at - 2 if self._low_surrogate(data[at : at + 2]) else at
        if self.unit == 1:
            for back in range(4):
                if at - back > 0 and data[at - back] & 0xC0 != 0x80:
                    return at - back
        return at

    def lines(self, data: bytes) -> int:
        """Return the number of line feeds in whole characters."""
        if self.unit == 1:
            return data.count(b"\n")
        return data.decode(self.name, "replace").count("\n")

    def _low_surrogate(self, unit: bytes) -> bool:
        return len(unit) == 2 and unit[0 if self.name.endswith("be") else 1] & 0xFC == 0xDC


UTF8 = Encoding("utf-8", 1, b"\n")
_BINARY = Encoding("binary", 1, b"\n")
_BY_MARK = (  # UTF-32's mark begins with that of UTF-16, so it is asked for first
    (codecs.BOM_UTF32_LE, Encoding("utf-32-le", 4, b"\n\0\0\0")),
    (codecs.BOM_UTF32_BE, Encoding("utf-32-be", 4, b"\0\0\0\n")),
    (codecs.BOM_UTF16_LE, Encoding("utf-16-le", 2, b"\n\0")),
    (codecs.BOM_UTF16_BE, Encoding("utf-16-be", 2, b"\0\n")),
)

_BY_NAME = {encoding.name: encoding for encoding in (UTF8, _BINARY, *(encoding for _, encoding in _BY_MARK))}


def encoding_named(name: str) -> Encoding:
    """Return the encoding of a name that `encoding_of` gave; raises `KeyError` for another one."""
    return _BY_NAME[name]


def encoding_of(head: bytes) -> Encoding:
    """Return the encoding that a file's first bytes show: by a byte-order mark, else binary if there is a NUL.

    Examples
    --------
    >>> encoding_of(b"\\xff\\xfea\\0").name, encoding_of(b"\\x7fELF\\0").name, encoding_of(b"x = 1").name
    ('utf-16-le', 'binary', 'utf-8')
    """
    for mark, encoding in _BY_MARK:
        if head.startswith(mark):
            return encoding
    return _BINARY if b"\0" in head[:SNIFFED_BYTES] else UTF8
