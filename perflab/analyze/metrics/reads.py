"""What prefetching and warming did for a program that reads through a cache, against the same program without.

In: the frames `accesses` and `samples`, of benchmarks whose baseline recorded its accesses too. Out: for each workload
`<workload>.hit_rate`, `.hit_rate_plain`, `.lift`, `.loss`, `.gain_500`, `.extra_traffic`, and what was fetched ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from perflab.analyze.intervals import median
from perflab.analyze.metrics.prefetching import prefetching
from perflab.analyze.metrics.row import Metric, Unit, measured
from perflab.analyze.metrics.select import BASELINE, good_samples, slug, workloads
from perflab.analyze.metrics.warming import warming

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["reads"]

_EARLY = 500
_HELD = "hits in l1 and l2 / accesses"


def reads(accesses: pd.DataFrame, samples: pd.DataFrame, confidence: float = 0.95) -> list[Metric]:
    """Return the metrics of every workload whose two arms recorded their accesses; intervals are of the pairs."""
    timed = good_samples(samples, "time")
    known = timed[timed["arm_run_id"].isin(set(accesses["run_id"].astype(str)))]
    plain = set(known.loc[known["arm"] == BASELINE, "workload"].dropna())
    return [
        metric
        for name in workloads(known)
        if name in plain
        for metric in _of_workload(slug(name), accesses, known[known["workload"] == name], confidence)
    ]


def _of_workload(prefix: str, accesses: pd.DataFrame, samples: pd.DataFrame, confidence: float) -> Iterator[Metric]:
    runs = {str(run): rows for run, rows in accesses.groupby("run_id", observed=True)}
    arms = [_by_pair(samples[(samples["arm"] == BASELINE) == baseline], runs) for baseline in (True, False)]
    plain, helped = (_each(arm, _hit_rate) for arm in arms)
    early_plain, early = (_each(arm, _early_hit_rate) for arm in arms)
    loads_plain, loads = (_each(arm, _loads) for arm in arms)

    def metric(name: str, unit: Unit, values: list[float], what: str) -> Metric:
        return measured(f"{prefix}.{name}", unit, median(values, confidence), what)

    yield metric("hit_rate", "ratio", list(helped.values()), _HELD)
    yield metric("hit_rate_plain", "ratio", list(plain.values()), f"{_HELD}, baseline")
    yield metric(
        "lift", "ratio", _paired(helped, plain, lambda one, other: one - other), "hit rate less the baseline's"
    )
    yield metric("loss", "ratio", _paired(plain, helped, lambda one, other: one - other), "baseline's hit rate - this")
    ratios = _paired(early, early_plain, lambda one, other: one / other if other else float("nan"))
    yield metric(f"gain_{_EARLY}", "ratio", ratios, f"hit rate of the first {_EARLY} accesses / the baseline's")
    more = _paired(loads, loads_plain, lambda one, other: one / other - 1 if other else float("nan"))
    yield metric("extra_traffic", "ratio", more, "loads, ahead or not / the baseline's - 1")
    none = samples.head(0)
    own = accesses[accesses["run_id"].isin(set(samples.loc[samples["arm"] != BASELINE, "arm_run_id"]))]
    for found in (*prefetching(own, none, confidence), *warming(own, none, confidence)):
        yield replace(found, name=f"{prefix}.{found.name}")


def _by_pair(samples: pd.DataFrame, runs: Mapping[str, pd.DataFrame]) -> dict[int, pd.DataFrame]:
    return {int(pair): runs[str(run)] for pair, run in zip(samples["pair"], samples["arm_run_id"], strict=True)}


def _each(arm: Mapping[int, pd.DataFrame], figure: Callable[[pd.DataFrame], float]) -> dict[int, float]:
    return {pair: figure(rows) for pair, rows in arm.items()}


def _paired(
    one: Mapping[int, float], other: Mapping[int, float], compare: Callable[[float, float], float]
) -> list[float]:
    return [compare(one[pair], other[pair]) for pair in one if pair in other]


def _hit_rate(rows: pd.DataFrame) -> float:
    asked = rows[rows["event"].isin(["hit", "miss"])]
    return float(((asked["event"] == "hit") & asked["tier"].isin(["l1", "l2"])).mean())


def _early_hit_rate(rows: pd.DataFrame) -> float:
    asked = rows[rows["event"].isin(["hit", "miss"])]
    return _hit_rate(asked.sort_values("t", kind="stable").head(_EARLY))


def _loads(rows: pd.DataFrame) -> float:
    return float((rows["event"] == "load").sum())
