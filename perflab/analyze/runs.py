"""Two runs side by side: which metrics differ by more than their intervals.

In: two metrics frames. Out: one row a metric, with the ratio, its interval and a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from perflab.analyze.expression import parse
from perflab.analyze.targets import exit_code

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunVerdict", "changed_settings", "compare_metrics", "gate", "ratios"]

RunVerdict = Literal["lower", "higher", "within noise", "no interval", "only in A", "only in B"]
_COLUMNS = ["name", "unit", "a", "a_low", "a_high", "b", "b_low", "b_high", "ratio", "low", "high", "verdict"]
_GREATEST = {"time_ratio": ".time", "memory_ratio": ".memory_peak_optimized"}
"""Ratios over all workloads and states, and the end of the metrics' names that they are the greatest of."""


def compare_metrics(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Return every metric that a run measured, beside the other run's.

    Parameters
    ----------
    a, b
        Metrics frames, see `perflab.analyze.metrics`.

    Returns
    -------
    pandas.DataFrame
        name, unit, a, a_low, a_high, b, b_low, b_high; `ratio` = b / a with `low` and `high`, the quotients of the
        bounds, which hold at least with the intervals' own confidence; verdict: `lower` or `higher` where the two
        intervals share no value, `within noise` where they do, `no interval` where one has none. What a run read or
        counted exactly has no width: that says what the run did, and not what another would do, so that two such values
        that differ have `no interval` either.
    """
    import pandas as pd

    sides = [frame[frame["how"] != "unavailable"].set_index("name").to_dict("index") for frame in (a, b)]
    names = dict.fromkeys([*sides[0], *sides[1]])
    rows = [_row(str(name), sides[0].get(name), sides[1].get(name)) for name in names]
    return pd.DataFrame(rows, columns=_COLUMNS)


def ratios(compared: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """Return each metric's ratio B / A with its bounds, as `<metric>_ratio`, and the greatest of times and peaks.

    `time_ratio` is the greatest of all ratios of `<workload>[.<state>].time`, `memory_ratio` of all peaks.
    """
    both = compared[compared["ratio"].notna()]
    found = {f"{row['name']}_ratio": (row["ratio"], row["low"], row["high"]) for row in both.to_dict("records")}
    for name, ending in _GREATEST.items():
        of = [value for metric, value in found.items() if metric.removesuffix("_ratio").endswith(ending)]
        if of:
            found[name] = max(of)
    return found


def gate(compared: pd.DataFrame, expressions: Iterable[str]) -> tuple[int, list[str]]:
    """Return the exit code of conditions under which a comparison fails, and a sentence for each of them.

    A condition such as `time_ratio > 1.10` is met if it holds for the whole interval: then the code is 1, as it is if
    nothing measures it; 3 if the interval holds the bound; else 0.

    Raises
    ------
    ConfigError
        If a condition cannot be read.
    """
    known = ratios(compared)
    met = {"pass": "fail", "fail": "pass", "unclear": "unclear"}
    verdicts, said = [], []
    for text in expressions:
        condition = parse(text)
        value = known.get(condition.metric)
        verdicts.append("unavailable" if value is None else met[condition.judge(value[1], value[2])])
        said.append(f"{verdicts[-1]}: fails if {text}; {_measured(condition.metric, value, known)}")
    return exit_code(verdicts), said


def changed_settings(a: Mapping[str, Any], b: Mapping[str, Any], above: str = "") -> list[tuple[str, Any, Any]]:
    """Return the path of each entry of two nested mappings that differs, with both values; None for one that is not.

    Examples
    --------
    >>> changed_settings({"cache": {"l1": 1, "l2": 2}, "seed": 3}, {"cache": {"l1": 1, "l2": 4}})
    [('cache.l2', 2, 4), ('seed', 3, None)]
    """
    found: list[tuple[str, Any, Any]] = []
    for name in dict.fromkeys([*a, *b]):
        left, right = a.get(name), b.get(name)
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            found += changed_settings(left, right, f"{above}{name}.")
        elif left != right:
            found.append((f"{above}{name}", left, right))
    return found


def _row(name: str, a: Mapping[Any, Any] | None, b: Mapping[Any, Any] | None) -> list[object]:
    shown = [_figures(side) for side in (a, b)]
    unit = str((a or b or {})["unit"])
    ratio = [math.nan] * 3
    if a is not None and b is not None and min(shown[0][0], shown[1][0]) > 0:
        (va, la, ha), (vb, lb, hb) = shown
        ratio = [vb / va, lb / ha if ha > 0 else math.nan, hb / la if la > 0 else math.nan]
    verdict = "only in B" if a is None else "only in A" if b is None else _verdict(*shown)
    return [name, unit, *shown[0], *shown[1], *ratio, verdict]


def _figures(side: Mapping[Any, Any] | None) -> tuple[float, float, float]:
    if side is None:
        return math.nan, math.nan, math.nan
    return float(side["value"]), float(side["low"]), float(side["high"])


def _verdict(a: tuple[float, float, float], b: tuple[float, float, float]) -> RunVerdict:
    if any(map(math.isnan, (*a, *b))):
        return "no interval"
    if a[1] <= b[2] and b[1] <= a[2]:
        return "within noise"
    if a[1] == a[2] or b[1] == b[2]:
        return "no interval"
    return "lower" if b[2] < a[1] else "higher"


def _measured(metric: str, value: tuple[float, float, float] | None, known: Mapping[str, Any]) -> str:
    if value is not None:
        return f"measured {value[0]:.3g} ({value[1]:.3g} to {value[2]:.3g})"
    meant = f"{metric}_ratio"
    named = (
        f"did you mean {meant}" if meant in known else "names are those of measured metrics, with _ratio behind them"
    )
    return f"no metric that both runs measured gives {metric}; {named}"
