"""Synthetic runs for the tests of `present`.

In: a seed. Out: frames with the columns and dtypes of `perflab.record.frames`, and a whole `ReportData`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from perflab.present.report import ReportData
from perflab.record.frames import FRAMES, columns

START = pd.Timestamp("2026-03-01T12:00:00Z")
DTYPES = {
    "category": "category",
    "string": "str",
    "int": "Int64",
    "float": "float64",
    "bool": "boolean",
    "time": "datetime64[us, UTC]",
}
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
    made = {
        column.name: pd.Series(data.get(column.name, [None] * length)).astype(DTYPES[column.dtype])
        for column in columns(name)
    }
    assert set(rows) <= set(made), f"columns that {name} has not: {set(rows) - set(made)}"
    return pd.DataFrame(made)


def empty() -> dict[str, pd.DataFrame]:
    return {name: frame(name, {}) for name in FRAMES}


def targets(rows: Sequence[tuple[Any, ...]] = TARGETS) -> pd.DataFrame:
    names = ("name", "expression", "unit", "actual", "low", "high", "verdict", "how")
    table = dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
    return frame("targets", {**table, "source": ["guide"] * len(rows)})


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


def samples(pairs: int = 6, seed: int = 3) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    speeds = {
        state: {"baseline": 1.0, "optimized": share}
        for state, share in (("cold", 0.42), ("warm", 0.06), ("incremental", 0.11))
    }
    work = json.dumps({"precision": 0.96, "recall": 0.91, "planted": 44, "found": 42, "chunks": 1804})
    rows = [
        (workload, state, arm, pair, "time", seconds * shares[arm] * random.lognormal(0, 0.03), work)
        for workload, seconds in (("document-creation", 19.4), ("cross-validation", 14.2))
        for state, shares in speeds.items()
        for pair in range(-1, pairs)
        for arm in ("baseline", "optimized")
    ]  # fmt: skip
    names = ("workload", "state", "arm", "pair", "purpose", "wall_s", "work")
    table = dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
    return frame("samples", {**table, "cpu_s": [row[5] * 0.97 for row in rows]})


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


def events(count: int = 9) -> pd.DataFrame:
    names = (["memory_warning", "cpu_warning", "file_optimized"] * count)[:count]
    times = [START + pd.Timedelta(seconds=60 * i + 20) for i in range(count)]
    return frame("events", {"t": times, "name": names, "payload": ['{"usage": 1.5}'] * count})


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
    frames = {
        **empty(),
        "accesses": accesses(),
        "samples": samples(),
        "resources": resources(),
        "events": events(),
        "operations": operations(),
        "optimizations": optimizations(),
        "targets": targets(),
    }
    return ReportData(info(status), metrics(), targets(), frames)
