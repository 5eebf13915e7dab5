"""What each access would wait for: the disk where that has the value, else a load; and who answered it."""

from __future__ import annotations

import pandas as pd
import pytest

from perflab.optimize.price import observed

COLUMNS = ["key", "event", "tier", "nbytes", "duration_s"]


def frame(*rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


def test_a_key_on_disk_costs_its_look_up_and_its_first_load_costs_the_load():
    found = observed(
        frame(
            ("a", "miss", None, None, None),
            ("a", "load", None, None, 2.0),
            ("a", "set", "l1", 40, None),
            ("a", "hit", "l3", 40, 0.25),
            ("a", "hit", "l3", 40, 0.75),
            ("a", "hit", "l2", 40, None),
        )
    )
    assert found.prices.tolist() == [2.0, 0.5, 0.5, 0.5]
    assert found.in_memory.tolist() == [False, False, False, True]
    assert found.metric == {"metric": "cache.saved_s", "unit": "s"}


def test_a_key_without_a_price_has_the_mean_of_the_others():
    found = observed(
        frame(
            ("a", "miss", None, None, None),
            ("a", "load", None, None, 3.0),
            ("b", "miss", None, None, None),
            ("b", "load", None, None, 1.0),
            ("c", "miss", None, None, None),
        )
    )
    assert found.prices.tolist() == [3.0, 1.0, 2.0]


def test_without_any_time_each_access_counts_one():
    found = observed(frame(("a", "miss", None, None, None), ("a", "set", "l1", 40, None), ("a", "hit", "l1", 40, None)))
    assert (found.prices.tolist(), found.is_timed) == ([1.0, 1.0], False)
    assert found.metric["unit"] == "ratio"


def test_rows_are_put_into_the_order_of_time_with_who_answered_them():
    rows = frame(("b", "hit", "l1", 40, None), ("a", "miss", None, None, None))
    rows.insert(0, "t", pd.to_datetime(["2026-01-01T00:00:02Z", "2026-01-01T00:00:01Z"]))
    found = observed(rows)
    assert [str(found.trace.labels[number]) for number in found.trace.ids] == ["a", "b"]
    assert found.in_memory.tolist() == [False, True]


@pytest.mark.parametrize("count", [0, 1, 3, 9])
def test_the_last_accesses_keep_their_prices(count):
    found = observed(frame(*(("abc"[n % 3], "hit", "l3", 40, float(n)) for n in range(6)))).last(count)
    assert len(found) == len(found.prices) == len(found.in_memory) == min(count, 6)
