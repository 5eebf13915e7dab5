"""Cuts of bytes that no grammar explains: at paragraphs, lines, at worst inside a line.

In: bytes and a limit. Out: offsets, chosen by content, so that an edit moves only the borders near it.

A border is looked for between half and the whole of the limit; among the candidates the one of the greatest hash of the
bytes around it wins. Two sequences of cuts that started apart therefore meet again at the first candidate that both see
as the greatest (local-maximum chunking, Bjørner et al., "Content-dependent chunking for differential compression, the
local maximum approach", 2010). The hash rolls as that of FastCDC does (Xia et al., "FastCDC: a fast and efficient
content-defined chunking approach for data deduplication", 2016): each byte's part in it doubles with every step.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING

import xxhash

from perflab.chunk.text.encoding import UTF8, Encoding

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Hashes = npt.NDArray[np.unsignedinteger]

__all__ = ["anchor_hash", "cuts", "inside_line", "line_starts", "pieces"]

_ANCHOR_BYTES = 64
_HASHED_UNITS = 16
_FACTOR = 2_654_435_761  # the golden ratio in 32 bits: it spreads sums that are close to each other (Knuth)


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
    if stop - start > limit:
        yield from _many_cuts(data[start:stop], start, limit, encoding)
    elif start < stop:
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
    unit = encoding.unit
    low = at + (limit + 1) // 2
    low -= low % unit
    seen = max(low - _HASHED_UNITS * unit, at)
    hashes = _rolling(data[seen : at + limit], encoding)
    best = seen + unit * (_greatest(hashes, (low - seen) // unit - 1, len(hashes)) + 1)
    return _character(data, at, best, limit, encoding)


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


def _many_cuts(data: bytes, base: int, limit: int, encoding: Encoding) -> Iterator[int]:
    """Yield the ends of pieces of all the data, `base` added to each."""
    unit = encoding.unit
    hashes = _rolling(data, encoding)
    lines, ranks = ([], hashes) if encoding.name == "binary" else _lines(data, hashes, encoding)
    at, most = 0, limit // unit
    while len(data) - at * unit > limit:
        low, high = at + (most + 1) // 2, at + most
        for first, last in ((low, high), (at + 1, low)):
            if (left := bisect_left(lines, first)) < (right := bisect_right(lines, last)):
                at = lines[_greatest(ranks, left, right)]
                break
        else:
            border = unit * (_greatest(hashes, low - 1, high) + 1)
            at = _character(data, at * unit, border, limit, encoding) // unit
        yield base + at * unit
    yield base + len(data)


def _character(data: bytes, at: int, best: int, limit: int, encoding: Encoding) -> int:
    """Return the border of a character at or before `best`, behind `at`; if there is none, where the limit is."""
    border = encoding.border(data, best)
    if data[border - 1 : border + 1] == b"\r\n":
        border -= 1
    return border if border > at else at + limit - limit % encoding.unit


def _rolling(data: bytes, encoding: Encoding) -> Hashes:
    """Return a hash of each code unit and the fifteen before it."""
    import numpy as np

    sums = _units(data, encoding).astype(np.uint32)
    shift = 1
    while shift < _HASHED_UNITS:
        sums[shift:] = sums[shift:] + (sums[:-shift] << np.uint32(shift))
        shift *= 2
    return sums * np.uint32(_FACTOR)


def _lines(data: bytes, hashes: Hashes, encoding: Encoding) -> tuple[list[int], Hashes]:
    """Return the code units that begin a line, and how willingly each is a border: the rather behind a blank line."""
    import numpy as np

    units = _units(data, encoding)
    starts = np.flatnonzero(units[:-1] == 10) + 1
    before, earlier = units[np.maximum(starts - 2, 0)], units[np.maximum(starts - 3, 0)]
    is_blank = (before == 10) | ((before == 13) & (earlier == 10))
    ranks = hashes[np.minimum(starts + _HASHED_UNITS - 1, len(units) - 1)].astype(np.uint64)
    return starts.tolist(), ranks | (is_blank.astype(np.uint64) << np.uint64(32))


def _units(data: bytes, encoding: Encoding) -> Hashes:
    import numpy as np

    order = ">" if encoding.name.endswith("be") else "<"
    return np.frombuffer(data, f"{order}u{encoding.unit}", count=len(data) // encoding.unit)


def _greatest(ranks: Hashes, first: int, last: int) -> int:
    """Return the index of the greatest in `[first, last)`, the last one of equals."""
    return last - 1 - int(ranks[first:last][::-1].argmax())
