"""The program's reads, stream by stream, for who learns from them.

In: tapes. Out: streams and the keys that were read in each, in order; each read once, and no reader waits for it.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Hashable, Iterator
from typing import NamedTuple

from perflab.record.tape import Tape

__all__ = ["HEARD", "Ear", "Ears", "Heard", "Stream"]

HEARD = 256
"""Reads of one stream that are told at once, the last ones: neighbours, since it is neighbours that tell something."""
_WAITING = 1_024


class Stream(NamedTuple):
    """Who read: an operation's name, or nothing outside of one; the thread; and which of several such at a time."""

    operation: str
    thread: int | None
    lane: int


class Heard(NamedTuple):
    """Reads of one stream, in order, and whether there were more before them, which are not told."""

    stream: Stream
    keys: list[Hashable]
    gap: bool


class Ear:
    """What one listener has not taken yet; past a bound the oldest is dropped."""

    __slots__ = ("__weakref__", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Heard] = deque(maxlen=_WAITING)


class Ears:
    """The listeners of one recorder; each ends with the last reference to it. The caller holds the tapes' lock."""

    def __init__(self) -> None:
        self._references: list[weakref.ref[Ear]] = []
        self._lanes: dict[tuple[str, int | None], set[int | None]] = {}

    def __bool__(self) -> bool:
        return any(reference() is not None for reference in self._references)

    def add(self) -> Ear:
        """Return a new listener."""
        ear = Ear()
        self._references = [*(weakref.ref(known) for known in self._alive()), weakref.ref(ear)]
        return ear

    def tell(self, tape: Tape) -> None:
        """Tell all listeners what was read since the last time."""
        keys, gap = tape.unheard(HEARD)
        if keys:
            if tape.lane is None:
                self.enter(tape)
            heard = Heard(Stream(*_place(tape), tape.lane or 0), keys, gap)
            for ear in self._alive():
                ear.waiting.append(heard)

    def enter(self, tape: Tape) -> None:
        """Choose the stream of a tape."""
        # Tasks that take turns in one thread are in operations of one name at the same time: a lane for each.
        taken = self._lanes.setdefault(_place(tape), set())
        tape.lane = next(lane for lane in range(len(taken) + 1) if lane not in taken)
        taken.add(tape.lane)

    def leave(self, tape: Tape) -> None:
        """Let another operation of the same name go on with the stream of one that has ended."""
        place = _place(tape)
        taken = self._lanes.get(place, set())
        taken.discard(tape.lane)
        if not taken:
            self._lanes.pop(place, None)

    def forget(self) -> None:
        """Drop what waits, in a forked child."""
        for ear in self._alive():
            ear.waiting.clear()

    def _alive(self) -> Iterator[Ear]:
        found = (reference() for reference in self._references)
        return (ear for ear in found if ear is not None)


def _place(tape: Tape) -> tuple[str, int | None]:
    return ("" if tape.operation is None else tape.operation.name), tape.thread
