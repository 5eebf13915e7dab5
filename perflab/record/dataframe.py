"""Arrow tables as pandas DataFrames.

In: a table of `rows.gather`, or the columns of one. Out: a DataFrame with the documented dtypes and its units.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perflab.record.arrow import empty_table
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
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        return _categorical(column)
    if pa.types.is_int64(column.type) and column.null_count == len(column):
        import numpy as np

        # Zeros that nobody has looked at take no memory.
        return pd.arrays.IntegerArray(np.zeros(len(column), np.int64), np.ones(len(column), np.bool_))
    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    held: ExtensionArray = pa.table({"": column}).to_pandas(types_mapper=nullable.get)[""].array
    return held


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


def _categorical(column: pa.ChunkedArray) -> pd.Categorical[Any]:
    import pandas as pd

    # Arrow's own conversion takes half as long again, and minutes where many pieces share a dictionary.
    places, texts = codes(column)
    return pd.Categorical.from_codes(places, dtype=pd.CategoricalDtype(pd.Index(texts.to_pandas())), validate=False)
