"""Which neighbouring units share a chunk.

In: units in order. Out: runs of units, each at most `limit` bytes long.

A chunk that begins with a definition ends at the definition, between a sixth and half of the limit or else up to the
limit, whose own first line has the greatest hash; where no definition begins, at such a statement or line in the last
quarter. So a border depends on what lies there and not on what comes before it: after an edit the borders fall back
into step at the next unit that wins in both versions ("anchored packing").
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from perflab.chunk.splitting.units import DEFINITION, Unit
from perflab.chunk.text.plain import anchor_hash

__all__ = ["pack"]


def pack(data: bytes, units: Iterable[Unit], limit: int) -> Iterator[list[Unit]]:
    """Yield the units of one chunk after the other.

    Units of different owners never share a chunk, and a chunk that starts with statements ends where a definition
    begins. Comments that stand alone stay with what follows them.
    """
    for _, run in groupby(units, key=attrgetter("owner")):
        yield from _fill(data, list(run), limit)


def _fill(data: bytes, run: list[Unit], limit: int) -> Iterator[list[Unit]]:
    at = 0
    while at < len(run):
        stop = _end(data, run, at, limit)
        yield run[at:stop]
        at = stop


def _end(data: bytes, run: list[Unit], at: int, limit: int) -> int:
    """Return the index of the unit that begins the chunk after the one that begins with `run[at]`."""
    start = run[at].start
    most = bisect_right(run, start + limit, at, key=attrgetter("stop"))  # the first unit that does not fit any more
    first = next((index for index in range(at, most) if not run[index].remark), at)
    definitions = [index for index in range(first + 1, min(most + 1, len(run))) if run[index].rank == DEFINITION]
    if run[first].rank < DEFINITION and definitions:
        return definitions[0]
    for low, high in ((limit // 6, limit // 2), (limit // 2, limit)):
        if found := [index for index in definitions if low < run[index].start - start <= high]:
            return _greatest(data, run, found)
    if most == len(run):
        return most
    late = [index for index in range(at + 1, most + 1) if run[index].start > start + limit - limit // 4]
    return _greatest(data, run, late) if late else most


def _greatest(data: bytes, run: list[Unit], found: list[int]) -> int:
    return max(found, key=lambda index: (run[index].rank, anchor_hash(data, run[index].anchor), index))
