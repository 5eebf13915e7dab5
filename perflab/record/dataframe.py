"""Arrow tables as pandas DataFrames.

In: a table of `rows.gather`, or the columns of one. Out: a DataFrame with the documented dtypes and its units.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    return assembled({name: values(table.column(name)) for name in table.column_names}, table.schema, table.num_rows)


def values(column: pa.ChunkedArray) -> ExtensionArray:
    """Return a column as pandas holds it in the documented dtype."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        return _categorical(column)
    numeric = _numeric(column)
    return pa.table({"": column}).to_pandas()[""].array if numeric is None else numeric


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


def _numeric(column: pa.ChunkedArray) -> ExtensionArray | None:
    """Return a column of numbers or truth values; Arrow's own conversion copies each chunk, and then all of them."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_int64(column.type):
        return pd.arrays.IntegerArray(*filled(column, np.int64))
    if pa.types.is_boolean(column.type):
        return pd.arrays.BooleanArray(*filled(column, np.bool_))
    if not pa.types.is_float64(column.type):
        return None
    values, lacking = filled(column, np.float64)
    values[lacking] = np.nan
    return pd.arrays.NumpyExtensionArray(values)


def _categorical(column: pa.ChunkedArray) -> pd.Categorical[Any]:
    import pandas as pd

    # Arrow's own conversion takes half as long again, and minutes where many pieces share a dictionary.
    places, texts = codes(column)
    return pd.Categorical.from_codes(places, dtype=pd.CategoricalDtype(pd.Index(texts.to_pandas())), validate=False)
