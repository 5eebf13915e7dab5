"""Where new rows are gathered: a list for what happens seldom, tapes for what happens all the time.

In: rows as they are recorded. Out: typed columns of them, when a log asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import delitem
from typing import TYPE_CHECKING, Any

from perflab.record.arrow import to_table
from perflab.record.assemble import Numbered, assemble, number
from perflab.record.at_once import at_once
from perflab.record.log import Keep, Row
from perflab.record.operation_row import operation_columns, operation_rows
from perflab.record.piece import Typed
from perflab.record.tape import Segment
from perflab.record.tapes import Tapes

if TYPE_CHECKING:
    from perflab.record.block import Block
    from perflab.record.clock import Clock

__all__ = ["Accesses", "Gathered", "Operations", "Row"]


class Gathered:
    """The new rows of a frame in which little happens.

    Attributes
    ----------
    rows : list
        What was recorded; `rows.append` is atomic, and `take` removes only what it has copied.
    """

    def __init__(self, frame: str) -> None:
        self.frame = frame
        self.rows: list[Any] = []
        self._last: Row | None = None

    def look(self) -> Typed | None:
        """Return the rows as columns; None without any."""
        return self._typed(self.rows[: len(self.rows)])

    def take(self, keep: Keep) -> None:
        """Remove the rows, and keep them as columns."""
        batch = self.rows[: len(self.rows)]
        typed = self._typed(batch)
        if typed is not None:
            (self._last,) = self._as_rows(batch[-1:])
            at_once(*keep(typed), partial(delitem, self.rows, slice(len(batch))))

    def loose(self, most: int) -> list[Row]:
        """Remove and return the rows as they are if they are no more than so many; else none."""
        batch = self.rows[: len(self.rows)]
        if len(batch) > most:
            return []
        del self.rows[: len(batch)]
        return self._as_rows(batch)

    def last(self) -> Row | None:
        """Return the row that was recorded last, or None before the first."""
        recorded = self.rows[-1:]
        return self._as_rows(recorded)[0] if recorded else self._last

    def newest(self, most: int) -> Sequence[Sequence[object]]:
        """Return the columns of the newest rows that are not typed yet, at most so many; nothing is changed by it."""
        batch = self.rows[-most:]
        return self._as_columns(batch) if batch else []

    def forget(self) -> None:
        """Drop the rows: this process was forked, and they are its parent's."""
        self.rows, self._last = [], None

    def _typed(self, batch: Sequence[Any]) -> Typed | None:
        return Typed(to_table(self.frame, self._as_columns(batch))) if batch else None

    def _as_columns(self, batch: Sequence[Any]) -> Sequence[Sequence[object]]:
        return list(zip(*batch, strict=True))

    def _as_rows(self, batch: Sequence[Any]) -> list[Row]:
        return list(batch)


class Operations(Gathered):
    """The new rows of `operations`: those that ended here as they are, others as rows."""

    def __init__(self, run_id: str, clock: Clock) -> None:
        super().__init__("operations")
        self._run_id = run_id
        self._clock = clock

    def _as_columns(self, batch: Sequence[Any]) -> Sequence[Sequence[object]]:
        return operation_columns(batch, self._run_id, self._clock.zero_ns)

    def _as_rows(self, batch: Sequence[Any]) -> list[Row]:
        return operation_rows(batch, self._run_id, self._clock.zero_ns)


class Accesses:
    """The new rows of `accesses`, from the tapes."""

    def __init__(self, tapes: Tapes, clock: Clock, run_id: str, sample_ratio: float) -> None:
        self._tapes = tapes
        self._clock = clock
        self._run_id = run_id
        self._sample_ratio = sample_ratio
        self._taking = False

    # An entry is numbered for a block and for that block alone, so numbers are given under the lock. Keys are printed
    # outside of it: what they do to print themselves is theirs, and may be to use a cache.

    def look(self) -> Block | None:
        """Return the rows as columns, those on tapes too; None without any."""
        with self._tapes.lock:
            segments = self._tapes.look()
            hits = number(segments)
        return self._block(segments, hits) if segments else None

    def take(self, keep: Keep) -> None:
        """Remove the rows, and keep them as columns."""
        if self._taking:
            return  # a key that uses a cache to print itself; who prints it keeps the rest
        self._taking = True
        try:
            with self._tapes.lock:
                segments = self._tapes.cut_off()
                hits = number(segments)
            if segments:
                self._tapes.remove(segments, *keep(self._block(segments, hits)))
                self._tapes.shorten(segments, hits.used)
        finally:
            self._taking = False

    def loose(self, most: int) -> list[Row]:  # noqa: ARG002 - a block is small however few rows it has
        """Return none: a tape has no rows but those that become columns."""
        return []

    def _block(self, segments: list[Segment], hits: Numbered) -> Block:
        tapes = self._tapes
        return assemble(segments, hits, self._run_id, self._clock.zero_ns, tapes.timestamps, self._sample_ratio)
