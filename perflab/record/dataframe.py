"""Arrow tables as pandas DataFrames.

In: a table of `rows.gather`, or the columns of one. Out: a DataFrame with the documented dtypes and its units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perflab.record.arrow import empty_table
from perflab.record.buffers import filled
from perflab.record.dictionaries import codes

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from pandas.api.extensions import ExtensionArray

__all__ = ["assembled", "dtypes", "to_dataframe", "values"]


def to_dataframe(table: pa.Table) -> pd.DataFrame:
    """Return a table as a DataFrame whose `attrs` have `units`, column -> unit; writing to it changes no table."""
    rows = table.num_rows
    arrays = {name: values(c.type, rows, c.chunks) for name, c in zip(table.column_names, table.columns, strict=True)}
    return assembled(arrays, table.schema, rows)


def values(kind: pa.DataType, rows: int, pieces: Iterable[pa.Array]) -> ExtensionArray:
    """Return a column, from its pieces, as pandas holds it in the documented dtype."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _categorical(rows, list(pieces))
    numeric = _numeric(kind, rows, pieces)
    if numeric is not None:
        return numeric
    other: ExtensionArray = pa.table({"": pa.chunked_array(list(pieces), kind)}).to_pandas(use_threads=False)[""].array
    return other


def assembled(arrays: Mapping[str, ExtensionArray], schema: pa.Schema, rows: int) -> pd.DataFrame:
    """Return columns as a DataFrame, without a copy; `schema` has their units."""
    import pandas as pd

    frame = pd.DataFrame(arrays, index=pd.RangeIndex(rows), copy=False)
    units = {name: (schema.field(name).metadata or {}).get(b"unit", b"").decode() for name in arrays}
    frame.attrs["units"] = {name: unit for name, unit in units.items() if unit}
    return frame


def dtypes(frame: str) -> pd.Series:
    """Return the dtypes that a frame is delivered with, by column."""
    return to_dataframe(empty_table(frame)).dtypes


def _numeric(kind: pa.DataType, rows: int, pieces: Iterable[pa.Array]) -> ExtensionArray | None:
    """Return a column of numbers, truth values or times; Arrow's own conversion copies each piece, and then all."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_int64(kind):
        return pd.arrays.IntegerArray(*filled(rows, pieces, np.int64))
    if pa.types.is_boolean(kind):
        return pd.arrays.BooleanArray(*filled(rows, pieces, np.bool_))
    if pa.types.is_timestamp(kind):
        times, lacking = filled(rows, pieces, np.int64)
        times[lacking] = np.iinfo(np.int64).min  # what NaT is
        return pd.array(times, dtype=pd.DatetimeTZDtype(kind.unit, kind.tz), copy=False)
    if not pa.types.is_float64(kind):
        return None
    numbers, lacking = filled(rows, pieces, np.float64)
    numbers[lacking] = np.nan
    return pd.arrays.NumpyExtensionArray(numbers)


def _categorical(rows: int, pieces: Sequence[pa.Array]) -> pd.Categorical[Any]:
    import pandas as pd

    # Arrow's own conversion takes half as long again, and minutes where many pieces share a dictionary.
    places, texts = codes(rows, pieces)
    return pd.Categorical.from_codes(
        places, dtype=pd.CategoricalDtype(pd.Index(texts.to_pandas(use_threads=False))), validate=False
    )
