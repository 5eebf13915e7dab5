"""Which neighbouring units share a chunk.

In: units in order. Out: runs of units, each at most `limit` bytes long.

A chunk ends, between a third and the whole of the limit, at the definition whose own first line has the greatest hash;
where no definition begins, at such a statement or line in the last quarter. So a border depends on what lies there and
not on what comes before it: after an edit the borders fall back into step at the next unit that wins in both versions
("anchored packing").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from perflab.chunk.plain import anchor_hash
from perflab.chunk.units import DEFINITION, Unit

__all__ = ["pack"]


def pack(data: bytes, units: Iterable[Unit], limit: int) -> Iterator[list[Unit]]:
    """Yield the units of one chunk after the other.

    Units of different owners never share a chunk, and a chunk that starts with statements ends where a definition
    begins.
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
    first, last = run[at], len(run)
    high = first.start + limit
    definitions, others = first.start + limit // 3, high - limit // 4
    best, best_value = at + 1, (0, 0)
    for index in range(at + 1, last):
        if run[index - 1].stop > high:
            return best
        unit = run[index]
        if unit.rank == DEFINITION and first.rank < DEFINITION:
            return index
        if unit.start <= (definitions if unit.rank == DEFINITION else others):
            if best_value == (0, 0):
                best = index
        elif (value := (unit.rank, anchor_hash(data, unit.anchor))) >= best_value:
            best, best_value = index, value
    return best if run[-1].stop > high else last
