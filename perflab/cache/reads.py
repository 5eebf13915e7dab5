"""The quick way of a read: a hit in the first tier, noted without a lock.

In: a key. Out: the value if the key is in the tier's `hot` dict; else whatever the slow way says.

A hit is one look-up and one append to a tape of the recorder. From the tape come both the recorded row and, later, the
first tier's order of eviction (lazy promotion). The code stands four times, with and without a clock read, with and
without a default: a call in between would cost a third of the hit.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from perflab.cache.entry import Entry
from perflab.cache.mapping import LockedMapping

if TYPE_CHECKING:
    from perflab.cache.memory import MemoryCache
    from perflab.record import Recorder
    from perflab.record.tape import Tape

__all__ = ["REFUSED", "TIMED_EVERY_S", "ClocklessReads", "NotedReads"]

TIMED_EVERY_S = 50e-6
"""Hits are timed this far apart at the least: one takes some 0.2 us, and timing it as much again."""

REFUSED: Any = object()
"""The default of a read that raises KeyError."""


class NotedReads(LockedMapping):
    """A mapping over a first tier whose hits are noted with their time."""

    recorder: Recorder

    def _follow(self, first: MemoryCache) -> None:
        self._first = first
        self._hot = first.hot
        # The tape of this thread or operation. It raises LookupError before there is one; an operation that has no tape
        # so far stands in its place, and has no `append`. Both lead to the slow way, which makes the tape.
        self._tape: Callable[[], Any] = self.recorder.current.get
        self._full = self.recorder.tape_rows
        self._due_s = 0.0
        first.follow(self.recorder.follow(first.holds))

    def __getitem__(self, key: Hashable) -> Any:
        try:
            entry = self._hot[key]
            if entry.key is key or type(entry.key) is type(key):
                current = self._tape
                tape = current()
                tape.append(entry)
                now = perf_counter()
                tape.times.append(now)
                if now < self._due_s:
                    return entry.value
                return self._after_hit(tape, entry)
        except (LookupError, AttributeError):
            pass
        return self._look(key, REFUSED)

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return the value of a key, or the default; one access."""
        try:
            entry = self._hot[key]
            if entry.key is key or type(entry.key) is type(key):
                current = self._tape
                tape = current()
                tape.append(entry)
                now = perf_counter()
                tape.times.append(now)
                if now < self._due_s:
                    return entry.value
                return self._after_hit(tape, entry)
        except (LookupError, AttributeError):
            pass
        return self._look(key, default)

    @abstractmethod
    def _look(self, key: Hashable, default: Any) -> Any:
        """Return the value of a key that was not found the quick way; the default, or KeyError if it is REFUSED."""

    def _note(self, entry: Entry, duration_s: float) -> None:
        """Note a hit whose duration was measured."""
        tape = self.recorder.tapes.tape()
        tape.timed.append((len(tape), duration_s))
        tape.append(entry)
        tape.times.append(perf_counter())
        if len(tape) >= self._full:
            self._cut(tape)

    def _after_hit(self, tape: Tape, entry: Entry) -> Any:
        """Time a repetition of the hit that was noted last, and take the rows off a full tape."""
        current = self._tape
        start = perf_counter()
        self._hot.get(entry.key)  # it may have left meanwhile
        current()
        end = perf_counter()
        tape.timed.append((len(tape) - 1, end - start))
        self._due_s = end + TIMED_EVERY_S
        if len(tape) >= self._full:
            self._cut(tape)
        return entry.value

    def _cut(self, tape: Tape) -> None:
        # A thread that was interrupted between the two appends of a hit left one without its time.
        tape.times.extend([perf_counter()] * (len(tape) - len(tape.times)))
        if self.recorder.cut():
            self._first.catch_up()


class ClocklessReads(NotedReads):
    """The same without a clock read: the time of a hit is estimated when the tape is cut, or not known."""

    def __getitem__(self, key: Hashable) -> Any:
        try:
            entry = self._hot[key]
            if entry.key is key or type(entry.key) is type(key):
                current = self._tape
                tape = current()
                tape.append(entry)
                if len(tape) < self._full:
                    return entry.value
                return self._after_hit(tape, entry)
        except (LookupError, AttributeError):
            pass
        return self._look(key, REFUSED)

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return the value of a key, or the default; one access."""
        try:
            entry = self._hot[key]
            if entry.key is key or type(entry.key) is type(key):
                current = self._tape
                tape = current()
                tape.append(entry)
                if len(tape) < self._full:
                    return entry.value
                return self._after_hit(tape, entry)
        except (LookupError, AttributeError):
            pass
        return self._look(key, default)
