"""What one thread, task or operation did to the caches, in order, as cheaply as it can be noted.

In: hits, appended as the entries themselves, and other events, as tuples. Out: `Segment`s, for `block` to turn into
columns.
"""

from __future__ import annotations

import contextvars
import threading
import weakref
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol

from perflab.record.operation import Operation

__all__ = ["TAPE_ROWS", "Event", "Hit", "Segment", "Tape", "Tapes", "Timestamps", "Uses"]

Timestamps = Literal["exact", "chunk", "off"]

TAPE_ROWS = 4096
"""Rows that a tape holds before they are cut off: what is cut off is shared work for one lock and one hand-over."""


class Hit(Protocol):
    """What is noted of a hit: the entry that was found. `code` is the recorder's to write."""

    key: Any
    nbytes: int
    code: int


Event = tuple[int, float, Any, str, str | None, int | None, float | None, str | None]
"""A cache event other than a hit in the first tier: how many hits stood on the tape before it, time in seconds, key,
event, tier, bytes, duration in seconds, reason."""


class Tape(list[Any]):
    """The hits of one context. `append` is the whole of noting one; with exact times, `times.append` follows it.

    A context that is copied into another thread, as `asyncio.to_thread` does, goes on writing on the tape that it has:
    no row is lost, and the stream is that of the thread that the tape was made in until an operation begins.

    Attributes
    ----------
    events : list of Event
        What else happened, in order.
    times : list of float
        When each hit happened, seconds of the recorder's timer; empty unless times are exact.
    timed : list of (int, float)
        Position and duration in seconds of those hits whose duration was measured.
    noted : int
        Hits before it have been told to the caches, which keep their order of eviction by them.
    begun : float
        Time before the first hit.
    """

    __slots__ = ("__weakref__", "_home", "begun", "events", "noted", "operation", "stream", "thread", "timed", "times")

    def __init__(self, home: Tapes, operation: Operation | None, begun: float) -> None:
        super().__init__()
        thread = threading.current_thread()
        self.events: list[Event] = []
        self.times: list[float] = []
        self.timed: list[tuple[int, float]] = []
        self.operation = operation
        self.stream = home.stream or thread.name
        self.thread = thread.ident
        self.begun = begun
        self.noted = 0
        # A context keeps its tape for longer than the recorder lives.
        self._home = weakref.ref(home, partial(_wipe, weakref.ref(self)))

    def wipe(self) -> None:
        """Drop everything."""
        self.clear()
        self.times.clear()
        self.timed.clear()
        self.events.clear()
        self.noted = 0

    def __del__(self) -> None:
        """Hand over what is left: the thread or task that wrote on the tape is gone."""
        home = self._home()
        if home is not None:
            home.retire(self)


class Segment(NamedTuple):
    """Rows cut off a tape, and what they have in common."""

    hits: list[Any]
    times: array[float]
    timed: list[tuple[int, float]]
    events: list[Event]
    operation: Operation | None
    stream: str
    begun: float
    ended: float

    def __len__(self) -> int:
        return len(self.hits) + len(self.events)


class Uses:
    """Hits that one cache has not taken into its order of eviction yet; lists of entries, in order."""

    __slots__ = ("__weakref__", "batches", "holds")

    def __init__(self, holds: Callable[[Any], bool]) -> None:
        self.batches: list[list[Any]] = []
        self.holds = holds


