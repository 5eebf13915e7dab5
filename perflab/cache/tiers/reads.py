"""The quick way of a read: a hit in the first tier, noted without a lock.

In: a key. Out: the value if the tier has the key in a dict of its own and it is not due; else what the slow way says.

A hit is one look-up and one append to a tape of the recorder. From the tape come both the recorded row and, later, the
first tier's order of eviction (lazy promotion). `perflab._native` does the same in C; it is used where it was built.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from contextvars import ContextVar
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from perflab.cache.entry import Entry
from perflab.cache.mapping import LockedMapping
from perflab.record.tape import Tape

if TYPE_CHECKING:
    from perflab.cache.memory.tier import MemoryCache
    from perflab.record import Recorder

__all__ = ["REFUSED", "TIMED_EVERY_S", "NotedReads", "PythonReads", "Reads"]

TIMED_EVERY_S = 50e-6
"""Hits with exact times are timed this far apart at the least: timing one takes as long as the hit."""


_NOT_HELD: Any = object()


class PythonReads:
    """`perflab._native.Reads` in Python, where that was not built."""

    _due_s = 0.0

    def _watch(
        self,
        hot: dict[Hashable, Any],
        dated: dict[Hashable, Any],
        current: ContextVar[Any],
        entry: type,  # noqa: ARG002 - of whose slots the module in C must know the places
        full: int,
        exact: bool,
        /,
    ) -> None:
        """Find entries of a class in two dicts, and note the hits on the tape that `current` holds."""
        self._hot = hot
        self._dated = dated
        self._current = current.get
        self._full_items = full
        self._exact = exact

    def __getitem__(self, key: Hashable) -> Any:
        return self._read(key, REFUSED)

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return the value of a key, or the default; one access."""
        return self._read(key, default)

    def held(self, key: Hashable, default: Any, /) -> Any:
        """Return the value of a key that is found the quick way, one access; else the default, and none."""
        entry = self._live(key)
        if entry is None or type(entry.key) is not type(key):  # True finds 1
            return default
        tape = self._current(None)
        if not isinstance(tape, Tape):
            return default  # the slow way makes it
        now = perf_counter() if self._exact else 0.0
        tape.note(entry, now)
        if len(tape) >= self._full_items or (self._exact and now >= self._due_s):
            self._after_hit(tape, self._repeated_s(key))
        return entry.value

    def _read(self, key: Hashable, default: Any) -> Any:
        value = self.held(key, _NOT_HELD)
        return self._look(key, default) if value is _NOT_HELD else value

    def _live(self, key: Hashable) -> Entry | None:
        entry: Entry | None = self._hot.get(key)
        # Other keys are filed under something else in `_dated`.
        if entry is None and (type(key) is str or type(key) is int):
            entry = self._dated.get(key)
            return entry if type(entry) is Entry and entry.expires > monotonic() else None
        return entry

    def _repeated_s(self, key: Hashable) -> float:
        start = perf_counter()
        self._live(key)  # it may have left meanwhile
        self._current(None)
        return perf_counter() - start

    @abstractmethod
    def _look(self, key: Hashable, default: Any) -> Any: ...

    @abstractmethod
    def _after_hit(self, tape: Tape, duration_s: float) -> None: ...


if TYPE_CHECKING:
    REFUSED: Any = object()
    """The default of a read that raises KeyError."""
    Reads = PythonReads
else:
    try:
        from perflab._native import REFUSED, Reads
    except ImportError:
        REFUSED, Reads = object(), PythonReads


class NotedReads(Reads, LockedMapping):
    """A mapping over a first tier whose hits are noted, with their time if the recorder wants it."""

    recorder: Recorder

    def _follow(self, first: MemoryCache) -> None:
        tapes = self.recorder.tapes
        self._first = first
        self._full = self.recorder.tape_rows
        # The quick way knows one clock.
        dated = first.dated if first.timer is monotonic else {}
        self._watch(first.hot, dated, tapes.current, Entry, self._full * tapes.stride, tapes.stride > 1)
        self._order_by_uses()

    def _order_by_uses(self) -> None:
        """Take the first tier's order of eviction from the tapes, as its policy counts reads."""
        self._first.follow(self.recorder.follow(self._first.holds, self._first.counted))

    @abstractmethod
    def _look(self, key: Hashable, default: Any) -> Any:
        """Return the value of a key that was not found the quick way; the default, or KeyError if it is REFUSED."""

    def _note(self, entry: Entry, duration_s: float) -> None:
        """Note a hit whose duration was measured."""
        tape = self.recorder.tapes.tape()
        tape.note(entry, perf_counter())
        self._after_hit(tape, duration_s)

    def _after_hit(self, tape: Tape, duration_s: float) -> None:
        """Keep the duration of the hit that was noted last, and take the rows off a full tape."""
        rows = tape.rows
        if rows:  # another thread may have cut it just now
            tape.timed.append((rows - 1, duration_s))
        self._due_s = perf_counter() + TIMED_EVERY_S
        if rows >= self._full and self.recorder.cut():
            self._first.catch_up()
