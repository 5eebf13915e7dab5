"""What one thread, task or operation did to the caches, in order, as cheaply as it can be noted.

In: hits, appended as the entries themselves, and other events, as tuples. Out: `Segment`s, for `block` to turn into
columns.
"""

from __future__ import annotations

import threading
import weakref
from array import array
from collections.abc import Callable
from functools import partial
from operator import delitem, itemgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from perflab.record.at_once import at_once
from perflab.record.happened import EventRows

if TYPE_CHECKING:
    from perflab.record.operation import Operation

__all__ = ["Hit", "Segment", "Tape", "Timestamps"]

Timestamps = Literal["exact", "chunk", "off"]


class Hit(Protocol):
    """What is noted of a hit: the entry that was found. `code` is the recorder's to write."""

    key: Any
    nbytes: int
    code: int


class Segment(NamedTuple):
    """Rows cut off a tape, and what they have in common."""

    hits: list[Any]
    times: array[float] | bytearray  # the bytes of float64, either way
    timed: list[tuple[int, float]]
    events: EventRows
    operation: Operation | None
    stream: str
    begun: float
    ended: float

    def __len__(self) -> int:
        return len(self.hits) + len(self.events)


class Home(Protocol):
    """What a tape needs of those who made it."""

    stream: str | None
    stride: int

    def retire(self, tape: Tape) -> None:
        """Take the rows off a tape that nobody writes on any more."""


class Tape(list[Any]):
    """The hits of one context: entries, each behind its time in seconds if times are exact.

    Time and entry are added by one call, so that they stay together whatever interrupts the thread. A context that is
    copied into another thread, as `asyncio.to_thread` does, goes on writing on the tape that it has: no row is lost,
    and the stream is that of the thread that the tape was made in until an operation begins.

    Attributes
    ----------
    events : EventRows
        What else happened, in order.
    timed : list of (int, float)
        Which hits were timed, and their durations in seconds.
    noted : int
        Hits before it have been told to the caches, which keep their order of eviction by them.
    heard : tuple of int
        Hits and other events before these have been told to who learns from reads.
    lane : int or None
        Which of the streams of its operation's name and thread it is in, once that was asked for.
    begun : float
        Time before the first hit.
    """

    __slots__ = (
        "__weakref__",
        "_home",
        "_stride",
        "begun",
        "events",
        "heard",
        "lane",
        "noted",
        "operation",
        "stream",
        "thread",
        "timed",
    )

    def __init__(self, home: Home, operation: Operation | None, begun: float) -> None:
        super().__init__()
        thread = threading.current_thread()
        self.events = EventRows()
        self.timed: list[tuple[int, float]] = []
        self.operation = operation
        self.stream = home.stream or thread.name
        self.thread = thread.ident
        self.begun = begun
        self.noted = 0
        self.heard = (0, 0)
        self.lane: int | None = None
        self._stride = home.stride
        # A context keeps its tape for longer than the recorder lives.
        self._home = weakref.ref(home, partial(_wipe, weakref.ref(self)))

    @property
    def rows(self) -> int:
        """Hits on the tape."""
        return len(self) // self._stride

    def note(self, hit: Hit, now: float) -> None:
        """Note a hit; `now` counts if times are exact."""
        self.extend((now, hit) if self._stride > 1 else (hit,))

    def event(self, now: float, *facts: Any) -> int:
        """Note another event, as the last fields of `Event`; return how many there are."""
        events = self.events
        events.append((len(self) // self._stride, now, *facts))
        return len(events)

    def unnoted(self) -> list[Any]:
        """Return the hits that the caches have not been told, and count them as told."""
        stop = self.rows
        if self.noted >= stop:
            return []
        hits = self._hits(self.noted, stop)
        self.noted = stop
        return hits

    def unheard(self, most: int) -> tuple[list[Any], bool]:
        """Return the keys that were read since the last time, the last so many, and if there were more before them."""
        hits, happened = self.heard
        stop, last = self.rows, len(self.events)
        if stop <= hits and last <= happened:
            return [], False
        self.heard = (stop, last)
        first = max(hits, stop - most)
        events = [self.events[place] for place in range(max(happened, last - most), last)]
        found = [(place, 1, entry.key) for place, entry in enumerate(self._hits(first, stop), first)]
        # An event comes before the hit of the same place; keys are not compared.
        found += [(event[0], 0, event[2]) for event in events if event[3] in ("hit", "miss")]
        keys = [key for *_, key in sorted(found, key=itemgetter(0, 1))]
        return keys[-most:], stop - hits + last - happened > most

    def copy_rows(self, now: float) -> Segment:
        """Return the rows; nothing is changed by it."""
        rows = self.rows
        hits, times = unzipped(self, rows) if self._stride > 1 else (self[:rows], bytearray())
        timed = [pair for pair in self.timed if 0 <= pair[0] < rows]  # another thread may have cut it meanwhile
        events = self.events[: len(self.events)]
        return Segment(hits, times, timed, events, self.operation, self.stream, self.begun, max(now, self.begun))

    def cut(self, segment: Segment, *steps: Callable[[], object]) -> None:
        """Remove the rows of a copy, the first ones here; `steps`, which keep them, are done at the same moment."""
        rows, (hits, events) = len(segment.hits), self.heard
        at_once(
            *steps,
            partial(delitem, self, slice(rows * self._stride)),
            partial(delitem, self.events, slice(len(segment.events))),
            self.timed.clear,
            partial(setattr, self, "noted", max(0, self.noted - rows)),
            partial(setattr, self, "heard", (max(0, hits - rows), max(0, events - len(segment.events)))),
            partial(setattr, self, "begun", segment.ended),
        )

    def wipe(self) -> None:
        """Drop everything."""
        none = partial(setattr, self, "noted", 0), partial(setattr, self, "heard", (0, 0))
        at_once(self.clear, self.timed.clear, self.events.clear, *none)

    def _hits(self, start: int, stop: int) -> list[Any]:
        stride = self._stride
        return self[start * stride + stride - 1 : stop * stride : stride]

    def __del__(self) -> None:
        """Hand over what is left: the thread or task that wrote on the tape is gone."""
        home = self._home()
        if home is not None:
            home.retire(self)


def _unzipped(items: list[Any], rows: int) -> tuple[list[Any], array[float]]:
    """Do what `perflab._native.unzipped` does, where that was not built."""
    return items[1 : rows * 2 : 2], array("d", items[: rows * 2 : 2])


try:
    from perflab._native import unzipped
except ImportError:
    unzipped = _unzipped  # type: ignore[assignment]  # either has the bytes of float64


def _wipe(tape: weakref.ref[Tape], _: object) -> None:
    found = tape()
    if found is not None:
        found.wipe()
