"""The tables of a benchmark: time, memory, and the work that was counted, arm by arm.

In: the `samples` frame. Out: `Table`s; one without rows means that nothing of the kind was measured.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perflab.analyze.intervals import median
from perflab.present import arms, escape, read
from perflab.present.comparisons import comparisons
from perflab.present.tables import Cell, Table, table
from perflab.present.verdicts import humanize
from perflab.units import format_bytes, format_quantity, format_seconds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["improvements", "memory", "work"]

# What was read comes first, then what was done with it, then what came out.
_SUBJECTS = (
    "source", "files", "sources", "documents", "facts", "chunks", "pairs", "output", "planted", "findings", "right",
    "named", "rule",
)  # fmt: skip
_LONGEST = 600


def improvements(samples: pd.DataFrame) -> Table:
    """Return baseline against optimized: medians, ratio with interval, noise floor, pairs."""
    body = [
        (
            escape.shorten(pairs.workload, 60),
            pairs.setting,
            format_seconds(pairs.baseline_median.value),
            format_seconds(pairs.other_median.value),
            pairs.effect,
            f"{pairs.comparison.ratio:.3f}",
            _plain_interval(pairs.comparison.low, pairs.comparison.high),
            format_quantity(pairs.comparison.baseline_noise, "ratio"),
            format_quantity(pairs.comparison.noise, "ratio"),
            str(pairs.comparison.pairs),
            pairs.comparison.verdict,
        )
        for pairs in comparisons(samples)
    ]
    heads = (
        "workload", "state", "baseline", "optimized", "effect", "ratio", "95 % interval",
        "noise, baseline", "noise, optimized", "pairs", "verdict",
    )  # fmt: skip
    numeric = ("baseline", "optimized", "ratio", "noise, baseline", "noise, optimized", "pairs")
    note = (
        "Ratio: optimized time over baseline time, exp of the median log ratio of the pairs, with its exact "
        "order-statistic interval; a verdict needs the whole interval outside, or inside, a band of ±3 %. Noise "
        "floor: the median spread of an arm against itself. States without a baseline of their own share one."
    )
    return table("Before and after", heads, body, numeric=numeric, note=note)


def memory(samples: pd.DataFrame) -> Table:
    """Return the peak memory of each arm, from runs that were not timed."""
    body = []
    for workload, arm, rows in arms.grouped(samples, "memory"):
        medians = [_median(rows, column) for column in ("peak_bytes", "growth_bytes")]
        body.append((workload, arm, *medians, str(len(rows))))
    heads = ("workload", "arm", "median peak", "median growth", "runs")
    note = (
        "Peak: resident memory summed over the processes' own peaks. Growth: above what was resident when work began."
    )
    return table("Peak memory, in runs of its own", heads, body, numeric=heads[2:], note=note)


def work(samples: pd.DataFrame) -> Table:
    """Return what each arm counted in its latest timed execution, with precision and recall where it has them."""
    # Arms that count the same work share a row, which says so better than several.
    alike: dict[tuple[str, str, str, str], list[str]] = {}
    for workload, arm, rows in arms.grouped(samples, "time"):
        if counted := next(filter(None, map(_counted, reversed(rows["work"].to_list()))), None):
            row = (workload, _ratio(counted.get("precision")), _ratio(counted.get("recall")), _rest(counted))
            alike.setdefault(row, []).append(arm)
    body = [
        (workload, Cell("; ".join(names), longest=_LONGEST), precision, recall, Cell(rest, longest=_LONGEST))
        for (workload, precision, recall, rest), names in alike.items()
    ]
    heads = ("workload", "arm", "precision", "recall", "counted in one execution")
    note = "Precision: findings that are right. Recall: planted defects that were named. –: the workload has none."
    return table("Work done, precision and recall", heads, body, numeric=("precision", "recall"), note=note)


def _median(rows: pd.DataFrame, column: str) -> str:
    known = [float(value) for value in read.numbers(rows, column) if math.isfinite(value)]
    return format_quantity(median(known).value, "bytes")


def _counted(text: object) -> Mapping[str, Any]:
    try:
        found = json.loads(read.text(text) or "null")
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _ratio(value: object) -> str:
    share = read.number(value)
    return format_quantity(share, "ratio") if math.isfinite(share) else "–"


def _rest(counted: Mapping[str, Any]) -> str:
    plain = {
        str(name): value
        for name, value in counted.items()
        if name not in ("precision", "recall") and isinstance(value, int | float) and not isinstance(value, bool)
    }
    return ", ".join(_count(name, plain[name]) for name in sorted(plain, key=_place)) or "–"


def _place(name: str) -> tuple[int, str]:
    subject = name.partition("_")[0]
    return (_SUBJECTS.index(subject) if subject in _SUBJECTS else len(_SUBJECTS)), name


def _count(name: str, value: float) -> str:
    if name.endswith("_bytes"):
        return f"{humanize(name.removesuffix('_bytes'))} {format_bytes(value)}"
    return f"{humanize(name)} {value:,g}" if abs(value) < 1e6 else f"{humanize(name)} {value:,.0f}"


def _plain_interval(low: float, high: float) -> str:
    return "–" if math.isnan(low) or math.isnan(high) else f"{low:.3f} to {high:.3f}"
