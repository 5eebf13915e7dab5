"""Rows that a log holds, piece by piece.

In: typed columns, or the file that they went into. Out: tables, files, and what a piece costs.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Joined", "Piece", "Rows", "Typed", "one_of"]


class Rows(Protocol):
    """Typed columns in memory, in whatever form is small."""

    @property
    def nbytes(self) -> int: ...

    @property
    def num_rows(self) -> int: ...

    def tables(self) -> Iterator[pa.Table]: ...

    def events(self) -> Counter[object]:
        """Return how often each event stands in rows of `accesses`."""


@dataclass(slots=True)
class Typed:
    """A table as it is."""

    arrow: pa.Table

    @property
    def nbytes(self) -> int:
        return int(self.arrow.nbytes)

    @property
    def num_rows(self) -> int:
        return int(self.arrow.num_rows)

    def tables(self) -> Iterator[pa.Table]:
        yield self.arrow

    def events(self) -> Counter[object]:
        counts = self.arrow["event"].value_counts().to_pylist()
        return Counter({item["values"]: item["counts"] for item in counts})


@dataclass(slots=True)
class Joined:
    """Rows that became columns, or went into one file, together."""

    parts: Sequence[Rows]

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self.parts)

    @property
    def num_rows(self) -> int:
        return sum(part.num_rows for part in self.parts)

    def tables(self) -> Iterator[pa.Table]:
        for part in self.parts:
            yield from part.tables()

    def events(self) -> Counter[object]:
        return sum((part.events() for part in self.parts), Counter())


@dataclass(slots=True, eq=False)
class Piece:
    """Sealed rows: in memory, in a file of the run folder, or in both."""

    held: Rows | None
    path: Path | None = None
    rows: int = 0
    writing: bool = False

    @property
    def lost(self) -> bool:
        """Whether they were in a file alone, which somebody removed, or whose disk is gone."""
        if self.held is not None or self.path is None:
            return False
        return not os.path.exists(self.path)  # noqa: PTH110 - `Path.exists` raises what a dead disk says

    def sources(self) -> Iterator[pa.Table | Path]:
        """Yield the rows, piece by piece, or the file that they are in if they have left memory."""
        if self.held is not None:
            yield from self.held.tables()
        else:
            assert self.path is not None, "a piece is in memory, in a file, or both"
            yield self.path


def one_of(rows: Sequence[Rows]) -> Rows:
    """Return several rows as one table."""
    import pyarrow as pa

    if len(rows) == 1:
        return rows[0]
    return Typed(pa.concat_tables(list(Joined(rows).tables())).unify_dictionaries().combine_chunks())
