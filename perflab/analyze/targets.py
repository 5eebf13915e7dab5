"""What is to be reached, and whether it was.

In: the metrics frame and a table of targets. Out: the verdicts as the `targets` frame, and the exit code they mean.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from perflab.analyze.expression import Expression, parse
from perflab.analyze.metrics.elapsed import EXPECTED
from perflab.analyze.metrics.select import slug
from perflab.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from perflab.config import Config

__all__ = [
    "ALIASES",
    "GUIDE_TARGETS",
    "READ_TARGETS",
    "Target",
    "TargetVerdict",
    "config_targets",
    "exit_code",
    "judge",
    "targets_for",
    "user_targets",
]

TargetVerdict = Literal["pass", "fail", "unclear", "unavailable"]


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on a metric.

    Attributes
    ----------
    expression : str
        The bound on one line, see `perflab.analyze.expression`.
    unit : str
        Unit of the metric: `s`, `bytes`, `ratio`, `count`, or empty for that in which it is measured.
    source : str
        Where the bound comes from.
    meaning : str
        The bound in plain words.
    """

    expression: str
    unit: str
    source: str
    meaning: str

    @property
    def name(self) -> str:
        """The metric that is judged."""
        return parse(self.expression).metric


_PERFORMANCE = "guide: Performance Targets"
_CACHE = "guide: Cache Performance"
_RESOURCES = "guide: Resource Usage"
_OPTIMIZATION = "guide: Optimization Results"

GUIDE_TARGETS: tuple[Target, ...] = (
    Target("document_creation.time < 10 s", "s", _PERFORMANCE, "documents are created in under 10 s"),
    Target("document_creation.time_reduction >= 50%", "ratio", _PERFORMANCE, "in half the naive time or less"),
    Target("cross_validation.time < 8 s", "s", _PERFORMANCE, "documents are validated in under 8 s"),
    Target("cross_validation.time_reduction >= 47%", "ratio", _PERFORMANCE, "in 53 % of the naive time or less"),
    Target("memory.peak_optimized < 100 MB", "bytes", _PERFORMANCE, "optimized work grows by less than 100 MB"),
    Target("memory.reduction >= 50%", "ratio", _PERFORMANCE, "in half the naive memory or less"),
    Target("cache.hit_rate > 90%", "ratio", _PERFORMANCE, "in warm runs, nine of ten accesses are answered by a cache"),
    Target("concurrency.operations >= 8", "count", _PERFORMANCE, "eight operations were in flight at the same time"),
    Target("cache.miss_rate < 10%", "ratio", _CACHE, "in warm runs, less than one of ten accesses misses"),
    Target("cache.eviction_rate < 5%", "ratio", _CACHE, "less than one eviction in twenty accesses"),
    Target("cache.access_time_mean < 10 ms", "s", _CACHE, "an access takes less than 10 ms on average"),
    Target("cache.memory < 50 MB", "bytes", _CACHE, "the memory tiers hold less than 50 MB"),
    Target(
        "memory.current < 100 MB", "bytes", _RESOURCES, "at the end of a run, memory above the start is below 100 MB"
    ),
    Target("memory.peak < 150 MB", "bytes", _RESOURCES, "memory above the start never reached 150 MB"),
    Target("memory.average < 80 MB", "bytes", _RESOURCES, "memory above the start is below 80 MB on average"),
    Target("cpu.current < 75%", "ratio", _RESOURCES, "less than 75 % of all cores are used at the end"),
    Target("cpu.peak < 90%", "ratio", _RESOURCES, "never were 90 % of all cores used"),
    Target("optimization.time_reduction >= 50%", "ratio", _OPTIMIZATION, "all workloads in half the naive time"),
    Target("optimization.memory_reduction >= 30%", "ratio", _OPTIMIZATION, "in 70 % of the naive memory or less"),
    Target("optimization.cache_hit_rate > 90%", "ratio", _OPTIMIZATION, "in warm runs, nine of ten accesses hit"),
    Target("optimization.parallel_efficiency > 70%", "ratio", _OPTIMIZATION, "each core does 70 % of useful work"),
)
"""The guide's four tables of bounds."""

_AHEAD = "perflab: what fetching ahead must be worth"

READ_TARGETS: Mapping[str, tuple[Target, ...]] = {
    "prefetch": (
        Target("prefetch_correlated.lift >= 9%", "ratio", _AHEAD, "groups of keys hit 9 points more"),
        Target("prefetch_correlated.prefetch.precision >= 85%", "ratio", _AHEAD, "85 % of what is fetched is read"),
        Target("prefetch_correlated.prefetch.waste <= 3%", "ratio", _AHEAD, "at most 3 % is fetched in vain"),
        Target("prefetch_loop.hit_rate >= 85%", "ratio", _AHEAD, "a loop of twice the cache's size hits"),
        Target("prefetch_strides.hit_rate >= 60%", "ratio", _AHEAD, "walks with even steps hit"),
        Target("prefetch_random.loss <= 0.2%", "ratio", _AHEAD, "where there is nothing to learn, nothing is lost"),
        Target("prefetch_random.extra_traffic <= 3%", "ratio", _AHEAD, "nor is more than 3 % fetched in vain"),
    ),
    "warm": (Target("warm_restart.gain_500 >= 2.4", "ratio", _AHEAD, "a warmed start hits 2.4 times as often"),),
}
"""Bounds of the workloads that read through a cache, by workload."""


