"""The rows of one frame: a buffer that is appended to and sealed pieces of typed columns.

In: tuples, tables. Out: the pieces, each in memory, in the run folder, or both.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.record.arrow import conform, to_table
from perflab.record.frames import columns
from perflab.record.store import read_file

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Log", "Piece"]

MERGE_PIECES = 32
SMALL_ROWS = 50_000
"""So many pieces in the run folder that are this small become one, so that a long quiet run is no heap of files."""


@dataclass(slots=True, eq=False)
class Piece:
    """Sealed rows: a table in memory, a file in the run folder, or both."""

    table: pa.Table | None
    path: Path | None = None
    rows: int = 0

    def read(self) -> pa.Table:
        """Return the rows, from the run folder if they have left memory."""
        if self.table is not None:
            return self.table
        assert self.path is not None, "a piece is in memory, in a file, or both"
        return read_file(self.path)


class Log:
    """Append-only rows of one frame.

    Attributes
    ----------
    rows : list of tuples
        Rows that are not sealed yet; `rows.append` is the whole hot path. It is atomic, and `seal` removes only what it
        has copied, so a row appended meanwhile stays.
    nbytes : int
        Bytes of sealed rows in memory.
    dropped : int
        Rows that are nowhere any more.
    """

    def __init__(self, frame: str, counted: str | None = None) -> None:
        self.frame = frame
        self.rows: list[tuple[object, ...]] = []
        self.nbytes = 0
        self.dropped = 0
        self._pieces: list[Piece] = []
        self._counted = None if counted is None else [column.name for column in columns(frame)].index(counted)
        self._sealed_counts: Counter[object] = Counter()
        self._last: tuple[object, ...] | None = None
        self._lock = threading.RLock()

    def seal(self) -> None:
        """Turn the buffered rows into a piece of typed columns."""
        with self._lock:
            batch = self.rows[: len(self.rows)]
            if batch:
                self._count(batch)
                self._last = batch[-1]
                self._hold(to_table(self.frame, batch))
                del self.rows[: len(batch)]

    def absorb(self, table: pa.Table) -> None:
        """Add rows that another recorder made; they keep their own run_id and time."""
        with self._lock:
            self.seal()
            if table.num_rows:
                self._hold(conform(self.frame, table))

    def counts(self) -> Counter[object]:
        """Return how often each value of the counted column was recorded here, dropped rows included."""
        with self._lock:
            found = Counter(self._sealed_counts)
            if self._counted is not None:
                found.update(row[self._counted] for row in self.rows[: len(self.rows)])
            return found

    def last(self) -> tuple[object, ...] | None:
        """Return the row that was recorded here last, or None before the first."""
        with self._lock:
            return self.rows[-1] if self.rows else self._last

    def store(self, write: Callable[..., Path]) -> None:
        """Bring all rows that are only in memory into the run folder.

        Parameters
        ----------
        write
            Called with the frame, a table and `replaces`, files whose rows the table repeats; returns the file.
        """
        with self._lock:
            self.seal()
            self._rewrite([piece for piece in self._pieces if piece.path is None], write)
            small = [piece for piece in self._pieces if piece.path is not None and piece.rows < SMALL_ROWS]
            if len(small) >= MERGE_PIECES:
                self._rewrite(small, write)

    def let_go(self) -> int:
        """Take the oldest piece out of memory and return its bytes; rows that are nowhere else count as dropped."""
        with self._lock:
            piece = next((piece for piece in self._pieces if piece.table is not None), None)
            if piece is None or piece.table is None:
                return 0
            freed = int(piece.table.nbytes)
            piece.table = None
            self.nbytes -= freed
            if piece.path is None:
                self.dropped += piece.rows
                self._pieces.remove(piece)
            return freed

    def read(self) -> list[pa.Table]:
        """Return all rows that are not dropped, oldest first; nothing is changed by it."""
        with self._lock:
            loose = self.rows[: len(self.rows)]
            return [piece.read() for piece in self._pieces] + ([to_table(self.frame, loose)] if loose else [])

    def hand_over(self) -> list[Piece]:
        """Seal and return the pieces, for `moved` once they stand in one file."""
        with self._lock:
            self.seal()
            return list(self._pieces)

    def moved(self, pieces: Sequence[Piece], path: Path) -> None:
        """Take note that the rows of these pieces stand in one file now; what came since stays where it is."""
        with self._lock:
            self._replace(pieces, Piece(None, path, sum(piece.rows for piece in pieces)))

    def _hold(self, table: pa.Table) -> None:
        self._pieces.append(Piece(table, None, table.num_rows))
        self.nbytes += int(table.nbytes)

    def _count(self, batch: Sequence[tuple[object, ...]]) -> None:
        if self._counted is not None:
            self._sealed_counts.update(row[self._counted] for row in batch)

    def _rewrite(self, pieces: Sequence[Piece], write: Callable[..., Path]) -> None:
        import pyarrow as pa

        if not pieces:
            return
        table = pa.concat_tables([piece.read() for piece in pieces]).unify_dictionaries()
        old = [piece.path for piece in pieces if piece.path is not None]
        in_memory = all(piece.table is not None for piece in pieces)
        path = write(self.frame, table, replaces=old)
        self._replace(pieces, Piece(table if in_memory else None, path, table.num_rows))
        for file in old:
            file.unlink(missing_ok=True)

    def _replace(self, pieces: Sequence[Piece], new: Piece) -> None:
        gone = set(map(id, pieces))
        at = next((place for place, piece in enumerate(self._pieces) if id(piece) in gone), 0)
        kept = [piece for piece in self._pieces if id(piece) not in gone]
        self._pieces = [*kept[:at], new, *kept[at:]]
        self.nbytes = sum(int(piece.table.nbytes) for piece in self._pieces if piece.table is not None)
