from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from perflab.record.order import Rising, order_of

TIME = pa.timestamp("us", tz="UTC")
times = st.lists(st.lists(st.integers(0, 20), max_size=4), max_size=4)


def pieces_of(numbers: list[list[int]]) -> list[pa.Array]:
    return [pa.array(piece, TIME) for piece in numbers]


@given(times)
def test_the_order_is_that_of_a_stable_sort(numbers: list[list[int]]) -> None:
    flat = [number for piece in numbers for number in piece]
    expected = sorted(range(len(flat)), key=flat.__getitem__)
    found = order_of(pieces_of(numbers))
    assert expected == (list(range(len(flat))) if found is None else found.tolist())
    assert (found is None) == (flat == sorted(flat))


@given(times)
def test_rising_tells_whether_sorting_would_move_anything(numbers: list[list[int]]) -> None:
    rising = Rising()
    passed = list(rising.watched(pieces_of(numbers)))
    flat = [number for piece in numbers for number in piece]
    assert rising.so_far == (flat == sorted(flat))
    assert [len(piece) for piece in passed] == [len(piece) for piece in numbers]


def test_with_a_missing_time_there_is_no_order() -> None:
    assert order_of([pa.array([3, None, 1], TIME)]) is None


def test_pieces_that_begin_inside_their_buffer_are_read_from_there() -> None:
    whole = pa.array([9, 1, 2, 0], TIME)
    assert order_of([whole.slice(1, 2)]) is None
    np.testing.assert_array_equal(order_of([whole.slice(1)]), [2, 0, 1])
