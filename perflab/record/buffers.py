"""Arrow arrays as numpy sees them.

In: arrays and columns of one type. Out: numpy arrays, and Arrow arrays over them, without a copy where none is needed.

`pyarrow.array` and `to_numpy` would do this too, but they import pandas: half a second and 60 MB.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["filled", "int32_array", "missing", "numbers_of"]


def numbers_of(array: pa.Array, dtype: type[np.generic]) -> NDArray[Any]:
    """Return an array's values without a copy; those that are missing are whatever they are."""
    import numpy as np

    if not len(array):
        return np.empty(0, dtype)
    buffer = array.buffers()[1]
    if dtype is np.bool_:
        bits = np.frombuffer(buffer, np.uint8)
        return np.unpackbits(bits, bitorder="little")[array.offset : array.offset + len(array)].view(np.bool_)
    return np.frombuffer(buffer, dtype, len(array), array.offset * np.dtype(dtype).itemsize)


def missing(array: pa.Array) -> NDArray[np.bool_]:
    """Return which values of an array that lacks some are missing."""
    import numpy as np

    valid = np.unpackbits(np.frombuffer(array.buffers()[0], np.uint8), bitorder="little")
    lacking: NDArray[np.bool_] = valid[array.offset : array.offset + len(array)] == 0
    return lacking


def filled(rows: int, pieces: Iterable[pa.Array], dtype: type[np.generic]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the values of a column's pieces in one array, zero where one is missing, and which ones are missing.

    Memory that is zero is left as the system hands it out: touching what is fresh takes longer than any work on it.
    """
    import numpy as np

    values, lacking = np.zeros(rows, dtype), np.zeros(rows, np.bool_)
    stop = 0
    for piece in pieces:
        start, stop = stop, stop + len(piece)
        if piece.null_count < len(piece):
            values[start:stop] = numbers_of(piece, dtype)
        if piece.null_count:
            lacking[start:stop] = missing(piece)
            values[start:stop][lacking[start:stop]] = 0
    return values, lacking


def int32_array(values: NDArray[np.int32]) -> pa.Array:
    """Return numbers as an Arrow array, without a copy."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.int32(), len(values), [None, pa.py_buffer(values)])
