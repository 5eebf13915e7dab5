"""Rows of a frame in a panel: the newest ones, as few as a page can hold, and said so.

In: frames, filters. Out: a DataFrame, a `Table`, and a sentence on what is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from perflab.present.read import records, text
from perflab.present.tables import Cell, Table, table
from perflab.record import Frames
from perflab.record.frames import columns as columns_of
from perflab.units import format_quantity

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_ROWS", "newest", "shown_rows", "since_newest"]

MOST_ROWS = 200
"""Rows that a panel shows."""

_MOST_READ = 1_000_000
"""Rows that a panel reads to look among; a frame of more is looked at from where its newest million begins."""


def newest(
    frames: Frames, frame: str, columns: Sequence[str], filters: Mapping[str, Any], most: int = MOST_ROWS
) -> tuple[pd.DataFrame, str]:
    """Return the newest rows that pass the filters, the last ones last, and what was left out.

    Parameters
    ----------
    frames
        Of a run or of a system at work.
    frame, columns, filters
        As for `Frames.select`.
    most
        How many to return.
    """
    held = dict(filters)
    since = since_newest(frames, frame, _MOST_READ)
    said = ""
    if since is not None:
        held["since"] = since
        said = f" Looked at: the newest {_MOST_READ:,} rows of the frame."
    found = frames.select(frame, list(columns), **held)
    if len(found) > most:
        return found.tail(most), f"The newest {most:,} of {len(found):,} rows.{said}"
    return found, f"{len(found):,} row{'s' * (len(found) != 1)}.{said}"


def since_newest(frames: Frames, frame: str, most: int) -> datetime | None:
    """Return the time of the oldest of so many newest rows; None if there are no more, or times are missing.

    Little is read for it: counts, and where there are more rows, their times.
    """
    described = frames.describe()
    total = int(described.loc[described["frame"] == frame, "rows"].iloc[0])
    if total <= most:
        return None
    since = frames.select(frame, ["t"])["t"].iloc[-most]
    return None if str(since) == "NaT" else since.to_pydatetime()


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
