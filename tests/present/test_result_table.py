"""The result of a run in a document: its figures are the run's, and stand between the marks."""

from __future__ import annotations

import pandas as pd
import pytest

from perflab.analyze import judge
from perflab.analyze.metrics import Metric, table
from perflab.analyze.targets import user_targets
from perflab.errors import RunError
from perflab.present.result_table import BEGIN, END, filled, result_table

NAN = float("nan")
METRICS = table(
    [
        Metric("w.time_naive", 20.0, 19.0, 21.0, "s", "measured", "", 6),
        Metric("w.time", 4.0, 3.9, 4.1, "s", "measured", "", 6),
        Metric("w.time_reduction", 0.8, 0.79, 0.81, "ratio", "measured", "", 6),
        Metric("w.warm.time_reduction", 0.95, 0.94, 0.96, "ratio", "measured", "", 6),
        Metric("x.time_naive", NAN, NAN, NAN, "s", "unavailable", "", 0),
    ]
)
TARGETS = judge(METRICS, user_targets(["w.time < 10 s", "w.time < 1 s", "w.none < 1 s"]))
INFO = {"run_id": "abc", "started": "2026-01-02T03:04:05", "host": {"cpu": "X", "usable_cores": 2}, "versions": {}}


def test_every_measured_workload_has_a_row_of_its_figures() -> None:
    text = result_table(METRICS, TARGETS, INFO)
    assert "| w | 20.0 s | 4.00 s | 80.0 % (79.0 % to 81.0 %) | 95.0 % | not measured | not measured |" in text
    assert "| x |" not in text
    assert "Of 3 targets: 1 pass, 1 fail, 0 unclear, 1 unavailable. Missed: `w.time < 1 s` (4.00 s)" in text
    assert "Run `abc` of 2026-01-02" in text


def test_more_memory_than_naive_is_said_in_words_and_what_the_target_then_holds() -> None:
    of_memory = table([Metric("w.memory_reduction", -4.163, -4.3, -4.1, "ratio", "measured", "", 3)])
    text = result_table(pd.concat([METRICS, of_memory]), TARGETS, INFO)
    assert "| none: 5.2 times as much |" in text
    assert "against the greatest of the naive ones" in text
    assert "greatest of the naive" not in result_table(METRICS, TARGETS, INFO)


def test_what_stands_between_the_marks_is_replaced_and_no_more() -> None:
    document = f"# Title\n\n{BEGIN}\nold\n{END}\n\nrest\n"
    once = filled(document, "new")
    assert once == f"# Title\n\n{BEGIN}\nnew\n{END}\n\nrest\n"
    assert filled(once, "new") == once


@pytest.mark.parametrize("document", ["", BEGIN, f"{END}\n{BEGIN}"])
def test_a_document_without_marks_is_refused(document: str) -> None:
    with pytest.raises(RunError, match="no place for a result"):
        filled(document, "new")
