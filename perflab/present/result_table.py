"""The result of a benchmark as a few lines of Markdown, put into a document between two marks.

In: a run's metrics and verdicts. Out: a table and two sentences; a document with them in their place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perflab.errors import RunError
from perflab.units import format_quantity

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BEGIN", "END", "filled", "result_table"]

BEGIN, END = "<!-- perflab result -->", "<!-- end of perflab result -->"
_HEADS = ("workload", "naive", "optimized, cold", "less time (95 % interval)", "warm", "after an edit", "less memory")
_MEMORY = "Targets of memory hold the greatest peak of the optimized workloads against the greatest of the naive ones."

Metrics = Mapping[Any, Mapping[Any, Any]]


def result_table(metrics: pd.DataFrame, targets: pd.DataFrame, info: Mapping[str, Any]) -> str:
    """Return a row a workload, and how many targets passed; every figure is one of the metrics.

    Parameters
    ----------
    metrics, targets
        The run's metrics and verdicts.
    info
        Facts of the run: run_id, started, host, versions.
    """
    known: Metrics = metrics.set_index("name").to_dict("index")
    names = [str(name).removesuffix(".time_naive") for name in known if str(name).endswith(".time_naive")]
    rows = [_row(name, known) for name in names if not math.isnan(float(known[f"{name}.time_naive"]["value"]))]
    lines = [_line(_HEADS), _line(("---", *["---:"] * (len(_HEADS) - 1))), *map(_line, rows)]
    more = any(_value(known, f"{name}.memory_reduction") < 0 for name in names)
    return "\n".join([*lines, "", _verdicts(targets) + (f" {_MEMORY}" if more else ""), "", _where(info)])


def filled(document: str, text: str) -> str:
    """Return a document with this text between its marks.

    Raises
    ------
    RunError
        If the document has not both marks, in order.

    Examples
    --------
    >>> filled(f"a\\n{BEGIN}\\nold\\n{END}\\nb", "new").splitlines()[1:4]
    ['<!-- perflab result -->', 'new', '<!-- end of perflab result -->']
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RunError(f"The document has no place for a result; put the lines {BEGIN} and {END} where it belongs.")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def _row(name: str, known: Metrics) -> tuple[str, ...]:
    reduction = known[f"{name}.time_reduction"]
    low, high = _percent(reduction["low"]), _percent(reduction["high"])
    return (
        name.replace("_", " "),
        format_quantity(float(known[f"{name}.time_naive"]["value"]), "s"),
        format_quantity(float(known[f"{name}.time"]["value"]), "s"),
        f"{_percent(reduction['value'])} ({low} to {high})",
        *(_percent(_value(known, f"{name}.{state}.time_reduction")) for state in ("warm", "incremental")),
        _less(_value(known, f"{name}.memory_reduction")),
    )


def _value(known: Metrics, name: str) -> float:
    return float(known[name]["value"]) if name in known else math.nan


def _less(reduction: float) -> str:
    return f"none: {1 - reduction:.1f} times as much" if reduction < 0 else _percent(reduction)


def _percent(value: float) -> str:
    return "not measured" if math.isnan(value) else f"{value * 100:.1f} %"


def _verdicts(targets: pd.DataFrame) -> str:
    counts = targets["verdict"].astype(str).value_counts()
    said = ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in ("pass", "fail", "unclear", "unavailable"))
    missed = targets[targets["verdict"].isin(["fail", "unavailable"])]
    rows = [
        f"`{row['expression']}` ({format_quantity(float(row['actual']), str(row['unit']))})"
        for row in missed.to_dict("records")
    ]
    return f"Of {len(targets)} targets: {said}.{' Missed: ' + ', '.join(rows) + '.' if rows else ''}"


def _where(info: Mapping[str, Any]) -> str:
    host, versions = info.get("host") or {}, info.get("versions") or {}
    return (
        f"Run `{info.get('run_id')}` of {str(info.get('started'))[:10]}: {host.get('usable_cores')} cores of "
        f"{host.get('cpu')}, {host.get('system')}, Python {versions.get('python')}."
    )


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
