"""Samples as a file that pyperf reads.

In: the `samples` frame. Out: the JSON object of a pyperf suite: one benchmark an arm, one run a measuring process.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from perflab.analyze.metrics.select import time_column

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["pyperf_suite"]

VERSION = "1.0"


def pyperf_suite(samples: pd.DataFrame, facts: dict[str, Any]) -> dict[str, Any]:
    """Return a pyperf suite (its file format, version 1.0) of the timed samples; memory runs have no place in it.

    Parameters
    ----------
    samples
        The `samples` frame; each arm's values are of the clock that it is judged on.
    facts
        Facts of the host, such as `cpu` and `python`; kept as metadata of every run.
    """
    timed = samples[(samples["purpose"] == "time") & samples["error"].isna()]
    arms = timed.groupby(["workload", "arm", "state", "workers"], observed=True, dropna=False, sort=False)
    found = [_benchmark(name, rows, facts) for name, rows in arms if (rows["pair"] >= 0).any()]
    return {"version": VERSION, "metadata": {}, "benchmarks": found}


def _benchmark(name: tuple[Hashable, ...], rows: pd.DataFrame, facts: dict[str, Any]) -> dict[str, Any]:
    workload, arm, state, workers = name
    details = ["" if state == "any" else state, f"{workers} workers" if isinstance(workers, int) else ""]
    label = " ".join(str(word) for word in (workload, arm, *filter(None, details)))
    column = time_column(rows)
    metadata = {"name": label, "unit": "second", "perflab_clock": column.removesuffix("_s"), **_plain(facts)}
    runs = [run for _, members in rows.groupby("hash_seed", sort=False) for run in _runs(members, column)]
    return {"metadata": metadata, "runs": runs}


def _runs(rows: pd.DataFrame, column: str) -> Iterator[dict[str, Any]]:
    """Yield the run of one process; pyperf wants at least one value in each, which a process of warm-ups has not."""
    loops = int(rows["inner_loops"].iloc[-1])
    warm, used = rows[rows["pair"] < 0][column], rows[rows["pair"] >= 0][column]
    metadata = {"loops": loops, "date": str(rows["t"].iloc[0])} if "t" in rows else {"loops": loops}
    run: dict[str, Any] = {"metadata": metadata, "values": [float(value) for value in used]}
    if len(warm):
        run["warmups"] = [[loops, float(value)] for value in warm]
    if run["values"]:
        yield run


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    names = {"cpu": "cpu_model_name", "usable_cores": "cpu_count", "python": "python_version", "kernel": "platform"}
    return {told: facts[name] for name, told in names.items() if facts.get(name) is not None}
