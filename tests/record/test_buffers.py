from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.record.buffers import filled, int32_array, missing, numbers_of

KINDS = {
    "int": (pa.int64(), np.int64, st.integers(-(2**63), 2**63 - 1)),
    "float": (pa.float64(), np.float64, st.floats(allow_nan=False)),
    "bool": (pa.bool_(), np.bool_, st.booleans()),
}


@st.composite
def columns(draw: st.DrawFn, kind: str) -> pa.ChunkedArray:
    """Return a column of several chunks, some of them slices, which begin within a byte of the bits."""
    values = st.lists(st.one_of(st.none(), KINDS[kind][2]), max_size=20)
    arrays = [pa.array(chunk, KINDS[kind][0]) for chunk in draw(st.lists(values, max_size=4))]
    return pa.chunked_array([array.slice(draw(st.integers(0, len(array)))) for array in arrays], KINDS[kind][0])


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_chunks_become_one_array(kind: str, data: st.DataObject) -> None:
    column = data.draw(columns(kind))
    values, lacking = filled(len(column), column.chunks, KINDS[kind][1])
    assert values.dtype == KINDS[kind][1]
    assert lacking.tolist() == [value is None for value in column.to_pylist()]
    assert values.tolist() == [value or 0 for value in column.to_pylist()]


def test_a_chunk_without_values_needs_none() -> None:
    values, lacking = filled(4, [pa.nulls(3, pa.int64()), pa.array([7])], np.int64)
    assert (values.tolist(), lacking.tolist()) == ([0, 0, 0, 7], [True, True, True, False])


def test_what_is_seen_is_the_array_itself() -> None:
    seen = numbers_of(int32_array(np.array([3, 1, 2], np.int32)).slice(1), np.int32)
    assert seen.tolist() == [1, 2]
    assert not seen.flags.owndata
    assert missing(pa.array([1, None, 3, None]).slice(1)).tolist() == [True, False, True]