class Tapes:
    """The tapes of one recorder, one for each thread and for each operation in which a cache was used.

    Attributes
    ----------
    current : ContextVar
        The tape, or an operation that has none so far; unset where nothing was recorded yet.
    rows : int
        Rows that were cut off and not taken yet.
    stream : str or None
        Name of all streams, for a worker process; None names each after its thread.
    """

    def __init__(self, timer: Callable[[], float], timestamps: Timestamps = "exact", stream: str | None = None) -> None:
        self.timestamps: Timestamps = timestamps
        self.stream = stream
        self.current: contextvars.ContextVar[Tape | Operation] = contextvars.ContextVar("perflab_tape")
        self._timer = timer
        self.lock = threading.RLock()
        self._threads = threading.local()
        self._alive: dict[int, weakref.ref[Tape]] = {}
        self.rows = 0
        self._segments: list[Segment] = []
        self._taken: Counter[object] = Counter()
        self._followers: list[weakref.ref[Uses]] = []

    def tape(self) -> Tape:
        """Return the tape of the caller's operation, or of its thread where there is none; make it if need be."""
        found = self.current.get(None)
        if isinstance(found, Tape):
            return found
        tape = self._of_thread() if found is None else self._of_operation(found)
        self.current.set(tape)
        return tape

    def event(
        self,
        key: object,
        event: str,
        tier: str | None,
        nbytes: int | None,
        duration_s: float | None,
        reason: str | None,
    ) -> int:
        """Note an event other than a hit in the first tier; return how many the tape holds."""
        tape = self.current.get(None)
        if type(tape) is not Tape:
            tape = self.tape()
        now = self._timer()
        tape.events.append((len(tape), now, key, event, tier, nbytes, duration_s, reason))
        return len(tape.events)

    def cut(self, tape: Tape) -> None:
        """Take the rows off a tape."""
        with self.lock:
            segment = self._copy(tape)
            rows = len(segment.hits)
            if tape.noted:
                self._note(tape)
            else:
                self._hand_on(segment.hits)
                tape.noted = rows
            # Kept before it is deleted: what interrupts this may double a row, and loses none.
            if len(segment):
                self._segments.append(segment)
                self.rows += len(segment)
            del tape[:rows], tape.times[: len(segment.times)], tape.events[: len(segment.events)]
            tape.timed.clear()
            tape.noted, tape.begun = max(0, tape.noted - rows), segment.ended

    def cut_all(self) -> None:
        """Take the rows off every tape."""
        with self.lock:
            for tape in self._tapes():
                if tape or tape.events:
                    self.cut(tape)

    def take(self) -> list[Segment]:
        """Remove and return what was cut off."""
        with self.lock:
            taken, self._segments, self.rows = self._segments, [], 0
            self._taken.update(_counts(taken))
            return taken

    def look(self) -> list[Segment]:
        """Return all rows, those still on tapes too; nothing is changed by it."""
        with self.lock:
            # A thread that ends meanwhile hands its rows over when the last reference to its tape goes: after this.
            tapes, found = list(self._tapes()), list(self._segments)
            return found + [segment for tape in tapes if len(segment := self._copy(tape))]

    def put_back(self, segments: list[Segment]) -> None:
        """Take back what was taken and could not be used."""
        with self.lock:
            self._segments[:0] = segments
            self.rows += sum(map(len, segments))
            self._taken.subtract(_counts(segments))

    def counts(self) -> Counter[object]:
        """Return how often each event was noted."""
        with self.lock:
            return self._taken + _counts(self.look())

    def retire(self, tape: Tape) -> None:
        """Take the rows off a tape that nobody writes on any more, and forget it."""
        with self.lock:
            self._alive.pop(id(tape), None)
            if tape or tape.events:
                self.cut(tape)

    def follow(self, holds: Callable[[Any], bool] = bool) -> Uses:
        """Return a queue that every hit will be put into once; it ends with its last reference.

        Hits of entries that `holds` says no to may be left out: they are another cache's, or have left.
        """
        uses = Uses(holds)
        with self.lock:
            self._followers = [known for known in self._followers if known() is not None] + [weakref.ref(uses)]
        return uses

    def pull(self, uses: Uses) -> list[list[Any]]:
        """Remove and return the hits since the last time, in order within a thread.

        Threads, and tasks that take turns in operations of their own, are told of one after the other.
        """
        if not uses.batches and not any(len(tape) > tape.noted for tape in self._tapes()):
            return []
        with self.lock:
            for tape in self._tapes():
                self._note(tape)
            batches, uses.batches = uses.batches, []
            return batches

    def shorten(self, segments: list[Segment], used: Callable[[], list[Any]]) -> None:
        """Put `used()`, the entries of these segments in order of their last hit, in place of all their hits in queues.

        For an order of eviction both are the same, and the hits are many. Where other hits lie between them, they stay.
        """
        known = {id(segment.hits) for segment in segments if segment.hits}
        last_uses: list[Any] | None = None
        for follower in self._followers:
            uses = follower()
            if uses is None:
                continue
            batches = uses.batches
            places = [place for place, batch in enumerate(batches) if id(batch) in known]
            if places and len(places) == len(known) == places[-1] - places[0] + 1:
                last_uses = used() if last_uses is None else last_uses
                before = (entry for batch in reversed(batches[: places[0]]) for entry in reversed(batch))
                batches[: places[-1] + 1] = [list(dict.fromkeys([*reversed(last_uses), *before]))[::-1]]
            kept = ([entry for entry in batch if uses.holds(entry)] for batch in batches)
            uses.batches = [batch for batch in kept if batch]

    def forget(self) -> None:
        """Drop every row and make the lock anew: this process was forked, and the rows are its parent's."""
        self.lock = threading.RLock()
        for tape in self._tapes():
            tape.wipe()
            tape.stream = self.stream or tape.stream
        self._segments, self.rows, self._taken = [], 0, Counter()
        for follower in self._followers:
            uses = follower()
            if uses is not None:
                uses.batches = []

    def _of_thread(self) -> Tape:
        try:
            tape: Tape = self._threads.tape
        except AttributeError:
            tape = self._threads.tape = self._new(None)
        return tape

    def _of_operation(self, operation: Operation) -> Tape:
        tape = operation.tape
        if isinstance(tape, Tape) and tape.thread == threading.get_ident():
            return tape
        with self.lock:
            for other in self._tapes():
                self._note(other)  # what came before the operation comes first in the order of eviction
        operation.tape = tape = self._new(operation)
        return tape

    def _new(self, operation: Operation | None) -> Tape:
        tape = Tape(self, operation, self._timer())
        self._alive[id(tape)] = weakref.ref(tape)
        return tape

    def _tapes(self) -> Iterator[Tape]:
        for reference in list(self._alive.values()):
            tape = reference()
            if tape is not None:
                yield tape

    def _note(self, tape: Tape) -> None:
        stop = len(tape)
        if stop > tape.noted:
            self._hand_on(tape[tape.noted : stop])
            tape.noted = stop

    def _hand_on(self, hits: list[Any]) -> None:
        for follower in self._followers:
            uses = follower()
            if uses is not None and hits:
                uses.batches.append(hits)

    def _copy(self, tape: Tape) -> Segment:
        times = array("d", tape.times)
        rows = min(len(tape), len(times)) if self.timestamps == "exact" else len(tape)
        hits = tape[:rows]
        timed = [pair for pair in tape.timed if 0 <= pair[0] < rows]  # another thread may have cut it meanwhile
        events = tape.events[: len(tape.events)]
        return Segment(
            hits, times[:rows], timed, events, tape.operation, tape.stream, tape.begun, max(self._timer(), tape.begun)
        )


def _wipe(tape: weakref.ref[Tape], _: object) -> None:
    found = tape()
    if found is not None:
        found.wipe()


def _counts(segments: list[Segment]) -> Counter[object]:
    found: Counter[object] = Counter()
    for segment in segments:
        found["hit"] += len(segment.hits)
        found.update(event[3] for event in segment.events)
    return found
