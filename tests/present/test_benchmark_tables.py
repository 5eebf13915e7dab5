"""The benchmark's tables: every arm beside the baseline of its own blocks, and work told whole.

In: small `samples` frames. Out: cells.
"""

from __future__ import annotations

import json

import present_frames as made

from perflab.present import benchmark_tables
from perflab.present.comparisons import comparisons


def suite(workload: str = "w", blocks: int = 6) -> dict[str, list[object]]:
    """Return columns as the built-in workloads have them: one baseline in no state, four optimized arms."""
    arms = (
        ("any", "baseline", None, 8.0), ("cold", "optimized", 1, 4.0), ("cold", "optimized", 2, 2.0),
        ("warm", "optimized", 2, 0.8), ("incremental", "optimized", 2, 1.6),
    )  # fmt: skip
    rows = [(workload, *arm[:3], block, "time", arm[3] * (1 + block)) for block in range(blocks) for arm in arms]
    names = ("workload", "state", "arm", "workers", "pair", "purpose", "wall_s")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def test_states_share_the_baseline_of_their_blocks() -> None:
    rows = made.cells(benchmark_tables.improvements(made.frame("samples", suite())))
    # Each block is slower than the one before; only pairs within a block have these ratios, and without any spread.
    assert [(row[1], row[5], row[6], row[9], row[10]) for row in rows] == [
        ("cold", "0.250", "0.250 to 0.250", "6", "faster"),
        ("cold, 1 worker", "0.500", "0.500 to 0.500", "6", "faster"),
        ("warm", "0.100", "0.100 to 0.100", "6", "faster"),
        ("incremental", "0.200", "0.200 to 0.200", "6", "faster"),
    ]
    assert rows[0][4] == "75.0 % less time"
    assert all(row[7] != "unavailable" and row[8] != "unavailable" for row in rows)


def test_a_state_with_a_baseline_of_its_own_keeps_it() -> None:
    columns = {
        "workload": ["w"] * 4,
        "state": ["cold", "cold", "warm", "warm"],
        "arm": ["baseline", "optimized"] * 2,
        "pair": [0] * 4,
        "purpose": ["time"] * 4,
        "wall_s": [4.0, 2.0, 1.6, 0.4],
    }
    found = comparisons(made.frame("samples", columns))
    ratios = {pairs.setting: round(pairs.comparison.ratio, 6) for pairs in found}
    assert ratios == {"cold": 0.5, "warm": 0.25}


def test_workloads_come_as_they_were_measured() -> None:
    first, second = suite("z", 1), suite("a", 1)
    frame = made.frame("samples", {name: first[name] + second[name] for name in first})
    assert list(dict.fromkeys(pairs.workload for pairs in comparisons(frame))) == ["z", "a"]


def test_an_arm_of_another_name_has_a_row_of_its_own() -> None:
    columns = suite(blocks=1)
    columns["arm"][3] = "vectorized"
    assert [pairs.setting for pairs in comparisons(made.frame("samples", columns))] == [
        "cold", "cold, 1 worker", "warm, vectorized", "incremental",
    ]  # fmt: skip


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
    assert made.cells(benchmark_tables.improvements(frame)) == [
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
            "pair": [0, 1, 2, 0],
            "peak_bytes": [3_000_000, 1_000_000, 2_000_000, 9],
            "growth_bytes": [None, None, 500_000, 9],
        },
    )
    assert made.cells(benchmark_tables.memory(frame)) == [["w", "baseline, cold", "2.00 MB", "500 kB", "3"]]


def test_memory_leaves_out_warm_up_and_failures() -> None:
    frame = made.frame(
        "samples",
        {
            "workload": ["w"] * 3,
            "arm": ["baseline"] * 3,
            "purpose": ["memory"] * 3,
            "pair": [-1, 0, 1],
            "peak_bytes": [9_000_000, 2_000_000, 7_000_000],
            "error": [None, None, "MemoryError"],
        },
    )
    assert made.cells(benchmark_tables.memory(frame)) == [["w", "baseline", "2.00 MB", "unavailable", "1"]]


def test_work_is_told_whole_and_in_order_for_every_workload() -> None:
    counted = {f"subject_{i}_counted_at_length": i for i in range(8)}
    work = [
        {**counted, "rule_findings": 0, "files": 297, "source_bytes": 5_495_138, "documents": 85, "ok": True},
        {"precision": 1.0, "recall": 0.5, "findings": 1_225_000},
    ]
    names = {"workload": ["creation", "validation"], "state": ["any"] * 2, "arm": ["baseline"] * 2}
    rest = {"pair": [0, 0], "purpose": ["time"] * 2, "work": [json.dumps(one) for one in work]}
    table = benchmark_tables.work(made.frame("samples", {**names, **rest}))
    assert table.caption == "Work done, precision and recall"
    unknown = ", ".join(f"subject {i} counted at length {i}" for i in range(8))
    told = f"source 5.50 MB, files 297, documents 85, rule findings 0, {unknown}"
    assert made.cells(table) == [
        ["creation", "baseline", "–", "–", told],
        ["validation", "baseline", "100.0 %", "50.0 %", "findings 1,225,000"],
    ]
    assert told in table.html()
    assert told in table.text()


def test_work_is_told_once_for_arms_that_agree() -> None:
    work = [json.dumps({"found": 3}), json.dumps({"found": 2}), json.dumps({"found": 2}), "no json", None]
    frame = made.frame("samples", {**suite(blocks=1), "work": work})
    assert made.cells(benchmark_tables.work(frame)) == [
        ["w", "baseline", "–", "–", "found 3"],
        ["w", "optimized, cold; optimized, cold, 1 worker", "–", "–", "found 2"],
    ]