def targets_for(workloads: Collection[str]) -> tuple[Target, ...]:
    """Return the bounds that concern a benchmark of these workloads.

    With both workloads of a source tree these are all; with one of them, the rows of the other are left out. Those that
    read through a cache have bounds of their own. Functions of the user's own are held against none.

    Examples
    --------
    >>> len(targets_for(["document-creation", "cross-validation"])) == len(GUIDE_TARGETS)
    True
    >>> [target.name for target in targets_for(["cross-validation"])][:3]
    ['cross_validation.time', 'cross_validation.time_reduction', 'memory.peak_optimized']
    >>> targets_for(["my_function"])
    ()
    """
    own = tuple(target for name in workloads for target in READ_TARGETS.get(name, ()))
    missing = {slug(name) for name in EXPECTED if name not in workloads}
    if len(missing) == len(EXPECTED):
        return own
    return (*(target for target in GUIDE_TARGETS if target.name.partition(".")[0] not in missing), *own)


ALIASES: Mapping[str, str] = {
    "get.mean": "cache.access_time_mean",
    "get.p95": "cache.access_time_p95",
    "parallel_efficiency": "optimization.parallel_efficiency",
}
"""Short names of metrics, used where nothing is measured under the name itself."""


def user_targets(expressions: Iterable[str], source: str = "user") -> tuple[Target, ...]:
    """Return bounds of the user's own; a bare number is in whatever unit the metric has.

    Raises
    ------
    ConfigError
        If an expression cannot be read.

    Examples
    --------
    >>> [(target.name, target.unit) for target in user_targets(["get.p95 < 10 ms", "cache.hit_rate > 0.9"])]
    [('get.p95', 's'), ('cache.hit_rate', '')]
    """
    return tuple(Target(text, parse(text).unit, source, text) for text in expressions)


def config_targets(config: Config) -> tuple[Target, ...]:
    """Return the bounds that a config sets on the cache.

    Examples
    --------
    >>> from perflab.config import Config
    >>> [target.expression for target in config_targets(Config())]
    ['cache.hit_rate >= 0.95', 'cache.memory <= 104857600 B', 'cache.access_time_p95 <= 0.5 s']
    """
    bounds = config.cache_targets
    return (
        Target(f"cache.hit_rate >= {bounds.hit_rate!r}", "ratio", "config: cache_targets.hit_rate", "hits enough"),
        Target(
            f"cache.memory <= {bounds.max_memory_bytes} B",
            "bytes",
            "config: cache_targets.max_memory_bytes",
            "the memory tiers keep their budget",
        ),
        Target(
            f"cache.access_time_p95 <= {bounds.max_response_time_s!r} s",
            "s",
            "config: cache_targets.max_response_time_s",
            "19 of 20 accesses are answered in time",
        ),
    )


def judge(metrics: pd.DataFrame, targets: Sequence[Target] = GUIDE_TARGETS) -> pd.DataFrame:
    """Hold metrics against targets, on the bounds of their intervals.

    Parameters
    ----------
    metrics
        Columns name, value, low, high, unit, how, method.
    targets
        The bounds; by default the guide's.

    Returns
    -------
    pandas.DataFrame
        One row a target, with the columns of the frame `targets` but `run_id` and `t`, which recording adds.
        A metric that is missing is `unavailable`; one without bounds is `unclear`; a bound that is not known counts
        as infinite.

    Raises
    ------
    ConfigError
        If an expression cannot be read, or its unit is not the metric's.
    """
    import pandas as pd

    known: dict[str, dict[Any, Any]] = {row["name"]: row for row in metrics.to_dict("records")}
    rows = [_verdict(target, known.get(target.name) or known.get(ALIASES.get(target.name, ""))) for target in targets]
    columns = ["name", "expression", "unit", "actual", "low", "high", "verdict", "how", "source"]
    return pd.DataFrame(rows, columns=columns)


def exit_code(verdicts: Iterable[str]) -> int:
    """Return 0 if all pass or there are none, 1 if one fails or is unavailable, else 3.

    Examples
    --------
    >>> exit_code([]), exit_code(["pass", "unclear"]), exit_code(["unclear", "unavailable"])
    (0, 3, 1)
    """
    found = set(verdicts)
    if found & {"fail", "unavailable"}:
        return 1
    return 3 if "unclear" in found else 0


def _verdict(target: Target, metric: dict[Any, Any] | None) -> tuple[object, ...]:
    expression = parse(target.expression)
    actual, low, high, how = _actual(metric)
    verdict: TargetVerdict = "unavailable"
    if metric is not None and not math.isnan(actual):
        _check_unit(expression, str(metric["unit"]))
        verdict = expression.judge(low, high)
    return (
        expression.metric,
        target.expression,
        target.unit or ("" if metric is None else str(metric["unit"])),
        actual,
        low,
        high,
        verdict,
        how,
        target.source,
    )


def _actual(metric: dict[Any, Any] | None) -> tuple[float, float, float, str]:
    if metric is None:
        return math.nan, math.nan, math.nan, "unavailable: nothing measures it"
    value, low, high = (float(metric[name]) for name in ("value", "low", "high"))
    return value, low, high, f"{metric['how']}: {metric['method']}"


def _check_unit(expression: Expression, unit: str) -> None:
    if not expression.accepts(unit):
        raise ConfigError(
            f"The target {expression.text!r} bounds {expression.metric} in {expression.unit or 'a bare number'}, "
            f"which is measured in {unit}; write the bound in a unit of {unit}."
        )
