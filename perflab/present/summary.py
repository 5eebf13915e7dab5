"""A run in three sentences, each made from its numbers.

In: the `targets` and `metrics` frames. Out: how many targets hold, the biggest improvement, the gravest failure.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from perflab.present import read
from perflab.present.verdicts import Row, counts, humanize, interval, rows
from perflab.units import format_quantity

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["sentences"]


def sentences(targets: pd.DataFrame, metrics: pd.DataFrame) -> tuple[str, str, str]:
    """Return the three sentences.

    An improvement is a `*_reduction` metric that was measured and whose whole interval is above 0; the biggest one is
    told. The gravest failure is the target missed by the largest share of its bound.
    """
    return _verdicts(targets), _improvement(metrics), _failure(rows(targets))


def _verdicts(targets: pd.DataFrame) -> str:
    found = counts(targets)
    total = sum(found.values())
    if not total:
        return "No target was judged."
    said = [f"{number} {_verb(verdict, number)}" for verdict, number in found.items() if number]
    listed = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    return f"Of {total} {'target' if total == 1 else 'targets'}, {listed}."


def _verb(verdict: str, number: int) -> str:
    plain = {"pass": ("passes", "pass"), "fail": ("fails", "fail")}
    one, many = plain.get(verdict, (f"is {verdict}", f"are {verdict}"))
    return one if number == 1 else many


def _improvement(metrics: pd.DataFrame) -> str:
    measured = [
        record
        for record in read.records(metrics)
        if read.text(record.get("name")).endswith("reduction")
        and read.text(record.get("how")).startswith("measured")
        and read.number(record.get("low")) > 0
    ]
    if not measured:
        return "No improvement was measured whose whole interval lies above zero."
    best = max(measured, key=lambda record: read.number(record["value"]))
    unit = read.text(best.get("unit"))
    low, high = read.number(best["low"]), read.number(best["high"])
    count = read.number(best.get("n"))
    sample = f", n = {count:,.0f}" if math.isfinite(count) else ""
    # An exact reading has no interval, and its sentence then claims none.
    between = interval(low, high, unit, read.text(best.get("method")))
    kind = "" if between.startswith("range") else "95 % interval "
    sure = f" ({kind}{between}{sample})" if between else sample.replace(", ", " (") + ")" * bool(sample)
    change = format_quantity(read.number(best["value"]), unit)
    return f"The biggest measured improvement is {change} {_reduced(read.text(best['name']))}{sure}."


def _reduced(name: str) -> str:
    """Return a reduction's name in words: what there is less of, and where.

    Examples
    --------
    >>> _reduced("document_creation.warm.time_reduction"), _reduced("memory.reduction")
    ('less time in document creation, warm', 'less memory')
    """
    where, _, what = name.rpartition(".")
    what = what.removesuffix("reduction").removesuffix("_")
    return f"less {humanize(what)} in {humanize(where)}" if what else f"less {humanize(where)}"


def _failure(judged: list[Row]) -> str:
    failed = [row for row in judged if row.verdict == "fail"]
    if not failed:
        return "No target that could be judged fails." if judged else "Nothing can be said of failures."
    worst = max(failed, key=lambda row: (math.isfinite(row.excess), row.excess if math.isfinite(row.excess) else 0.0))
    more = " (more, not less)" if worst.name.endswith("reduction") and worst.actual < 0 else ""
    name = humanize(worst.name)
    return f"The target missed by the most is {name}: {worst.value}{more} where {worst.wanted} is wanted."
