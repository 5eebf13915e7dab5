"""Working sets against windows counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from questions_frames import accesses, at, missing, without_times

from perflab.analyze import working_sets

COUNTS = ["accesses", "keys", "nbytes", "unsized_keys"]


def size(nbytes: int, **more: object) -> dict[str, object]:
    return {"nbytes": nbytes, **more}


def test_each_key_counts_once_a_window() -> None:
    rows = accesses(
        ("a", "miss"), ("a", "set", size(10)), ("b", "hit", size(5)), ("a", "hit", size(10)), ("b", "hit", size(5)),
        ("c", "hit", size(1)),
    )  # fmt: skip
    found = working_sets(rows, every=3)
    assert found[COUNTS].values.tolist() == [[3, 2, 15, 0], [2, 2, 6, 0]]
    assert found["window"].tolist() == [0, 1]
    assert found["t"].tolist() == [at(0), at(4)]


def test_a_value_that_grew_counts_as_last_read() -> None:
    rows = accesses(("a", "hit", size(10)), ("a", "set", size(30)), ("a", "hit", size(30)))
    assert working_sets(rows, every=2)["nbytes"].tolist() == [30]


def test_the_weight_in_memory_counts_and_not_the_copy_on_disk() -> None:
    rows = accesses(
        ("a", "miss"), ("a", "set", size(500, tier="l3")), ("a", "set", size(10)),
        ("b", "hit", size(70, tier="l3")), ("b", "promote", size(7)),
        ("c", "hit", size(99, tier="l3")),
    )  # fmt: skip
    assert working_sets(rows)[COUNTS].values.tolist() == [[3, 3, 17, 1]]


def test_runs_have_windows_of_their_own() -> None:
    rows = accesses(
        ("a", "hit", size(1)), ("a", "hit", size(1, run_id="s")), ("b", "hit", size(2)), ("c", "hit", size(4)),
    )  # fmt: skip
    found = working_sets(rows, every=2)
    assert found["run_id"].tolist() == ["r", "r", "s"]
    assert found["nbytes"].tolist() == [3, 4, 1]


def test_runs_may_be_joined_with_their_row_numbers() -> None:
    rows = accesses(("a", "hit", size(1)), ("b", "hit", size(2)))
    assert working_sets(pd.concat([rows, rows.assign(run_id="s")]))["nbytes"].tolist() == [3, 3]


def test_without_times_windows_are_the_same() -> None:
    rows = accesses(("a", "hit", size(1)), ("b", "hit", size(2)))
    found = working_sets(without_times(rows), every=1)
    assert missing(found["t"]) == [None, None]
    assert found["nbytes"].tolist() == [1, 2]


@pytest.mark.parametrize("rows", [accesses(), accesses(("a", "set", size(5)))], ids=["empty", "no access"])
def test_no_windows(rows: pd.DataFrame) -> None:
    found = working_sets(rows)
    assert len(found) == 0
    assert found.columns.tolist() == ["run_id", "window", "t", *COUNTS]
