"""The rows of one frame: a buffer that is appended to and sealed pieces of typed columns.

In: rows, tables. Out: the pieces, each in memory, in the run folder, or both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from perflab.record.at_once import at_once
from perflab.record.piece import Joined, Piece, Rows, Typed, one_of
from perflab.record.rows import conform

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Keep", "Log", "Row", "Source", "Taken"]

Row = tuple[object, ...]

MERGE_PIECES = 32
SMALL_ROWS = 50_000
"""So many pieces in the run folder that are this small become one, so that a long quiet run is no heap of files."""
LARGE_ROWS = 4096
"""Columns from a worker that are this long are a piece at once; others are joined, as each piece costs the readers."""


Keep = Callable[[Rows], Sequence[Callable[[], object]]]


class Source(Protocol):
    """Where new rows are gathered before they are typed."""

    def look(self) -> Rows | None:
        """Return the rows that were gathered; None without any. Nothing is changed by it."""

    def take(self, keep: Keep) -> None:
        """Remove them, and keep them as columns; `keep` returns the steps of that, all to be done at one moment."""

    def loose(self, most: int) -> Sequence[Row]:
        """Remove and return them as they are, if that is smaller than typed columns; else none."""


class Taken(NamedTuple):
    """Rows on the way from one log to another: few as they are, many as columns; and how many were dropped before."""

    loose: Sequence[Row]
    held: Sequence[Rows]
    dropped: int


class Log:
    """Append-only rows of one frame.

    Attributes
    ----------
    nbytes : int
        Bytes of sealed rows in memory.
    """

    def __init__(self, frame: str, source: Source) -> None:
        self.frame = frame
        self.nbytes = 0
        self._dropped = 0
        self._source = source
        self._pieces: list[Piece] = []
        self._arrived: list[Rows] = []
        self._lock = threading.RLock()
        self._writing = threading.Lock()  # who seals must not wait for a disk

    @property
    def dropped(self) -> int:
        """Rows that are nowhere any more."""
        return self._dropped + sum(piece.rows for piece in list(self._pieces) if piece.lost)

    def seal(self, wait: bool = True) -> None:
        """Turn the gathered rows into a piece of typed columns; without `wait`, not if another thread is about it."""
        if not self._lock.acquire(blocking=wait):
            return
        try:
            self._join_arrived()
            self._source.take(self._keeping)
        finally:
            self._lock.release()

    def absorb(self, table: pa.Table) -> None:
        """Add rows that another recorder made; they keep their own run_id and time."""
        with self._lock:
            self.seal()
            if table.num_rows:
                self._hold(Typed(conform(self.frame, table)))

    def take(self, loose: int) -> Taken:
        """Remove and return the rows that are in memory; those not typed yet as they are, if no more than `loose`."""
        with self._lock:
            rows = self._source.loose(loose)
            self.seal()
            held = [piece.held for piece in self._pieces if piece.held is not None]
            dropped = self.dropped
            self._pieces, self.nbytes, self._dropped = [], 0, 0
            return Taken(rows, held, dropped)

    def receive(self, held: Sequence[Rows], dropped: int) -> None:
        """Add columns that were taken from another log, and what it had dropped."""
        with self._lock:
            self._dropped += dropped
            for rows in held:
                if rows.num_rows >= LARGE_ROWS:
                    self._hold(rows)
                else:
                    self._arrived.append(rows)
            if len(self._arrived) >= MERGE_PIECES:
                self._join_arrived()

    def forget(self) -> None:
        """Drop everything and make the lock anew: this process was forked, and the rows are its parent's."""
        self._lock, self._writing = threading.RLock(), threading.Lock()
        self._pieces, self._arrived, self.nbytes, self._dropped = [], [], 0, 0

    def store(self, write: Callable[..., Path]) -> None:
        """Bring all rows that are only in memory into the run folder.

        Parameters
        ----------
        write
            Called with the frame, tables and files, and `replaces`, files whose rows are among these; returns a file.
        """
        with self._writing:
            self.seal()
            self._rewrite(self._chosen(lambda piece: piece.path is None), write)
            self._rewrite(
                self._chosen(lambda piece: piece.path is not None and piece.rows < SMALL_ROWS, MERGE_PIECES), write
            )

    def let_go(self) -> int:
        """Take the oldest piece out of memory and return its bytes; rows that are nowhere else count as dropped.

        A piece that is on its way to the run folder stays until it is there.
        """
        with self._lock:
            in_memory = (piece for piece in self._pieces if piece.held is not None and not piece.writing)
            piece = next(in_memory, None)
            if piece is None or piece.held is None:
                return 0
            freed = piece.held.nbytes
            piece.held = None
            self.nbytes -= freed
            if piece.path is None:
                self._dropped += piece.rows
                self._pieces.remove(piece)
            return freed

    def sources(self, lost: bool = True) -> list[pa.Table | Path]:
        """Return tables, and files, of all rows that are not dropped, oldest first; nothing is changed by it.

        Without `lost`, no files that are not there: they may be about to be replaced.
        """
        with self._lock:
            # Before the look: a key that uses a cache to print itself may cause rows to be sealed meanwhile.
            pieces, arrived = list(self._pieces), list(self._arrived)
            loose = self._source.look()
            found = [source for piece in pieces if lost or not piece.lost for source in piece.sources()]
            found += Joined(arrived).tables()
            return found if loose is None else [*found, *loose.tables()]

    def size(self) -> tuple[int, int]:
        """Return rows that are not dropped, and bytes of those in memory."""
        with self._lock:
            loose = self._source.look()
            unsealed: list[Rows] = self._arrived if loose is None else [*self._arrived, loose]
            rows = sum(rows.num_rows for rows in unsealed) + sum(p.rows for p in self._pieces if not p.lost)
            return rows, sum(rows.nbytes for rows in unsealed) + self.nbytes

    def hand_over(self) -> list[Piece]:
        """Seal and return the pieces, for `moved` once they stand in one file."""
        self.seal()
        return self._chosen(lambda _: True)

    def keep(self, pieces: Sequence[Piece]) -> None:
        """Take note that nobody is writing these pieces any more."""
        for piece in pieces:
            piece.writing = False

    def moved(self, pieces: Sequence[Piece], path: Path) -> None:
        """Take note that the rows of these pieces stand in one file now; what came since stays where it is."""
        with self._lock:
            self._replace(pieces, Piece(None, path, sum(piece.rows for piece in pieces)))

    def _join_arrived(self) -> None:
        if self._arrived:
            at_once(*self._keeping(one_of(self._arrived)), self._arrived.clear)

    def _hold(self, rows: Rows) -> None:
        at_once(*self._keeping(rows))

    def _keeping(self, rows: Rows) -> Sequence[Callable[[], object]]:
        piece = Piece(rows, None, rows.num_rows)
        return partial(self._pieces.append, piece), partial(setattr, self, "nbytes", self.nbytes + rows.nbytes)

    def _chosen(self, wanted: Callable[[Piece], bool], least: int = 1) -> list[Piece]:
        """Return pieces that are to be written, and which therefore stay in memory; none if they are fewer."""
        with self._lock:
            found = [piece for piece in self._pieces if wanted(piece)]
            if len(found) < least:
                return []
            for piece in found:
                piece.writing = True
            return found

    def _rewrite(self, pieces: Sequence[Piece], write: Callable[..., Path]) -> None:
        if not pieces:
            return
        old = [piece.path for piece in pieces if piece.path is not None]
        try:
            path = write(self.frame, (source for piece in pieces for source in piece.sources()), replaces=old)
        finally:
            self.keep(pieces)
        with self._lock:
            held = [piece.held for piece in pieces if piece.held is not None]
            in_memory = len(held) == len(pieces)  # of those in a file some may have been let go
            rows = sum(piece.rows for piece in pieces)
            self._replace(pieces, Piece(Joined(held) if in_memory else None, path, rows))
        for file in old:
            file.unlink(missing_ok=True)

    def _replace(self, pieces: Sequence[Piece], new: Piece) -> None:
        gone = set(map(id, pieces))
        at = next((place for place, piece in enumerate(self._pieces) if id(piece) in gone), 0)
        kept = [piece for piece in self._pieces if id(piece) not in gone]
        self._pieces = [*kept[:at], new, *kept[at:]]
        self.nbytes = sum(piece.held.nbytes for piece in self._pieces if piece.held is not None)
