"""Cuts of bytes that no grammar explains: at paragraphs, lines, at worst inside a line.

In: bytes and a limit. Out: offsets, chosen by content, so that an edit moves only the borders near it.

A border is looked for between half and the whole of the limit; among the candidates the one of the greatest
content wins. Two sequences of cuts that started apart therefore meet again at the first candidate that both see
as the greatest (local-maximum chunking, Bjørner et al., "Content-dependent chunking for differential
compression, the local maximum approach", 2010).
"""

from __future__ import annotations

from collections.abc import Iterator

import xxhash

from perflab.chunk.encoding import UTF8, Encoding

__all__ = ["anchor_hash", "cuts", "inside_line", "line_starts", "pieces"]

_GRAM_BYTES = 12
_ANCHOR_BYTES = 64
_MOST_CANDIDATES = 256


def anchor_hash(data: bytes, at: int) -> int:
    """Return a hash of the line that begins at `at`, of its first 64 bytes at the most."""
    line = data[at : at + _ANCHOR_BYTES]
    end = line.find(b"\n")
    return int(xxhash.xxh3_64_intdigest(line if end < 0 else line[:end]))


def cuts(data: bytes, start: int, stop: int, limit: int, encoding: Encoding = UTF8) -> Iterator[int]:
    """Yield the ends of consecutive pieces of `data[start:stop]`, none longer than `limit` bytes.

    The last end yielded is `stop`; nothing is yielded for an empty range.

    Examples
    --------
    >>> list(cuts(b"one\\n\\ntwo\\nthree\\n", 0, 15, 8))
    [5, 9, 15]
    """
    at = start
    while stop - at > limit:
        at = _next_cut(data, at, limit, encoding)
        yield at
    if at < stop:
        yield stop


def pieces(data: bytes, start: int, stop: int, limit: int) -> Iterator[tuple[int, int]]:
    """Yield the extents of the lines in `data[start:stop]`, each line that is longer than `limit` in pieces."""
    at = start
    while at < stop:
        newline = data.find(b"\n", at, stop)
        end = stop if newline < 0 else newline + 1
        while end - at > limit:
            cut = inside_line(data, at, limit, UTF8)
            yield at, cut
            at = cut
        yield at, end
        at = end


def inside_line(data: bytes, at: int, limit: int, encoding: Encoding) -> int:
    """Return a border after `at` inside a line that is longer than the limit."""
    low, high = at + (limit + 1) // 2, at + limit
    best = _greatest_gram(data, low, high, encoding.unit)
    border = encoding.border(data, best)
    if data[border - 1 : border + 1] == b"\r\n":
        border -= 1
    return border if border > at else high - high % encoding.unit


def _next_cut(data: bytes, at: int, limit: int, encoding: Encoding) -> int:
    if encoding.name != "binary":
        low, high = at + (limit + 1) // 2, at + limit
        for first, last in ((low, high), (at + 1, low)):
            if candidates := line_starts(data, first, last, encoding):
                return max(candidates, key=lambda start: _rank(data, start, encoding))
    return inside_line(data, at, limit, encoding)


def line_starts(data: bytes, first: int, last: int, encoding: Encoding) -> list[int]:
    """Return the offsets in `[first, last]` that follow a line feed."""
    newline, width = encoding.newline, len(encoding.newline)
    found = []
    at = data.find(newline, max(first - width, 0), last)
    while at >= 0:
        if at % encoding.unit == 0:
            found.append(at + width)
            at += width - 1
        at = data.find(newline, at + 1, last)
    return found


def _rank(data: bytes, start: int, encoding: Encoding) -> tuple[bool, int, int]:
    newline = encoding.newline
    before = data[max(start - 2 * len(newline) - encoding.unit, 0) : start]
    blank = before.endswith((newline * 2, b"\n\r\n"))
    return blank, anchor_hash(data, start), start


def _greatest_gram(data: bytes, low: int, high: int, unit: int) -> int:
    """Return the offset in `[low, high]` whose following bytes are the greatest; the last one of equals.

    Only places of the greatest byte are compared, so that the interpreter looks at few of them.
    """
    window = data[low : high + 1]
    greatest = max(window)
    count = window.count(greatest)
    if count == len(window) or count > _MOST_CANDIDATES:
        return high
    places = []
    place = window.find(greatest)
    while place >= 0:
        places.append(low + place)
        place = window.find(greatest, place + 1)
    best = max(places, key=lambda at: (data[at : at + _GRAM_BYTES], at))
    return best - best % unit if best - best % unit >= low else best
