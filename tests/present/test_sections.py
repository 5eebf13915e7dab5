"""The tables hold what the frames hold: counted by hand here, by the code there.

In: small frames. Out: cells.
"""

from __future__ import annotations

import json

import pandas as pd
import present_frames as made
import pytest

from perflab.present import facts, sections, summary
from perflab.present.tables import Cell, Heading, Table


def cells(table: Table) -> list[list[str]]:
    return [[cell.text if isinstance(cell, Cell) else cell for cell in row] for row in table.rows]


def test_cache_by_tier_counts_rows() -> None:
    rows = (
        [("hit", "l1")] * 6 + [("hit", "l2")] * 2 + [("miss", None)] * 2 + [("evict", "l1")] * 3 + [("prefetch", "l2")]
    )
    frame = made.frame("accesses", {"event": [row[0] for row in rows], "tier": [row[1] for row in rows]})
    table = sections.cache(frame)
    assert [heading.text for heading in table.headings][5:] == ["evictions", "prefetched"]
    assert cells(table) == [
        ["l1", "6", "4", "60.0 %", "60.0 %", "3", "0"],
        ["l2", "2", "2", "20.0 %", "50.0 %", "0", "1"],
        ["all", "8", "2", "80.0 %", "80.0 %", "3", "1"],
    ]


def test_a_hit_rate_without_accesses_is_no_number() -> None:
    frame = made.frame("accesses", {"event": ["set"], "tier": ["l1"]})
    assert cells(sections.cache(frame))[0][:5] == ["l1", "0", "0", "–", "–"]


def test_an_unavailable_target_has_its_reason() -> None:
    row = next(row for row in cells(sections.targets(made.targets())) if row[0] == "cache.memory")
    assert row[2:6] == ["unavailable", "–", "– unavailable", "unavailable: no row of accesses has a size"]


def test_improvements_leave_out_warm_up_failures_and_memory_runs() -> None:
    rows = [
        ("baseline", -1, "time", 99.0, None), ("optimized", -1, "time", 1.0, None),
        ("baseline", 0, "time", 4.0, None), ("optimized", 0, "time", 2.0, None),
        ("baseline", 1, "time", 4.0, None), ("optimized", 1, "time", 9.0, "ValueError"),
        ("baseline", 2, "memory", 4.0, None), ("optimized", 2, "memory", 9.0, None),
    ]  # fmt: skip
    names = ("arm", "pair", "purpose", "wall_s", "error")
    columns = dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
    frame = made.frame("samples", {"workload": ["w"] * 8, "state": ["cold"] * 8, **columns})
    assert cells(sections.improvements(frame)) == [
        [
            "w",
            "cold",
            "4.00 s",
            "2.00 s",
            "50.0 % less time",
            "0.500",
            "–",
            "unavailable",
            "unavailable",
            "1",
            "unclear",
        ]
    ]


def test_memory_is_the_median_of_its_own_runs() -> None:
    frame = made.frame(
        "samples",
        {
            "workload": ["w"] * 4,
            "state": ["cold"] * 4,
            "arm": ["baseline"] * 3 + ["optimized"],
            "purpose": ["memory"] * 3 + ["time"],
            "peak_bytes": [3_000_000, 1_000_000, 2_000_000, 9],
            "growth_bytes": [None, None, 500_000, 9],
        },
    )
    assert cells(sections.memory(frame)) == [["w", "cold", "baseline", "2.00 MB", "500 kB", "3"]]


def test_quality_is_told_once_for_arms_that_agree() -> None:
    work = [json.dumps({"precision": 1.0, "recall": 0.5, "found": 3}), "{}", "no json", None] * 2
    frame = made.frame(
        "samples",
        {"workload": ["w"] * 8, "state": ["cold"] * 8, "arm": ["baseline"] * 4 + ["optimized"] * 4, "work": work},
    )
    assert cells(sections.quality(frame)) == [["w", "100.0 %", "50.0 %", "found 3", "cold baseline, cold optimized"]]


def test_settings_that_differ_come_first_and_are_marked() -> None:
    table = facts.configuration({"a": {"x": 1, "y_bytes": 2_000_000}, "b": 3}, {"a": {"x": 1, "y_bytes": 5}, "b": 3})
    assert cells(table)[0] == ["a.y_bytes", "● 2.00 MB", "5 B"]
    assert [row[0] for row in cells(table)] == ["a.y_bytes", "a.x", "b"]
    assert all("●" not in row[1] for row in cells(facts.configuration({"a": 1}, None)))


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (["pass"], "Of 1 target, 1 passes."),
        (["fail", "unavailable"], "Of 2 targets, 1 fails and 1 is unavailable."),
        ([], "No target was judged."),
    ],
)
def test_the_count_of_verdicts_is_a_sentence(verdicts: list[str], said: str) -> None:
    rows = [("a.b", "a.b < 1 s", "s", 2.0, 2.0, 2.0, verdict, "measured") for verdict in verdicts]
    frame = made.targets(rows) if rows else made.empty()["targets"]
    assert summary.sentences(frame, pd.DataFrame())[0] == said


def test_the_gravest_failure_is_the_one_missed_by_the_largest_share() -> None:
    rows = [
        ("a.slow", "a.slow < 1 s", "s", 1.5, 1.4, 1.6, "fail", "measured"),
        ("b.low", "b.low >= 90 %", "ratio", 0.2, 0.1, 0.3, "fail", "measured"),
        ("c.fine", "c.fine < 1 s", "s", 0.5, 0.4, 0.6, "pass", "measured"),
    ]
    assert "b, low: 20.0 % where ≥ 90.0 % is wanted" in summary.sentences(made.targets(rows), pd.DataFrame())[2]


def test_a_table_is_inert_and_scoped() -> None:
    table = Table("<b>", (Heading("a"), Heading("n", True)), (("<i>", Cell("2", "good")),), note="&")
    html = table.html()
    assert '<th scope="row">&lt;i&gt;</th><td class="n"><span class="good">2</span></td>' in html
    assert '<th scope="col" class="n">n</th>' in html
    assert "<caption>&lt;b&gt;</caption>" in html
    assert "<b>" not in html


def test_wide_letters_are_aligned() -> None:
    lines = Table("t", (Heading("name"), Heading("n", True)), (("数据", "1"), ("abcd", "22"))).text().splitlines()
    assert lines[2:] == ["数据   1", "abcd  22"]
