"""Rows of a frame in a panel: the newest ones, as few as a page can hold, and said so.

In: a run or its frames, filters. Out: a part of it, a DataFrame, a `Table`, and a sentence on what is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perflab.present.read import records, text
from perflab.present.tables import Cell, Table, table
from perflab.record import Frames
from perflab.record.frames import columns as columns_of
from perflab.system.run import Run
from perflab.units import format_quantity

if TYPE_CHECKING:
    import pandas as pd

    from perflab.system import PerformanceSystem

__all__ = ["MOST_READ", "MOST_ROWS", "counted", "looked_at", "newest", "newest_frames", "newest_part", "shown_rows"]

MOST_ROWS = 200
"""Rows that a panel shows."""

MOST_READ = 1_000_000
"""Rows of a frame that a panel reads; of a frame of more it looks at the newest million."""


def newest_part(source: PerformanceSystem | Run) -> tuple[Run, str]:
    """Return a run with as many rows as a panel waits for, and a sentence on what is left out; empty if nothing is.

    A run of many millions of rows takes gigabytes, and most of a minute, to be judged or drawn whole.
    """
    run = source if isinstance(source, Run) else source.run
    _, left_out = newest_frames(run.frames)
    return (run.newest(MOST_READ) if left_out else run), left_out


def newest_frames(frames: Frames) -> tuple[Frames, str]:
    """Return frames as `newest_part` does a run."""
    large = {frame: rows for frame, rows in counted(frames).items() if rows > MOST_READ}
    if not large:
        return frames, ""
    parts = [f"of {rows:,} rows of {frame} the newest {MOST_READ:,}" for frame, rows in large.items()]
    return frames.newest(MOST_READ), f"Looked at: {', '.join(parts)}."


def newest(
    frames: Frames,
    frame: str,
    columns: Sequence[str],
    filters: Mapping[str, Any],
    among: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows,
    most: int = MOST_ROWS,
) -> tuple[pd.DataFrame, str]:
    """Return the newest rows that pass the filters, the last ones last, and what was left out.

    Parameters
    ----------
    frames
        Of a run or of a system at work.
    frame, columns, filters
        As for `Frames.select`.
    among
        Returns those that are wanted of the rows that pass.
    most
        How many to return.
    """
    seen, said = looked_at(frames, frame)
    found = among(seen.select(frame, list(columns), **filters))
    if len(found) > most:
        return found.tail(most), f"The newest {most:,} of {len(found):,} rows.{said}"
    return found, f"{len(found):,} row{'s' * (len(found) != 1)}.{said}"


def looked_at(frames: Frames, frame: str) -> tuple[Frames, str]:
    """Return frames of which one is no longer than a panel reads, and what to say of that; empty if it is whole."""
    if counted(frames)[frame] <= MOST_READ:
        return frames, ""
    return frames.newest(MOST_READ), f" Looked at: the newest {MOST_READ:,} rows of the frame."


def counted(frames: Frames) -> dict[str, int]:
    """Return how many rows each frame has; little is read for it."""
    described = frames.describe().drop_duplicates("frame")
    return {str(frame): int(rows) for frame, rows in zip(described["frame"], described["rows"], strict=True)}


def shown_rows(
    frame: str,
    rows: pd.DataFrame,
    caption: str,
    note: str = "",
    pick: Callable[[int, Mapping[str, Any]], str] = lambda _place, _row: "",
) -> Table:
    """Return rows of a recorded frame as a table with units.

    The first cell of a row picks what `pick` says of its place and values; nothing if that is empty.
    """
    units = {column.name: column.unit for column in columns_of(frame)}
    names = list(rows.columns)
    body = []
    for place, record in enumerate(records(rows)):
        cells: list[Cell | str] = [_cell(record.get(name), units.get(name, "")) for name in names]
        picked = pick(place, record)
        body.append((Cell(_first(cells), pick=picked) if picked else cells[0], *cells[1:]))
    numeric = [name for name in names if units.get(name) in ("bytes", "s", "ratio")]
    return table(caption, names, body, numeric=numeric, note=note)


def _first(cells: Sequence[Cell | str]) -> str:
    first = cells[0]
    return first.text if isinstance(first, Cell) else first


def _cell(value: Any, unit: str) -> str:
    if hasattr(value, "strftime"):
        return str(value.strftime("%H:%M:%S.%f"))[:-3]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and math.isfinite(value):
        return format_quantity(value, unit)
    return text(value) or "–"
