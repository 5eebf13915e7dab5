"""Synthetic runs for the tests of `present`.

In: a seed. Out: frames with the columns and dtypes of recorded ones, and a whole `ReportData`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from perflab.present.report import ReportData
from perflab.present.tables import Cell, Table
from perflab.record import FRAMES, NULL_RECORDER

START = pd.Timestamp("2026-03-01T12:00:00Z")
# name, expression, unit, actual, low, high, verdict, how
TARGETS = (
    ("document_creation.time", "document_creation.time < 10 s", "s", 7.94, 7.71, 8.22, "pass", "measured: median of 6"),
    ("document_creation.time_reduction", "document_creation.time_reduction >= 50 %", "ratio", 0.58, 0.55, 0.61,
     "pass", "measured: paired ratios"),
    ("cross_validation.time", "cross_validation.time < 8 s", "s", 7.6, 7.2, 8.4, "unclear", "measured: median of 6"),
    ("cross_validation.time_reduction", "cross_validation.time_reduction >= 47 %", "ratio", -0.04, -0.09, 0.02,
     "fail", "measured: paired ratios"),
    ("memory.reduction", "memory.reduction >= 50 %", "ratio", 0.31, 0.29, 0.34,
     "fail", "measured: peaks of runs of their own"),
    ("memory.peak", "memory.peak < 150 MB", "bytes", 412e6, 390e6, 433e6, "fail", "measured: greatest sample"),
    ("memory.average", "memory.average < 80 MB", "bytes", 61e6, 55e6, 70e6, "pass", "measured: mean of samples"),
    ("cache.hit_rate", "cache.hit_rate > 0.90", "ratio", 0.93, 0.92, 0.94, "pass", "measured: 9,300 of 10,000"),
    ("cache.access_time_mean", "cache.access_time_mean < 10 ms", "s", 0.00031, 0.0003, 0.00033,
     "pass", "estimated: from a sample of accesses"),
    ("cache.memory", "cache.memory < 50 MB", "bytes", np.nan, np.nan, np.nan,
     "unavailable", "unavailable: no row of accesses has a size"),
    ("cpu.peak", "cpu.peak < 90 %", "ratio", 0.97, 0.97, 0.97, "fail", "measured: greatest sample"),
    ("concurrency.operations", "concurrency.operations >= 8", "count", 8, 8, 8, "pass", "measured: greatest overlap"),
    ("concurrency.errors", "concurrency.errors <= 0", "count", 0, 0, 0, "pass", "measured: count"),
    ("optimization.parallel_efficiency", "optimization.parallel_efficiency > 70 %", "ratio", 0.74, 0.66, 0.81,
     "unclear", "measured: median of 6"),
)  # fmt: skip


def frame(name: str, rows: Mapping[str, Any], count: int | None = None) -> pd.DataFrame:
    """Return one frame with every column of the schema; columns that are not given are missing."""
    length = count if count is not None else len(next(iter(rows.values()))) if rows else 0
    data = {"run_id": ["run-1"] * length, "t": [START + pd.Timedelta(seconds=i) for i in range(length)], **rows}
    recorded = NULL_RECORDER.frames[name]
    made = {
        column: pd.Series(data.get(column, [None] * length)).astype(str(recorded[column].dtype))
        for column in recorded.columns
    }
    assert set(rows) <= set(made), f"columns that {name} has not: {set(rows) - set(made)}"
    return pd.DataFrame(made)


def cells(table: Table) -> list[list[str]]:
    return [[cell.text if isinstance(cell, Cell) else cell for cell in row] for row in table.rows]


def once(make: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    """Make a frame of the same arguments once; every caller gets a copy of its own."""
    kept = functools.cache(make)
    return functools.wraps(make)(lambda *args, **options: kept(*args, **options).copy())


@once
def nothing(name: str) -> pd.DataFrame:
    return frame(name, {})


def empty() -> dict[str, pd.DataFrame]:
    return {name: nothing(name) for name in FRAMES}


def targets(rows: Sequence[tuple[Any, ...]] = TARGETS) -> pd.DataFrame:
    names = ("name", "expression", "unit", "actual", "low", "high", "verdict", "how")
    table = dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
    return frame("targets", {**table, "source": ["guide"] * len(rows)})


@once
def accesses(count: int = 10_000, seed: int = 7) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    warm = np.minimum(1.0, np.arange(count) / (count / 5))
    answer = np.where(random.random(count) < 0.25 + 0.70 * warm, "hit", "miss")
    tier = np.where(answer == "hit", random.choice(["l1", "l2", "l3"], count, p=[0.7, 0.2, 0.1]), None)
    scale = pd.Series(tier).map({"l1": 3e-6, "l2": 9e-6, "l3": 1.2e-4}).fillna(8e-3).to_numpy(dtype=float)
    evicted = random.random(count) < 0.03
    event = np.where(evicted, "evict", answer)
    return frame(
        "accesses",
        {
            "t": START + pd.to_timedelta(np.arange(count) * 2_000, unit="us"),
            "key": [f"page-{i}" for i in random.integers(0, 500, count)],
            "event": event,
            "tier": np.where(evicted, "l1", tier),
            "nbytes": random.integers(100, 40_000, count),
            "duration_s": np.where(evicted, np.nan, scale * random.lognormal(0, 0.6, count)),
        },
    )


# state, workers, share of the baseline's time: the built-in workloads share one baseline, measured in no state.
ARMS = (("cold", 2, 0.42), ("cold", 1, 0.61), ("warm", 2, 0.06), ("incremental", 2, 0.11))


@once
def samples(pairs: int = 6, seed: int = 3) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    work = {
        "document-creation": json.dumps({"documents": 85, "source_bytes": 5_495_138, "facts_computed": 1964}),
        "cross-validation": json.dumps({"precision": 0.96, "recall": 0.91, "planted": 44, "found": 42, "chunks": 1804}),
    }
    rows = []
    for workload, seconds in (("document-creation", 19.4), ("cross-validation", 14.2)):
        for pair in range(-1, pairs):
            rows.append((workload, "any", "baseline", None, pair, "time", None, seconds * random.lognormal(0, 0.03)))
            for state, workers, share in ARMS:
                run = f"{workload}-{state}-{workers}-{pair}" if pair >= 0 else None
                wall = seconds * share * random.lognormal(0, 0.03)
                rows.append((workload, state, "optimized", workers, pair, "time", run, wall))
        for pair in range(3):
            rows.append((workload, "any", "baseline", None, pair, "memory", None, None))
            rows.append((workload, "cold", "optimized", 2, pair, "memory", f"{workload}-memory-{pair}", None))
    names = ("workload", "state", "arm", "workers", "pair", "purpose", "arm_run_id", "wall_s")
    table = dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
    memory = [row[5] == "memory" for row in rows]
    peaks = {"peak_bytes": [150_000_000 if one else None for one in memory],
             "growth_bytes": [90_000_000 if one else None for one in memory]}  # fmt: skip
    return frame("samples", {**table, **peaks, "work": [work[row[0]] for row in rows]})


def recorded_accesses(samples: pd.DataFrame) -> pd.DataFrame:
    """Return what the arms of a benchmark recorded: 20 accesses a run, the share of hits by the state."""
    hits = {"cold": 4, "warm": 20, "incremental": 17}
    rows = [
        (run, "hit" if i < hits[state] else "miss", "l3" if i < hits[state] else None)
        for run, state, purpose in zip(samples["arm_run_id"], samples["state"], samples["purpose"], strict=True)
        if isinstance(run, str)
        for i in range(-20 if purpose == "memory" else 0, 20)
    ]
    columns = dict(zip(("run_id", "event", "tier"), (list(column) for column in zip(*rows, strict=True)), strict=True))
    return frame("accesses", {**columns, "duration_s": [0.001 + 0.0001 * (i % 7) for i in range(len(rows))]})


def recorded_resources(samples: pd.DataFrame, each: int = 3) -> pd.DataFrame:
    """Return what the monitors of a benchmark's arms saw, one run after the other with a pause between."""
    runs = [run for run in samples["arm_run_id"] if isinstance(run, str)]
    count = len(runs) * each
    seconds = [10 * (i // each) + i % each for i in range(count)]
    return resources(count).assign(
        run_id=[runs[i // each] for i in range(count)], t=START + pd.to_timedelta(seconds, unit="s")
    )


@once
def resources(count: int = 600, seed: int = 5) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    growth = np.cumsum(np.abs(random.normal(4e5, 3e5, count))) * (1 + 0.05 * np.sin(np.arange(count) / 9))
    busy = np.clip(0.55 + 0.3 * np.sin(np.arange(count) / 30) + random.normal(0, 0.08, count), 0, 1)
    return frame(
        "resources",
        {
            "rss_bytes": (growth + 150e6).astype(int),
            "baseline_bytes": [150_000_000] * count,
            "growth_bytes": growth.astype(int),
            "cpu_ratio": busy,
            "process_cpu_ratio": busy * 0.8,
        },
    )


@once
def events(count: int = 9) -> pd.DataFrame:
    names = (["memory_warning", "cpu_warning", "file_optimized"] * count)[:count]
    times = [START + pd.Timedelta(seconds=60 * i + 20) for i in range(count)]
    return frame("events", {"t": times, "name": names, "payload": ['{"usage": 1.5}'] * count})


@once
def operations(count: int = 40, seed: int = 9) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return frame(
        "operations",
        {
            "operation_id": list(range(count)),
            "name": random.choice(["render", "parse", "document-validation"], count),
            "key": [f"json/part_{i}.py" for i in range(count)],
            "duration_s": random.lognormal(-3, 1, count),
            "nbytes": random.integers(1000, 90_000, count),
            "ok": random.random(count) > 0.05,
        },
    )


@once
def optimizations() -> pd.DataFrame:
    return frame(
        "optimizations",
        {
            "trigger": ["manual", "scheduled"],
            "knob": ["cache.l1_bytes", "parallel.workers"],
            "old": ["52428800", "2"],
            "new": ["83886080", "4"],
            "metric": ["cache.hit_rate", "document_creation.time"],
            "unit": ["ratio", "s"],
            "before": [0.88, 8.1],
            "predicted": [0.94, 6.0],
            "measured": [0.93, 8.3],
            "low": [0.92, 8.0],
            "high": [0.94, 8.7],
            "noise_floor": [0.004, 0.2],
            "verdict": ["kept", "rolled back"],
            "reason": ["The whole interval is better.", "The interval holds no change."],
        },
    )


@once
def metrics() -> pd.DataFrame:
    rows = [(row[0], row[3], row[4], row[5], row[2], *row[7].partition(":")[::2], 6) for row in TARGETS]
    rows.append(("document_creation.warm.time_reduction", 0.94, 0.93, 0.95, "ratio", "measured", "paired ratios", 6))
    made = pd.DataFrame(rows, columns=["name", "value", "low", "high", "unit", "how", "method", "n"])
    return made.assign(method=made["method"].str.strip())


def config(parallel: int) -> dict[str, Any]:
    monitoring = {"interval_s": 1.0, "cpu_threshold_ratio": 0.75, "memory_threshold_bytes": 100_000_000}
    return {
        "max_parallel_operations": parallel,
        "cache_targets": {"hit_rate": 0.95},
        "resource_monitoring": monitoring,
    }


def info(status: str = "finished") -> dict[str, Any]:
    return {
        "run_id": "20260301-120000-ab12",
        "status": status,
        "label": "nightly",
        "started": "2026-03-01T12:00:00+00:00",
        "finished": "2026-03-01T12:10:00+00:00" if status == "finished" else None,
        "versions": {"perflab": "0.1.0", "python": "3.11.7", "pandas": "3.1.1"},
        "host": {"cpu_model": "AMD EPYC 7B13", "cores": 2, "memory_limit_bytes": 8_000_000_000, "kernel": "6.1"},
        "config": config(parallel=4),
        "config_defaults": config(parallel=8),
    }  # fmt: skip


def typical(status: str = "finished") -> ReportData:
    """Return a benchmark's run."""
    measured = samples()
    frames = {
        **empty(),
        "accesses": recorded_accesses(measured),
        "samples": measured,
        "resources": recorded_resources(measured),
        "events": events(),
        "operations": operations().assign(run_id="cross-validation-cold-1-0"),
        "optimizations": optimizations(),
        "targets": targets(),
    }
    return ReportData(info(status), metrics(), targets(), frames)


def live() -> ReportData:
    """Return the run of a system at work."""
    frames = {
        **empty(),
        "accesses": accesses(),
        "resources": resources(),
        "events": events(),
        "operations": operations(),
        "optimizations": optimizations(),
    }
    return ReportData(info("running"), metrics(), targets(), frames)
