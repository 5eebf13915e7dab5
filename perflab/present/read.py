"""Columns of a frame as plain numbers and text, whatever is missing.

In: a pandas DataFrame, perhaps empty or without the column. Out: numpy arrays, lists and dictionaries without NA.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["elapsed", "number", "numbers", "records", "text", "texts"]


def number(value: object) -> float:
    """Return a cell as a float; what is missing or no number is NaN.

    Examples
    --------
    >>> number(3), number(None)
    (3.0, nan)
    """
    try:
        return float(value)  # type: ignore[arg-type]  # the except clause is the check
    except (TypeError, ValueError):
        return math.nan


def text(value: object) -> str:
    """Return a cell as text; what is missing is empty.

    Examples
    --------
    >>> text("l1"), text(None), text(float("nan"))
    ('l1', '', '')
    """
    missing = value is None or type(value).__name__ in ("NAType", "NaTType")
    return "" if missing or (isinstance(value, float) and math.isnan(value)) else str(value)


def numbers(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Return a column as float64, NaN where it is missing."""
    import numpy as np
    import pandas as pd

    if column not in frame.columns:
        return np.full(len(frame), math.nan)
    return pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype="float64", na_value=math.nan)


def texts(frame: pd.DataFrame, column: str) -> NDArray[np.object_]:
    """Return a column as an array of text, empty where it is missing."""
    import numpy as np

    if column not in frame.columns:
        return np.full(len(frame), "", dtype=object)
    values = frame[column].astype(object)
    return values.where(values.notna(), "").astype(str).to_numpy(dtype=object)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dictionaries, None where a cell is missing. For frames of few rows."""
    if frame.empty:
        return []
    plain = frame.astype(object)
    return [
        {str(key): value for key, value in row.items()} for row in plain.where(plain.notna(), None).to_dict("records")
    ]


def elapsed(frame: pd.DataFrame, start: pd.Timestamp | None = None) -> NDArray[np.float64]:
    """Return seconds since `start` (default: the frame's first row) from its column `t`."""
    import numpy as np

    if "t" not in frame.columns or frame.empty:
        return np.full(len(frame), math.nan)
    first = frame["t"].min() if start is None else start
    return np.asarray((frame["t"] - first).dt.total_seconds(), dtype=np.float64)
