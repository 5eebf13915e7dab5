"""The tapes of one recorder.

In: hits and other events of many threads and operations. Out: segments of all of them, each row once; the hits, for
the caches' orders of eviction.
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from operator import delitem
from typing import Any

from perflab.record.at_once import at_once
from perflab.record.listening import Ear, Ears, Heard
from perflab.record.operation import Operation
from perflab.record.tape import Segment, Tape, Timestamps
from perflab.record.uses import Followers, Uses

__all__ = ["Tapes"]


class Tapes:
    """One tape for each thread and for each operation in which a cache was used.

    Attributes
    ----------
    current : ContextVar
        The tape, or an operation that has none so far; unset where nothing was recorded yet.
    rows : int
        Rows that were cut off and not removed yet.
    stride : int
        Items on a tape a hit: 2 if its time goes before it, else 1.
    stream : str or None
        Name of all streams, for a worker process; None names each after its thread.
    """

    def __init__(self, timer: Callable[[], float], timestamps: Timestamps = "exact", stream: str | None = None) -> None:
        self.timestamps: Timestamps = timestamps
        self.stride = 2 if timestamps == "exact" else 1
        self.stream = stream
        self.current: contextvars.ContextVar[Tape | Operation] = contextvars.ContextVar("perflab_tape")
        self._timer = timer
        self.lock = threading.RLock()
        self._pid = os.getpid()
        self._threads = threading.local()
        self._alive: dict[int, weakref.ref[Tape]] = {}
        self.rows = 0
        self._segments: list[Segment] = []
        self._taken: Counter[object] = Counter()
        self._followers = Followers()
        self._ears = Ears()

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
        return tape.event(self._timer(), key, event, tier, nbytes, duration_s, reason)

    def cut(self, tape: Tape) -> None:
        """Take the rows off a tape."""
        with self.lock:
            if self._ears:
                self._ears.tell(tape)
            segment = tape.copy_rows(self._timer())
            if tape.noted:
                self._followers.tell(tape.unnoted())
            else:
                self._followers.tell(segment.hits)
                tape.noted = len(segment.hits)
            keep = partial(self._segments.append, segment), partial(setattr, self, "rows", self.rows + len(segment))
            tape.cut(segment, *(keep if len(segment) else ()))

    def cut_all(self) -> None:
        """Take the rows off every tape."""
        with self.lock:
            for tape in self._tapes():
                if tape or tape.events:
                    self.cut(tape)

    def cut_off(self) -> list[Segment]:
        """Take the rows off every tape, and return all that were cut off and not removed so far."""
        with self.lock:
            self.cut_all()
            return list(self._segments)

    def remove(self, segments: list[Segment], *steps: Callable[[], object]) -> None:
        """Remove what `cut_off` returned; `steps`, which keep the rows, are done at the same moment."""
        with self.lock:
            at_once(
                *steps,
                partial(delitem, self._segments, slice(len(segments))),
                partial(setattr, self, "rows", self.rows - sum(map(len, segments))),
                partial(setattr, self, "_taken", self._taken + _counts(segments)),
            )

    def look(self) -> list[Segment]:
        """Return all rows, those still on tapes too; nothing is changed by it."""
        with self.lock:
            # A thread that ends meanwhile hands its rows over when the last reference to its tape goes: after this.
            tapes, found = list(self._tapes()), list(self._segments)
            return found + [segment for tape in tapes if len(segment := tape.copy_rows(self._timer()))]

    def counts(self) -> Counter[object]:
        """Return how often each event was noted."""
        with self.lock:
            return self._taken + _counts(self.look())

    def finish(self, operation: Operation) -> None:
        """Take the rows off the tape of an operation that has ended."""
        tape = operation.tape
        if tape is None:
            return
        self.cut(tape)
        operation.tape = None
        if tape.lane is not None:
            with self.lock:
                self._ears.leave(tape)
        around = self._around(operation)
        if around is not None and not around:
            around.begun = tape.begun  # what it notes from now on came after this operation

    def retire(self, tape: Tape) -> None:
        """Take the rows off a tape that nobody writes on any more, and forget it.

        Not while the interpreter ends, when a thread that was stopped may hold the lock, and not in a forked child
        before `forget`: the tape is one of its parent's.
        """
        if sys.is_finalizing() or os.getpid() != self._pid:
            return
        with self.lock:
            self._alive.pop(id(tape), None)
            if tape or tape.events:
                self.cut(tape)
            self._ears.leave(tape)

    def follow(self, holds: Callable[[Any], bool] = bool, most: int = 1) -> Uses:
        """Return a queue that every hit will be put into once; it ends with its last reference.

        Hits of entries that `holds` says no to may be left out: they are another cache's, or have left. So may all but
        the last `most` hits of an entry.
        """
        with self.lock:
            return self._followers.add(holds, most)

    def pull(self, uses: Uses) -> list[list[Any]]:
        """Remove and return the hits since the last time, in order within a thread.

        Threads, and tasks that take turns in operations of their own, are told of one after the other.
        """
        if not uses.batches and not any(tape.rows > tape.noted for tape in self._tapes()):
            return []
        with self.lock:
            self._tell_all()
            batches, uses.batches = uses.batches, []
            return batches

    def listen(self) -> Ear:
        """Return a listener that every read of the program is told to from now on, until its last reference goes."""
        with self.lock:
            for tape in self._tapes():
                tape.unheard(1)
            return self._ears.add()

    def hear(self, ear: Ear) -> list[Heard]:
        """Remove and return what was read since the last time: streams in no order, each one's reads in order."""
        with self.lock:
            for tape in self._tapes():
                self._ears.tell(tape)
            heard = list(ear.waiting)
            ear.waiting.clear()
            return heard

    def shorten(self, segments: list[Segment], used: Callable[[int], list[Any]]) -> None:
        """Put `used(most)`, the entries of these segments in order of their last hit, in place of their hits."""
        with self.lock:
            self._followers.shorten([segment.hits for segment in segments], used)

    def forget(self) -> None:
        """Drop every row and make the lock anew: this process was forked, and the rows are its parent's."""
        self.lock = threading.RLock()
        self._pid = os.getpid()
        for tape in self._tapes():
            tape.wipe()
            tape.stream = self.stream or tape.stream
        self._segments, self.rows, self._taken = [], 0, Counter()
        self._followers.forget()
        self._ears.forget()

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
            self._tell_all()  # what came before the operation comes first in the order of eviction
            around = self._around(operation)
            if around:
                self.cut(around)  # and in the order of times that are estimated
        operation.tape = tape = self._new(operation)
        return tape

    def _around(self, operation: Operation) -> Tape | None:
        """Return the tape of what the operation is in, if times are estimated between the first row and the last."""
        if self.stride > 1:
            return None
        around = operation.around
        return getattr(self._threads, "tape", None) if around is None else around.tape

    def _new(self, operation: Operation | None) -> Tape:
        tape = Tape(self, operation, self._timer())
        self._alive[id(tape)] = weakref.ref(tape)
        if operation is not None and self._ears:
            with self.lock:
                self._ears.enter(tape)
        return tape

    def _tapes(self) -> Iterator[Tape]:
        for reference in list(self._alive.values()):
            tape = reference()
            if tape is not None:
                yield tape

    def _tell_all(self) -> None:
        for tape in self._tapes():
            self._followers.tell(tape.unnoted())


def _counts(segments: list[Segment]) -> Counter[object]:
    found: Counter[object] = Counter()
    for segment in segments:
        found["hit"] += len(segment.hits)
        found.update(segment.events.counted())
    return found
