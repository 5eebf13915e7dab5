"""Numpy arrays, pandas frames and Arrow tables as bytes, without pickle.

In: arrays without Python objects, frames, series, tables. Out: `.npy` and Arrow IPC bytes, and the same objects back.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

__all__ = ["DECODERS", "ENCODERS", "kind_of"]

_PLAIN = "?biufcSUmMV"


def kind_of(value: object) -> str | None:
    """Return the name of the encoder for a value, or None; libraries that nobody loaded are not loaded.

    Examples
    --------
    >>> import numpy
    >>> kind_of(numpy.zeros(3)), kind_of(object())
    ('numpy.ndarray', None)
    """
    if (numpy := sys.modules.get("numpy")) is not None:
        if type(value) is numpy.ndarray:
            return "numpy.ndarray"
        if isinstance(value, numpy.generic):
            return "numpy.generic"
    if (pandas := sys.modules.get("pandas")) is not None:
        if type(value) is pandas.DataFrame:
            return "pandas.DataFrame"
        if type(value) is pandas.Series:
            return "pandas.Series"
    if (pyarrow := sys.modules.get("pyarrow")) is not None and type(value) is pyarrow.Table:
        return "pyarrow.Table"
    return None


def _array_bytes(array: np.ndarray[Any, Any]) -> bytes:
    import numpy as np

    dtype = array.dtype
    if dtype.hasobject or dtype.kind not in _PLAIN or dtype.metadata is not None:
        raise ValueError(f"the dtype {dtype} is not plain data")
    if np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(dtype)) != dtype:
        raise ValueError(f"the dtype {dtype} has no exact description")
    out = io.BytesIO()
    np.lib.format.write_array(out, array, allow_pickle=False)
    return out.getvalue()


def _array(data: bytes) -> np.ndarray[Any, Any]:
    import numpy as np

    array: np.ndarray[Any, Any] = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    return array


def _scalar_bytes(scalar: np.generic) -> bytes:
    import numpy as np

    return _array_bytes(np.asarray(scalar))


def _scalar(data: bytes) -> Any:
    return _array(data)[()]


def _frame_bytes(frame: pd.DataFrame) -> bytes:
    data = _to_arrow(frame)
    # What Arrow cannot express it changes in silence: mixed column labels, lists in cells, None against NaN.
    if not _same(_frame(data), frame):
        raise ValueError("it comes back from Arrow with other values, dtypes or labels")
    return data


def _to_arrow(frame: pd.DataFrame) -> bytes:
    import pyarrow as pa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _table_bytes(pa.Table.from_pandas(frame, preserve_index=True))


def _frame(data: bytes) -> pd.DataFrame:
    frame: pd.DataFrame = _table(data).to_pandas(use_threads=False)
    return frame


def _table_bytes(table: pa.Table) -> bytes:
    import pyarrow as pa

    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    data = out.getvalue()
    # A type that nobody registered comes back as what it is stored as.
    if not _table(data).schema.equals(table.schema, check_metadata=True):
        raise ValueError("it comes back from Arrow with another schema")
    return data


def _table(data: bytes) -> pa.Table:
    import pyarrow as pa

    with pa.ipc.open_stream(data) as reader:
        table = reader.read_all()
    # Offsets and lengths are believed as they are read: one that points elsewhere would be followed there.
    table.validate(full=True)
    return table


def _same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    labels = [(frame.index.names, frame.columns.names) for frame in (one, other)]
    return bool(
        one.dtypes.tolist() == other.dtypes.tolist()
        and one.columns.equals(other.columns)
        and one.index.equals(other.index)
        and one.index.dtype == other.index.dtype
        and labels[0] == labels[1]
        and one.attrs == other.attrs
        and one.equals(other)
    )


def _series_bytes(series: pd.Series[Any]) -> bytes:
    if not isinstance(series.name, str | None):
        raise ValueError(f"the name {series.name!r} is not text")
    mark = b"\0" if series.name is None else b"\1" + series.name.encode("utf-8", "surrogatepass")
    return len(mark).to_bytes(4, "big") + mark + _frame_bytes(series.to_frame("values"))


def _series(data: bytes) -> pd.Series[Any]:
    size = int.from_bytes(data[:4], "big")
    mark = data[4 : 4 + size]
    series: pd.Series[Any] = _frame(data[4 + size :])["values"]
    return series.rename(None if mark == b"\0" else mark[1:].decode("utf-8", "surrogatepass"))


ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "numpy.ndarray": _array_bytes,
    "numpy.generic": _scalar_bytes,
    "pandas.DataFrame": _frame_bytes,
    "pandas.Series": _series_bytes,
    "pyarrow.Table": _table_bytes,
}
DECODERS: dict[str, Callable[[bytes], Any]] = {
    "numpy.ndarray": _array,
    "numpy.generic": _scalar,
    "pandas.DataFrame": _frame,
    "pandas.Series": _series,
    "pyarrow.Table": _table,
}
