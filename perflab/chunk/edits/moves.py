"""Which chunks stayed, moved, came and went between two states of some files.

In: the chunks of each file before and after, in order. Out: places.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["Place", "moves"]


class Place(NamedTuple):
    """Where a chunk lies: its file, its offset in bytes, its qualified name, and the digest of its content."""

    path: str
    start: int
    name: str
    digest: str


def moves(
    pairs: Iterable[tuple[Sequence[Place], Sequence[Place]]],
) -> tuple[tuple[tuple[Place, Place], ...], tuple[Place, ...], tuple[Place, ...]]:
    """Return the chunks that moved (old and new place), those that are gone, and those that are new.

    Chunks that kept their order within their file stayed. Of the others, contents that are on both sides moved.

    Examples
    --------
    >>> one, two = Place("a", 0, "f", "00"), Place("a", 9, "g", "01")
    >>> moved, gone, new = moves([([one, two], [two._replace(start=0)])])
    >>> len(moved), gone == (one,), new
    (0, True, ())
    """
    left: defaultdict[str, deque[Place]] = defaultdict(deque)
    arrived: list[Place] = []
    for before, after in pairs:
        departed, others = _strays(before, after)
        for place in departed:
            left[place.digest].append(place)
        arrived += others
    moved, new = [], []
    for place in arrived:
        if origins := left.get(place.digest):
            moved.append((origins.popleft(), place))
        else:
            new.append(place)
    gone = sorted(place for origins in left.values() for place in origins)
    return tuple(moved), tuple(gone), tuple(new)


def _strays(before: Sequence[Place], after: Sequence[Place]) -> tuple[list[Place], list[Place]]:
    """Return the chunks before and after that have no counterpart on the other side in the same order."""
    known: defaultdict[str, deque[int]] = defaultdict(deque)
    for index, place in enumerate(after):
        known[place.digest].append(index)
    pairs = [(old, known[place.digest].popleft()) for old, place in enumerate(before) if known.get(place.digest)]
    kept = _longest_rising([new for _, new in pairs])
    stayed = {pairs[index][0] for index in kept}, {pairs[index][1] for index in kept}
    departed = [place for index, place in enumerate(before) if index not in stayed[0]]
    return departed, [place for index, place in enumerate(after) if index not in stayed[1]]


def _longest_rising(numbers: Sequence[int]) -> list[int]:
    """Return the indices of a longest rising subsequence (Schensted, 1961)."""
    tops: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for index, number in enumerate(numbers):
        at = bisect_left(tops, number)
        previous.append(ends[at - 1] if at else -1)
        tops[at : at + 1], ends[at : at + 1] = [number], [index]
    found = []
    at = ends[-1] if ends else -1
    while at >= 0:
        found.append(at)
        at = previous[at]
    return found
