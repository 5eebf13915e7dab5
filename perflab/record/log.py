"""The rows of one frame: a buffer that is appended to and sealed pieces of typed columns.

In: tuples, tables. Out: the pieces, each in memory, in the run folder, or both.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.record.arrow import conform, to_table
from perflab.record.store import read_file

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Log", "Piece"]


@dataclass(slots=True)
class Piece:
    """Sealed rows: a table in memory, a file in the run folder, or both."""

    table: pa.Table | None
    path: Path | None = None

    def read(self) -> pa.Table:
        """Return the rows, from the run folder if they have left memory."""
        if self.table is not None:
            return self.table
        assert self.path is not None, "a piece is in memory, in a file, or both"
        return read_file(self.path)


class Log:
    """Append-only rows of one frame.

    Notes
    -----
    `rows.append` is the whole hot path: it is atomic, and `seal` removes only the rows that it has copied, so a row
    appended meanwhile stays.
    """

    def __init__(self, frame: str) -> None:
        self.frame = frame
        self.rows: list[tuple[object, ...]] = []
        self.pieces: deque[Piece] = deque()
        self.dropped = 0
        self._lock = threading.RLock()

    def seal(self) -> None:
        """Turn the buffered rows into a piece of typed columns."""
        with self._lock:
            count = len(self.rows)
            if count:
                table = to_table(self.frame, self.rows[:count])
                del self.rows[:count]
                self.pieces.append(Piece(table))

    def absorb(self, table: pa.Table) -> None:
        """Add rows that another recorder made; they keep their own run_id and time."""
        with self._lock:
            self.seal()
            if table.num_rows:
                self.pieces.append(Piece(conform(self.frame, table)))

    def store(self, write: Callable[[str, pa.Table], Path]) -> None:
        """Hand all rows that are only in memory to `write` as one table; they become one piece."""
        import pyarrow as pa

        with self._lock:
            self.seal()
            loose = [piece for piece in self.pieces if piece.path is None]
            if loose:
                table = pa.concat_tables([piece.table for piece in loose]).unify_dictionaries()
                path = write(self.frame, table)
                self.pieces = deque(piece for piece in self.pieces if piece.path is not None)
                self.pieces.append(Piece(table, path))

    def let_go(self) -> int:
        """Take the oldest piece out of memory and return its bytes; rows that are nowhere else count as dropped."""
        with self._lock:
            piece = next((piece for piece in self.pieces if piece.table is not None), None)
            if piece is None or piece.table is None:
                return 0
            table, piece.table = piece.table, None
            if piece.path is None:
                self.dropped += table.num_rows
                self.pieces = deque(other for other in self.pieces if other is not piece)
            return int(table.nbytes)

    def moved(self, path: Path) -> None:
        """Take note that all sealed rows stand in this one file now."""
        with self._lock:
            self.pieces = deque([Piece(None, path)])

    @property
    def nbytes(self) -> int:
        """Bytes of sealed rows in memory."""
        with self._lock:
            return sum(piece.table.nbytes for piece in self.pieces if piece.table is not None)

    def read(self) -> list[pa.Table]:
        """Return all rows that are not dropped, oldest first."""
        with self._lock:
            self.seal()
            return [piece.read() for piece in self.pieces]
