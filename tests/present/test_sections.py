"""The tables hold what the frames hold: counted by hand here, by the code there.

In: small frames. Out: cells.
"""

from __future__ import annotations

import pandas as pd
import present_frames as made
import pytest

from perflab.present import facts, sections, summary
from perflab.present.tables import Cell, Heading, Table


def test_an_unavailable_target_has_its_reason() -> None:
    row = next(row for row in made.cells(sections.targets(made.targets())) if row[0] == "cache.memory")
    assert row[2:6] == ["unavailable", "–", "– unavailable", "unavailable: no row of accesses has a size"]


def test_settings_that_differ_come_first_and_are_marked() -> None:
    table = facts.configuration({"a": {"x": 1, "y_bytes": 2_000_000}, "b": 3}, {"a": {"x": 1, "y_bytes": 5}, "b": 3})
    assert made.cells(table)[0] == ["a.y_bytes", "● 2.00 MB", "5 B"]
    assert [row[0] for row in made.cells(table)] == ["a.y_bytes", "a.x", "b"]
    assert all("●" not in row[1] for row in made.cells(facts.configuration({"a": 1}, None)))


def test_the_whole_reason_stands_beside_each_setting_and_figures_stand_apart() -> None:
    reason = "Accesses wait 0.931 [0.774, 0.963] times as long: " + "by replay of what was recorded, " * 6
    untried = {"knob": ["chunks.max_bytes"], "old": ["1"], "new": ["1"], "verdict": ["no change"], "reason": [reason]}
    rows = pd.concat([made.optimizations(), made.frame("optimizations", untried)])
    tried, changed = (made.cells(table) for table in (sections.optimizations(rows), sections.effects(rows)))
    assert tried[-1] == ["chunks.max_bytes", "1", "1", "no change", reason]
    assert reason.split(":")[1] in sections.optimizations(rows).html(), "nothing is left out"
    assert [row[0] for row in changed] == ["cache.l1_bytes", "parallel.workers"]
    assert changed[0][3:] == ["88.0 %", "94.0 %", "93.0 %", "92.0 % to 94.0 %", "0.4 %"]


def test_nothing_that_was_tried_without_a_figure_stands_among_the_effects() -> None:
    assert not sections.effects(made.optimizations().iloc[:0])


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


def test_a_long_name_is_broken_after_a_separator_and_a_number_never() -> None:
    name = "document_creation.incremental.memory_peak 0.9851485148513893"
    html = Table("t", (Heading("a"),), ((name,),)).html()
    assert "document_<wbr>creation.<wbr>incremental.<wbr>memory_<wbr>peak 0.9851485148513893" in html


def test_only_a_cell_that_asks_for_it_is_longer_than_others() -> None:
    long = " ".join(f"word{i}" for i in range(60))
    table = Table("t", (Heading("a"), Heading("b")), ((long, Cell(long, longest=600)),))
    assert table.html().count(long) == 1
    assert "…" in table.text()


def test_slowest_are_of_the_timed_runs_with_their_arm() -> None:
    samples = made.samples(1)
    runs = ["cross-validation-cold-1-0", "cross-validation-memory-0", "document-creation-warm-2-0"]
    operations = made.operations(3).assign(run_id=runs, duration_s=[1.0, 9.0, 2.0], name=["a", "b", "c"])
    rows = made.cells(sections.slowest(operations, samples))
    assert [row[:2] for row in rows] == [["c", "optimized, warm"], ["a", "optimized, cold, 1 worker"]]
    assert [row[0] for row in made.cells(sections.slowest(operations, made.empty()["samples"]))] == ["b", "c", "a"]


def test_a_range_of_few_runs_is_not_called_an_interval() -> None:
    how = "measured: median of 3; range of the runs, not a 95 % interval"
    frame = made.targets([("memory.peak", "memory.peak < 100 MB", "bytes", 162e6, 160e6, 165e6, "fail", how)])
    assert made.cells(sections.targets(frame))[0][3] == "range 160 MB to 165 MB"


def test_a_reduction_below_zero_is_called_more() -> None:
    rows = [("memory.reduction", "memory.reduction >= 50 %", "ratio", -6.2, -6.3, -6.1, "fail", "measured")]
    said = summary.sentences(made.targets(rows), pd.DataFrame())[2]
    assert said.endswith("memory, reduction: -620.0 % (more, not less) where ≥ 50.0 % is wanted.")


def test_wide_letters_are_aligned() -> None:
    lines = Table("t", (Heading("name"), Heading("n", True)), (("数据", "1"), ("abcd", "22"))).text().splitlines()
    assert lines[2:] == ["数据   1", "abcd  22"]


def test_the_slowest_keys_are_those_that_were_waited_for_the_longest_in_all() -> None:
    rows = [("a", "miss", 0.5), ("a", "hit", 0.1), ("b", "miss", 0.2), ("c", "hit", None), ("a", "set", 9.0)]
    columns = dict(zip(("key", "event", "duration_s"), map(list, zip(*rows, strict=True)), strict=True))
    shown = made.cells(sections.slowest_keys(made.frame("accesses", columns), made.nothing("samples")))
    assert shown == [["a", "600 ms", "2", "1"], ["b", "200 ms", "1", "1"]]


def test_without_accesses_there_are_no_slowest_keys() -> None:
    assert not sections.slowest_keys(made.nothing("accesses"), made.nothing("samples"))
