"""What every encoded value is made of: lengths, runs of bytes, text.

In: bytes and text. Out: fields that tell their own length; a reader takes them off again, or says what is wrong.
"""

from __future__ import annotations

import struct

from perflab.errors import StoreError

__all__ = ["LENGTH", "Reader", "UnsupportedError", "sized", "text_bytes"]

LENGTH = struct.Struct(">Q")


class UnsupportedError(Exception):
    """A value has no encoding; the text says what and why."""


class Reader:
    """Takes fields off encoded bytes, one after the other, from `at` on."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def take(self, count: int) -> bytes:
        """Return the next bytes; StoreError if there are fewer."""
        part = self.data[self.at : self.at + count]
        if len(part) != count:
            raise StoreError(
                f"The stored value ends after {len(self.data)} bytes; {count - len(part)} more are needed."
            )
        self.at += count
        return part

    def sized(self) -> bytes:
        """Return the next field of `sized`."""
        return self.take(self.length())

    def length(self) -> int:
        """Return the next number."""
        return int(LENGTH.unpack(self.take(8))[0])

    def text(self) -> str:
        """Return the next field of `text_bytes`."""
        return self.sized().decode("utf-8", "surrogatepass")


def sized(body: bytes) -> bytes:
    """Return bytes with their length before them."""
    return LENGTH.pack(len(body)) + body


def text_bytes(value: str) -> bytes:
    """Return text as a field; lone surrogates, as in file names, are kept."""
    return sized(value.encode("utf-8", "surrogatepass"))
