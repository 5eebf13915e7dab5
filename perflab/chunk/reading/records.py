"""Pieces of a stream that end where a line, a record or a section does.

In: a function that reads, a finder of borders, a greatest size. Out: the pieces' bytes; joined, they are the stream.

Among the borders in the last half of a piece's room the one of the greatest content wins, as in `text/plain.py`,
so that an insertion changes the pieces around it and not all that follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from perflab.chunk.text.encoding import Encoding
from perflab.chunk.text.plain import anchor_hash, inside_line

__all__ = ["Finder", "Separators", "pieces_of"]

BLOCK_BYTES = 1 << 20
_ANCHOR_BYTES = 64
_MOST_COMPARED = 64


class Finder(Protocol):
    """Finds the borders of a stream as it comes."""

    def feed(self, window: bytes, base: int, *, last: bool) -> None:
        """Look at a window that begins at offset `base` of the stream; what it begins with has been seen before."""

    def between(self, low: int, high: int) -> Sequence[int]:
        """Return the borders in `[low, high]`, offsets of the stream, in order."""

    def drop(self, before: int) -> None:
        """Forget the borders before an offset."""


class Separators:
    """Borders after each occurrence of a separator, such as a line feed.

    Examples
    --------
    >>> finder = Separators(b"--")
    >>> finder.feed(b"a--b--", 10, last=True)
    >>> finder.between(0, 99)
    [13, 16]
    """

    def __init__(self, separator: bytes = b"\n", unit: int = 1) -> None:
        self._separator = separator
        self._unit = unit  # bytes of a code unit: borders lie between two
        self._window = b""
        self._base = 0

    def feed(self, window: bytes, base: int, *, last: bool) -> None:
        """Keep the window; it is searched when a border is wanted."""
        del last
        self._window, self._base = window, base

    def between(self, low: int, high: int) -> list[int]:
        """Return the borders in `[low, high]`."""
        width, window = len(self._separator), self._window
        found, stop = [], high - self._base
        at = window.find(self._separator, max(low - self._base - width, 0), stop)
        while at >= 0:
            fits = (self._base + at) % self._unit == 0
            if fits:
                found.append(self._base + at + width)
            at = window.find(self._separator, at + (width if fits else 1), stop)
        return found

    def drop(self, before: int) -> None:
        """Forget nothing: the window is all that is kept."""


def pieces_of(
    read: Callable[[int], bytes], finder: Finder, max_bytes: int, encoding: Encoding, head: bytes = b""
) -> Iterator[bytes]:
    """Yield the pieces of what `head` and then `read` give, none longer than `max_bytes`.

    A record that is longer than that is cut inside, between two characters.
    """
    window, base, last = head, 0, False
    while not last:
        block = read(BLOCK_BYTES)
        last = len(block) < BLOCK_BYTES
        window += block
        finder.feed(window, base, last=last)
        at = 0
        while len(window) - at > (max_bytes if last else max_bytes + _ANCHOR_BYTES):
            stop = _stop(window, at, base, finder, max_bytes, encoding)
            yield window[at:stop]
            at = stop
        if last and at < len(window):
            yield window[at:]
        window, base = window[at:], base + at
        finder.drop(base)


def _stop(window: bytes, at: int, base: int, finder: Finder, max_bytes: int, encoding: Encoding) -> int:
    begin, middle, end = base + at, base + at + max_bytes // 2, base + at + max_bytes
    if late := finder.between(middle + 1, end):
        return max(late[-_MOST_COMPARED:], key=lambda border: (anchor_hash(window, border - base), border)) - base
    if early := finder.between(begin + 1, middle):
        return early[-1] - base
    return inside_line(window, at, max_bytes, encoding)
