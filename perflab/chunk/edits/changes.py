"""What became of a file's chunks between two cuts.

In: how the file lay before and after. Out: the chunks that came, went and moved, with their places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from perflab.chunk.chunk import Piece
from perflab.chunk.edits.layout import Layout
from perflab.chunk.edits.moves import Place, moves

__all__ = ["Changes", "changes"]


@dataclass(frozen=True, slots=True)
class Changes:
    """Chunks of a file that are not what and where they were.

    Attributes
    ----------
    added, deleted
        Those whose content was not there before, and those whose content is not there any more.
    moved
        Those that are there still and lie before or behind another one than they did: old and new place.
    kept
        The number of the others.
    """

    added: tuple[Place, ...]
    deleted: tuple[Place, ...]
    moved: tuple[tuple[Place, Place], ...]
    kept: int


def changes(before: Layout, after: Layout) -> Changes:
    """Return what became of a file's chunks.

    Examples
    --------
    >>> from perflab.chunk.edits.layout import lay_out
    >>> from perflab.chunk.splitting.split import Splitter
    >>> splitter = Splitter("m.py", None, max_bytes=64, window_bytes=4096, timeout_s=5.0, note=None)
    >>> one, two, three = (b"def f%d():\\n    return 'some words to fill it'\\n\\n\\n" % n for n in range(3))
    >>> found = changes(lay_out(one + two + three, splitter), lay_out(three + one, splitter))
    >>> [place.name for place in found.deleted], [new.name for _, new in found.moved], found.kept
    (['f1'], ['f0'], 1)
    """
    old, new = list(before.pieces), list(after.pieces)
    head = _equal(old, new)
    tail = _equal(old[head:][::-1], new[head:][::-1])
    path = after.splitter.path
    places = [list(_places(path, pieces, head, len(pieces) - tail)) for pieces in (old, new)]
    moved, gone, come = moves([(places[0], places[1])])
    return Changes(come, gone, moved, len(new) - len(come) - len(moved))


def _equal(one: Sequence[Piece], other: Sequence[Piece]) -> int:
    """Return how many first pieces have equal contents."""
    for count, (left, right) in enumerate(zip(one, other, strict=False)):
        if left.digest != right.digest:
            return count
    return min(len(one), len(other))


def _places(path: str, pieces: Sequence[Piece], first: int, last: int) -> Iterator[Place]:
    starts = accumulate((piece.nbytes for piece in pieces[:last]), initial=0)
    for index, (piece, start) in enumerate(zip(pieces[:last], starts, strict=False)):
        if index >= first:
            yield Place(path, start, piece.name, piece.digest)
