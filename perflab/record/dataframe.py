"""Arrow tables as pandas DataFrames.

In: a table of `rows.gather`. Out: a DataFrame with the documented dtypes and its units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perflab.record.arrow import empty_table
from perflab.record.dictionaries import codes

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["dtypes", "to_dataframe"]


def to_dataframe(table: pa.Table) -> pd.DataFrame:
    """Return a table as a DataFrame whose `attrs` have `units`, column -> unit; writing to it changes no table."""
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    texts = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    others = table.drop_columns(texts).to_pandas(types_mapper=nullable.get)
    arrays = {name: _categorical(table.column(name)) if name in texts else others[name] for name in table.column_names}
    frame = pd.DataFrame(arrays, index=pd.RangeIndex(table.num_rows), copy=False)
    units = {field.name: (field.metadata or {}).get(b"unit", b"").decode() for field in table.schema}
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
