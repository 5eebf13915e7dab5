"""What became of a file's chunks between two cuts.

In: the digests of the chunks before and after, in order. Out: how many came, went, moved and stayed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Changes", "changes"]


@dataclass(frozen=True, slots=True)
class Changes:
    """Counts of chunks.

    Attributes
    ----------
    added, deleted
        Chunks whose content was not there before, or is not any more.
    moved
        Chunks that are there still and lie before or behind another one than they did.
    kept
        The others.
    """

    added: int
    deleted: int
    moved: int
    kept: int


def changes(before: Sequence[str], after: Sequence[str]) -> Changes:
    """Return what became of chunks, by their digests in order; as few as possible are said to have moved.

    Those that did not move are a longest increasing subsequence of the old places (Schensted, 1961).

    Examples
    --------
    >>> changes(["a", "b", "c", "d"], ["a", "c", "x", "b"])
    Changes(added=1, deleted=1, moved=1, kept=2)
    """
    head = _equal(before, after)
    tail = _equal(before[head:][::-1], after[head:][::-1])
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    places: defaultdict[str, deque[int]] = defaultdict(deque)
    for place, digest in enumerate(old):
        places[digest].append(place)
    found = [places[digest].popleft() for digest in new if places[digest]]
    stayed = _increasing(found)
    return Changes(len(new) - len(found), len(old) - len(found), len(found) - stayed, head + tail + stayed)


def _equal(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many first elements are equal."""
    for count, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return count
    return min(len(one), len(other))


def _increasing(places: Sequence[int]) -> int:
    """Return the length of a longest increasing subsequence of different numbers."""
    ends: list[int] = []
    for place in places:
        index = bisect_left(ends, place)
        ends[index : index + 1] = [place]
    return len(ends)
