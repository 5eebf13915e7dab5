"""The cache's tables: counted by hand for a live system, and equal to the metrics for a benchmark.

In: small frames. Out: cells.
"""

from __future__ import annotations

import present_frames as made

from perflab.analyze.metrics import cache as cache_metrics
from perflab.present import arms, cache_tables, plots
from perflab.units import format_quantity

NONE = made.empty()["samples"]


def test_cache_by_tier_counts_rows() -> None:
    rows = (
        [("hit", "l1")] * 6 + [("hit", "l2")] * 2 + [("miss", None)] * 2 + [("evict", "l1")] * 3 + [("prefetch", "l2")]
    )
    frame = made.frame("accesses", {"event": [row[0] for row in rows], "tier": [row[1] for row in rows]})
    table = cache_tables.by_tier(frame, NONE)
    assert [heading.text for heading in table.headings][5:] == ["evictions", "prefetched"]
    assert made.cells(table) == [
        ["l1", "6", "4", "60.0 %", "60.0 %", "3", "0"],
        ["l2", "2", "2", "20.0 %", "50.0 %", "0", "1"],
        ["all", "8", "2", "80.0 %", "80.0 %", "3", "1"],
    ]


def test_a_hit_rate_without_accesses_is_no_number() -> None:
    frame = made.frame("accesses", {"event": ["set"], "tier": ["l1"]})
    assert made.cells(cache_tables.by_tier(frame, NONE))[0][:5] == ["l1", "0", "0", "–", "–"]


def test_a_benchmark_has_a_row_a_state_and_tier() -> None:
    samples = made.samples(2)
    table = cache_tables.by_tier(made.recorded_accesses(samples), samples)
    assert [heading.text for heading in table.headings] == [
        "state", "tier", "runs", "hits", "misses", "share of accesses", "hit rate",
    ]  # fmt: skip
    # 2 workloads x 2 pairs, 20 accesses a run; the cold arm was measured on 2 workers and on 1.
    assert made.cells(table) == [
        ["cold", "l3", "8", "32", "128", "20.0 %", "20.0 %"],
        ["cold", "all", "8", "32", "128", "20.0 %", "20.0 %"],
        ["warm", "l3", "4", "80", "0", "100.0 %", "100.0 %"],
        ["warm", "all", "4", "80", "0", "100.0 %", "100.0 %"],
        ["incremental", "l3", "4", "68", "12", "85.0 %", "85.0 %"],
        ["incremental", "all", "4", "68", "12", "85.0 %", "85.0 %"],
    ]


def test_a_benchmark_has_a_row_a_workload_and_arm() -> None:
    samples = made.samples(2)
    rows = made.cells(cache_tables.by_workload(made.recorded_accesses(samples), samples))
    assert rows[:4] == [
        ["document-creation", "optimized, cold", "2", "40", "8", "32", "20.0 %"],
        ["document-creation", "optimized, cold, 1 worker", "2", "40", "8", "32", "20.0 %"],
        ["document-creation", "optimized, warm", "2", "40", "40", "0", "100.0 %"],
        ["document-creation", "optimized, incremental", "2", "40", "34", "6", "85.0 %"],
    ]
    assert [row[:2] for row in rows[4:]] == [["cross-validation", row[1]] for row in rows[:4]]
    assert not cache_tables.by_workload(made.accesses(50), NONE)


def test_table_and_plot_show_what_the_metrics_are_of() -> None:
    whole = made.samples(2)
    for kept in (["cold", "warm", "incremental"], ["cold", "incremental"], ["incremental"]):
        samples = whole[whole["state"].isin([*kept, "any"])]
        accesses = made.recorded_accesses(samples)
        metrics = {metric.name: metric for metric in cache_metrics(accesses, samples)}
        totals = {row[0]: row for row in made.cells(cache_tables.by_tier(accesses, samples)) if row[1] == "all"}
        assert list(totals) == kept
        for state, row in totals.items():
            assert row[6] == format_quantity(metrics[f"cache.{state}.hit_rate"].value, "ratio")
        rows, of = arms.of_cache(accesses, samples)
        assert len(rows) == metrics["cache.hit_rate"].n
        said = f"{of}: {format_quantity(metrics['cache.hit_rate'].value, 'ratio')} over all"
        assert any(text.get_text().endswith(said) for text in plots.hit_rate(rows, of=of).texts)
        assert f", {of}:" in metrics["cache.hit_rate"].method


def test_a_live_system_shows_all_its_rows() -> None:
    accesses = made.accesses(50)
    rows, of = arms.of_cache(accesses, NONE)
    assert rows is accesses
    assert of == ""
