"""The result of an optimization in its forms."""

from __future__ import annotations

import datetime as dt
import json
import math

import pytest

from perflab.optimize.plan import Phase, Plan
from perflab.optimize.result import OptimizationResult, attempt
from perflab.record import Recorder, columns

ROWS = (
    attempt(
        "cache.l1_bytes",
        "kept",
        "It held.",
        old=1000,
        new=2000,
        metric="cache.l1.hit_rate",
        unit="ratio",
        before=0.5,
        predicted=0.8,
        measured=0.75,
        low=0.7,
        high=0.8,
        noise_floor=0.0,
    ),
    attempt("<script>", "no change", "a & b", old=None, new=None, measured=math.nan),
)
RESULT = OptimizationResult("manual", ROWS, dt.datetime(2026, 1, 2, tzinfo=dt.UTC), 1.5)


def test_the_frame_has_the_columns_of_optimizations():
    frame = RESULT.frame()
    assert list(frame.columns) == [column.name for column in columns("optimizations")][2:]
    assert frame["trigger"].tolist() == ["manual", "manual"]
    assert frame["measured"].iloc[0] == 0.75
    assert frame["low"].isna().tolist() == [False, True]


def test_what_was_applied_earlier_counts_as_no_change_unless_it_is_taken_back():
    held, back = (
        attempt("cache.l1_bytes", verdict, "It is so.", old=1, new=2, phase="watch")
        for verdict in ("kept", "rolled back")
    )
    when = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    quiet, changed = (OptimizationResult("manual", (row,), when, 1.0) for row in (held, back))
    assert (quiet.kept, quiet.is_significant) == (0, False)
    assert (changed.kept, changed.is_significant) == (0, True)
    assert "no significant change" in str(quiet)
    assert "no significant change" not in str(changed)


def test_plan_and_bounds_are_in_every_form():
    row = {**ROWS[0], "phase": "memory", "predicted_low": 0.78, "predicted_high": 0.82}
    plan = Plan((Phase("memory", "It <saves> most.", ("cache.l1_bytes",)),))
    result = OptimizationResult("manual", (row,), dt.datetime(2026, 1, 2, tzinfo=dt.UTC), 1.5, plan)
    told = json.loads(result.to_json())
    assert told["plan"] == [{"name": "memory", "reason": "It <saves> most.", "knobs": ["cache.l1_bytes"]}]
    assert result.frame()["predicted_low"].tolist() == [0.78]
    page = result._repr_html_()
    assert "memory: cache.l1_bytes. It &lt;saves&gt; most." in page
    assert "80.0 % [78.0 %, 82.0 %]" in page
    assert "75.0 % [70.0 %, 80.0 %]" in page


def test_no_rows_are_an_empty_frame():
    result = OptimizationResult("scheduled", (), dt.datetime(2026, 1, 2, tzinfo=dt.UTC), 0.0)
    assert result.frame().empty
    assert str(result) == "optimization (scheduled), 0 s, 0 of 0 kept"


def test_json_is_strict_and_complete():
    found = json.loads(RESULT.to_json(), parse_constant=pytest.fail)
    assert found["started"] == "2026-01-02T00:00:00+00:00"
    assert found["rows"][0]["measured"] == 0.75
    assert found["rows"][1]["measured"] is None


def test_html_is_inert():
    page = RESULT._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "a &amp; b" in page


def test_text_names_the_change_and_its_effect():
    line = str(RESULT).splitlines()[1]
    assert line == "  cache.l1_bytes 1000 -> 2000: kept (cache.l1.hit_rate 50.0 % -> 75.0 %). It held."


def test_it_records_its_rows():
    recorder = Recorder()
    RESULT.record(recorder)
    frame = recorder.frames.optimizations
    assert frame["trigger"].tolist() == ["manual", "manual"]
    assert frame["verdict"].tolist() == ["kept", "no change"]


def test_an_unknown_measure_is_refused():
    with pytest.raises(TypeError, match="'speed'"):
        attempt("x", "kept", "y", old=1, new=2, speed=3)
