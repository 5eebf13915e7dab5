"""Learn walks with an even step through numbered keys.

In: the keys of each stream, in the order in which they were used. Out: the keys that come next in a walk.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

__all__ = ["Strides", "numbered"]

_MOST_STREAMS = 256
_MOST_FAMILIES = 64
_LAST_NUMBER = re.compile(r"(\d{1,15})(\D*)$", re.ASCII)
_LONGEST = 256


Family = tuple[type, Hashable, str]
"""What keys share that differ in a number: their type, and what stands before and after it."""


@dataclass(slots=True)
class _Walk:
    """Where a walk is, its step, how often in a row the step was the same, how many steps ahead were told so far.

    `width` is the number of digits that texts are filled to.
    """

    number: int
    step: int = 0
    repeats: int = 0
    told: int = 0
    width: int = 0


class Strides:
    """Several walks a stream, each with a step of its own.

    A number continues a walk if it is one step after it; if it only lies within `reach` of one, the step is learned
    anew; else a walk begins. After `support` equal steps the next numbers are expected: as many as there were equal
    steps, and no more than `depth`. Walks through different regions of the numbers may take turns.

    Source: region-wise stride tables of J.-L. Baer and T.-F. Chen (1991), "An effective on-chip preloading scheme to
    reduce data access penalty", with nearness in place of the address of an instruction.

    Parameters
    ----------
    support
        Least number of equal steps in a row.
    depth
        Greatest number of keys that are expected at once; it may be set later too.
    walks
        Walks remembered a stream; the one that waited longest is forgotten first.
    reach
        Greatest step.

    Examples
    --------
    >>> strides = Strides()
    >>> for key in ("page-007", "page-010", "page-013"):
    ...     found = strides.learn("main", key)
    >>> found
    ('page-016', 'page-019')
    >>> strides.learn("main", "page-016")
    ('page-022', 'page-025')
    """

    def __init__(self, *, support: int = 2, depth: int = 8, walks: int = 16, reach: int = 64) -> None:
        self.depth = depth
        self._support, self._walks, self._reach = support, walks, reach
        self._streams: OrderedDict[Hashable, OrderedDict[Family, OrderedDict[int, _Walk]]] = OrderedDict()

    def learn(self, stream: Hashable, key: Hashable) -> tuple[Hashable, ...]:
        """Take the next key of a stream, and return the keys to expect after it that were not told before."""
        found = numbered(key)
        if found is None:
            return ()
        family, number = found
        walks = _lasting(_lasting(self._streams, stream, _MOST_STREAMS), family, _MOST_FAMILIES)
        walk = self._walk(walks, number)
        if walk.repeats < self._support:
            return ()
        walk.width = max(walk.width, _filled(key))
        ahead = range(walk.told + 1, min(walk.repeats, self.depth) + 1)
        walk.told = max(walk.told, min(walk.repeats, self.depth))
        numbers = (walk.number + step * walk.step for step in ahead)
        return tuple(_named(family, number, walk.width) for number in numbers if number >= 0 or family[0] is not str)

    def interrupt(self, stream: Hashable) -> None:
        """Forget the walks of a stream: they may have gone on or ended."""
        self._streams.pop(stream, None)

    def _walk(self, walks: OrderedDict[int, _Walk], number: int) -> _Walk:
        """Return the walk that a number goes on with, told of it; it is filed under the number that comes next."""
        walk = walks.pop(number, None) or self._near(walks, number)
        step = number - walk.number
        goes_on = step == walk.step
        walk.repeats, walk.told = (walk.repeats + 1, max(0, walk.told - 1)) if goes_on else (1, 0)
        if step == 0:  # a walk that has just begun
            walk.repeats = 0
        walk.number, walk.step = number, step
        walks[number + step] = walk
        if len(walks) > self._walks:
            walks.popitem(last=False)
        return walk

    def _near(self, walks: OrderedDict[int, _Walk], number: int) -> _Walk:
        """Take out and return the walk that is nearest, or a new one."""
        distance, place = min(((abs(walk.number - number), place) for place, walk in walks.items()), default=(0, 0))
        return walks.pop(place) if 0 < distance <= self._reach else _Walk(number)


def _lasting(known: OrderedDict[Any, OrderedDict[Any, Any]], name: Hashable, most: int) -> OrderedDict[Any, Any]:
    """Return what is filed under a name, new if need be; of too many names the one unused for longest is forgotten."""
    found = known.get(name)
    if found is None:
        found = known[name] = OrderedDict()
        if len(known) > most:
            known.popitem(last=False)
    else:
        known.move_to_end(name)
    return found


def numbered(key: Hashable) -> tuple[Family, int] | None:
    """Return family and number of a key: itself, the last number in a text, the last item of a tuple if it is one.

    Examples
    --------
    >>> [found and found[1] for found in map(numbered, (12, "part-07.txt", ("tile", 3), "title", True))]
    [12, 7, 3, None, None]
    """
    if type(key) is str:
        found = _LAST_NUMBER.search(key) if len(key) <= _LONGEST else None
        return None if found is None else ((str, key[: found.start()], found[2]), int(found[1]))
    if type(key) is int:
        return (int, None, ""), key
    if type(key) is tuple and key and type(key[-1]) is int:
        return (tuple, key[:-1], ""), key[-1]
    return None


def _filled(key: Hashable) -> int:
    """Return the number of digits of a text whose number begins with 0; else that says nothing, and is 0."""
    found = _LAST_NUMBER.search(key) if type(key) is str else None
    return len(found[1]) if found is not None and found[1][0] == "0" else 0


def _named(family: Family, number: int, width: int) -> Hashable:
    """Return the key of a family that has a number."""
    kind, head, tail = family
    if kind is str:
        return f"{head}{number:0{width}d}{tail}"
    return (*head, number) if isinstance(head, tuple) else number
