"""Small frames, made by hand, for the tests of `analyze.questions`.

In: rows as mappings; what is not named is missing. Out: frames with the columns and dtypes of recorded ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from perflab.record import NULL_RECORDER

Row = tuple[str, str] | tuple[str, str, Mapping[str, Any]]
START = pd.Timestamp("2026-03-01T12:00:00Z")


def frame(name: str, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    recorded = NULL_RECORDER.frames[name]
    made = pd.DataFrame([dict(row) for row in rows], columns=recorded.columns)
    return made.astype({column: str(dtype) for column, dtype in recorded.dtypes.items()})


def at(second: float | None) -> pd.Timestamp | None:
    return None if second is None else START + pd.Timedelta(second, "s")


def accesses(*rows: Row) -> pd.DataFrame:
    """Return rows of key, event and what else is known of them, a second apart."""
    made = []
    for second, (key, event, *more) in enumerate(rows):
        known: dict[str, Any] = {"run_id": "r", "t": at(second), "key": key, "event": event}
        known["tier"] = None if event in ("miss", "load") else "l1"
        made.append({**known, **(more[0] if more else {})})
    return frame("accesses", made)


def without_times(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows as they are with `record.timestamps = off`, with no time at all."""
    return rows.assign(t=pd.Series(pd.NaT, rows.index, dtype=rows["t"].dtype))


def missing(values: pd.Series[Any]) -> list[Any]:
    """Return the values with None for what is missing."""
    return [None if pd.isna(value) else value for value in values]
