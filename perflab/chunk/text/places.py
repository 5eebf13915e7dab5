"""Offsets in a file and lines and columns, each from the other.

In: a file's bytes. Out: `Places`, which answers for any offset, line or column.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal, NamedTuple

from perflab.chunk.text.encoding import encoding_of
from perflab.chunk.text.plain import line_starts
from perflab.errors import ConfigError

__all__ = ["Places", "Position"]

Columns = Literal["bytes", "characters", "utf-16"]


class Position(NamedTuple):
    """A line, counted from 1 as in `Chunk`, and a column, counted from 0."""

    line: int
    column: int


class Places:
    """The lines of some bytes.

    Parameters
    ----------
    data
        The bytes. Only a line feed ends a line, as in `Chunk`.
    columns
        What a column counts: bytes, characters, or code units of UTF-16 as editors that speak LSP do. Bytes that are no
        valid text count as one character each.

    Examples
    --------
    >>> places = Places("a = 1\\nb = 'ä'  # c\\n".encode(), columns="characters")
    >>> places.position(17), places.offset(2, 9)
    (Position(line=2, column=10), 16)
    """

    def __init__(self, data: bytes, columns: Columns = "bytes") -> None:
        if columns not in ("bytes", "characters", "utf-16"):
            raise ConfigError(f"columns is {columns!r}; it must be 'bytes', 'characters' or 'utf-16'")
        self._data = data
        self._columns = columns
        self._encoding = encoding_of(data)
        self._starts = [0, *line_starts(data, 1, len(data), self._encoding)]

    def position(self, offset: int) -> Position:
        """Return the line and the column of an offset in bytes; inside a character, those of the character.

        Raises
        ------
        ConfigError
            If the offset is not in the data, or right behind it.
        """
        if not 0 <= offset <= len(self._data):
            raise ConfigError(f"the offset is {offset}; it must be from 0 to {len(self._data)}")
        line = bisect_right(self._starts, offset)
        start = self._starts[line - 1]
        if self._columns == "bytes":
            return Position(line, offset - start)
        return Position(line, sum(self._widths(self._data[start : self._border(offset)])))

    def offset(self, line: int, column: int) -> int:
        """Return the offset in bytes of a line and a column; behind the line's last column, that of its end.

        Raises
        ------
        ConfigError
            If there is no such line, or the column is negative.
        """
        if not 1 <= line <= len(self._starts) or column < 0:
            raise ConfigError(
                f"line {line}, column {column} is none; lines are 1 to {len(self._starts)}, columns from 0"
            )
        start = self._starts[line - 1]
        stop = self._starts[line] - len(self._encoding.newline) if line < len(self._starts) else len(self._data)
        if self._columns == "bytes":
            return min(start + column, stop)
        at = start
        for character in self._text(self._data[start:stop]):
            column -= self._width(character)
            if column < 0:
                break
            at += len(character.encode(self._codec, "surrogateescape"))
        return min(at, stop)

    @property
    def _codec(self) -> str:
        return "utf-8" if self._encoding.name == "binary" else self._encoding.name

    def _border(self, offset: int) -> int:
        return self._encoding.border(self._data, offset)

    def _text(self, data: bytes) -> str:
        return data.decode(self._codec, "surrogateescape")

    def _widths(self, data: bytes) -> list[int]:
        return [self._width(character) for character in self._text(data)]

    def _width(self, character: str) -> int:
        return 2 if self._columns == "utf-16" and ord(character) > 0xFFFF else 1
