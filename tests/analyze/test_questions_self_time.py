"""Self times against hand-made nests, and against counting microseconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from questions_frames import at, frame

from perflab.analyze import self_times

Span = tuple[int, int | None, int, int]


def row(number: int, parent: int | None, start: float, stop: float, **more: object) -> dict[str, Any]:
    spans = {"t": at(stop), "duration_s": stop - start, "operation_id": number, "parent_id": parent}
    return {"run_id": "r", "name": f"op-{number}", "ok": True, "stream": "main", **spans, **more}


def seconds(*rows: dict[str, Any]) -> list[float]:
    return self_times(frame("operations", rows))["self_s"].round(6).tolist()


def test_children_are_taken_off_their_parent_alone() -> None:
    assert seconds(row(3, 2, 2, 3), row(2, 1, 1, 5), row(4, 1, 6, 8), row(1, None, 0, 10)) == [1, 3, 2, 4]


def test_children_at_the_same_time_cover_it_once() -> None:
    assert seconds(row(2, 1, 1, 5), row(3, 1, 2, 4), row(4, 1, 4, 7), row(1, None, 0, 10)) == [4, 2, 3, 4]


def test_of_a_child_that_outlives_its_parent_the_rest_is_its_own() -> None:
    assert seconds(row(1, None, 0, 4), row(2, 1, 3, 9)) == [3, 6]


def test_a_child_may_reach_a_millisecond_over_the_edges() -> None:
    assert seconds(row(2, 1, 0, 2), row(1, None, 0.0005, 2)) == [2, 0]
    assert seconds(row(2, 1, 0, 1), row(3, 1, 8, 10.0005), row(1, None, 0.0005, 10)) == [1, 2.0005, 7]


def test_processes_that_number_apart_are_told_apart() -> None:
    first = [row(2, 1, 1, 3, stream="worker-1"), row(1, None, 0, 4, stream="worker-1")]
    second = [row(2, 1, 1, 2, stream="worker-2"), row(1, None, 0, 4, stream="worker-2")]
    assert seconds(*first, *second) == [2, 2, 1, 3]


def test_runs_are_told_apart() -> None:
    assert seconds(row(2, 1, 1, 3), row(1, None, 0, 4, run_id="s")) == [2, 4]


def test_a_number_that_is_used_again_later_is_no_parent() -> None:
    assert seconds(row(1, None, 100, 104), row(2, 1, 1, 3), row(1, None, 0, 4)) == [4, 2, 2]


def test_a_task_in_a_thread_is_a_child_of_the_operation_that_started_it() -> None:
    assert seconds(row(2, 1, 1, 3, stream="pool-0"), row(1, None, 0, 4)) == [2, 2]


def test_the_frame_is_as_it_was_and_has_a_column_more() -> None:
    operations = frame("operations", [row(2, 1, 1, 3), row(1, None, 0, 4)])
    operations.index = pd.Index([5, 5])
    found = self_times(operations)
    pd.testing.assert_frame_equal(found.drop(columns="self_s"), operations)
    assert found["self_s"].dtype == "float64"


def test_what_was_not_measured_is_missing() -> None:
    found = self_times(frame("operations", [row(2, 1, 1, 3), {**row(1, None, 0, 4), "duration_s": None}]))
    assert found["self_s"].isna().tolist() == [False, True]


def test_without_children_no_time_of_day_is_needed() -> None:
    assert seconds({**row(1, None, 0, 4), "t": None}, row(2, None, 0, 3)) == [4, 3]


def test_rounding_takes_no_more_than_there_is() -> None:
    rows = [row(1, None, 0, 1)]
    for number in range(1001, 1101, 2):
        for inner, around in ((number, number + 1), (number + 1, None)):
            rows.append(row(inner, around, number, number + 0.1, duration_s=0.1))
    assert (self_times(frame("operations", rows))["self_s"] >= 0).all()


def test_an_empty_frame() -> None:
    found = self_times(frame("operations", []))
    assert (len(found), str(found["self_s"].dtype)) == (0, "float64")


@st.composite
def nests(draw: st.DrawFn) -> list[Span]:
    """Return operations as number, parent, start and stop (microseconds); siblings may overlap."""
    made: list[Span] = [(1, None, 0, 40)]
    for number in range(2, 2 + draw(st.integers(0, 8))):
        parent, _, first, last = draw(st.sampled_from(made))
        start = draw(st.integers(first, last))
        made.append((number, parent, start, draw(st.integers(start, last))))
    return draw(st.permutations(made))


def counted(nest: list[Span]) -> Iterator[int]:
    for number, _, start, stop in nest:
        inside = [set(range(first, last)) for _, parent, first, last in nest if parent == number]
        yield len(set(range(start, stop)).difference(*inside))


@settings(deadline=None, max_examples=40)
@given(nests())
def test_it_is_the_time_in_which_no_child_ran(nest: list[Span]) -> None:
    rows = [row(number, parent, start / 1e6, stop / 1e6) for number, parent, start, stop in nest]
    found = self_times(frame("operations", rows))["self_s"]
    assert (found * 1e6).tolist() == pytest.approx(list(counted(nest)), abs=1e-3)
