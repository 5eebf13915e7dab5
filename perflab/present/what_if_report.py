"""The report of a what-if: which cache, how sure, what else there is to choose.

In: curves, a trace, the current setting, a recommendation. Out: one HTML file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.present import read
from perflab.present.page import Page, Part, plotted, save, tabled
from perflab.present.tables import Table, table
from perflab.present.what_if import named_size, what_if_picture
from perflab.units import format_quantity, format_seconds

if TYPE_CHECKING:
    from perflab.analyze.curve import Curve
    from perflab.analyze.recommend import Recommendation
    from perflab.trace import Setting, Trace

__all__ = ["write_what_if"]

_CHOICES = 16
_SIZES = 8


def write_what_if(
    path: Path,
    curves: Sequence[Curve],
    trace: Trace,
    current: Setting | None,
    found: Recommendation,
    target: float | None,
) -> Path:
    """Write the page and return its path.

    Raises
    ------
    RunError
        If the path is a folder or cannot be written.
    """
    lead = "The same accesses, answered by every size and policy; belady, where it is shown, knows the future."
    parts = [
        Part(
            "curves", "Curves", lead, (plotted(what_if_picture(curves, trace, current, target)), tabled(_rates(curves)))
        ),
        Part("choices", "What there is to choose", _CHOICE_LEAD, (tabled(_front(found)),)),
        Part("trace", "The trace", str(trace.wrong).capitalize() + ".", (tabled(_facts(trace)),)),
    ]
    facts = [("trace", trace.source), ("accesses", f"{len(trace):,}"), ("keys", f"{trace.keys:,}")]
    footer = "Made by perflab from one trace. This file loads nothing and runs no script."
    page = Page("perflab: what if", facts, _sentences(curves, current, found), parts, footer)
    save(path, page.html())
    return path


_CHOICE_LEAD = (
    "Settings to which no other one of at most their size has as many hits. The second half of the trace shows "
    "whether what holds over all of it holds for accesses that come later."
)


def _sentences(curves: Sequence[Curve], current: Setting | None, found: Recommendation) -> list[str]:
    said = [f"Recommended: {found}" if found.setting else f"{str(found).capitalize()}"]
    if math.isfinite(found.saved_s):
        said.append(f"Its hits save {format_seconds(found.saved_s)} of loads, estimated by the recorded ones.")
    own = next((curve for curve in curves if current and curve.policy == current.policy), None)
    if own is not None and current is not None:
        rate = own.at(current.size)
        said.append(f"Now it is {current.policy} with {named_size(current.size, own.unit)}: hit rate {rate:.1%}.")
    knee = curves[0].knee() if curves else None
    if knee is not None:
        at = curves[0].at(knee)
        said.append(f"The knee of {curves[0].policy} is at {named_size(knee, curves[0].unit)}: hit rate {at:.1%}.")
    return said


def _rates(curves: Sequence[Curve]) -> Table:
    """Return hit rates at round shares of the largest size, a row a size and a column a policy."""
    import numpy as np

    drawn = [curve for curve in curves if len(curve.sizes)]
    largest = max((int(curve.sizes[-1]) for curve in drawn), default=0)
    sizes = [size for size in np.unique([largest >> halving for halving in range(_SIZES)]) if size > 0]
    body = [
        (named_size(size, drawn[0].unit), *(format_quantity(curve.at(size), "ratio") for curve in drawn))
        for size in sizes
    ]
    names = [curve.policy for curve in drawn]
    return table("Hit rates by size", ("size", *names), body, numeric=names)


def _front(found: Recommendation) -> Table:
    import numpy as np

    rows = found.front
    if len(rows) > _CHOICES:
        rows = rows.iloc[np.unique(np.linspace(0, len(rows) - 1, _CHOICES).astype(int))]
    body = [
        (
            named_size(read.number(record["size"]), found.unit),
            read.text(record["policy"]),
            format_quantity(read.number(record["hit_rate"]), "ratio"),
            format_quantity(read.number(record["held_out"]), "ratio"),
            format_quantity(read.number(record["saved_s"]), "s"),
        )
        for record in read.records(rows)
    ]
    heads = ("size", "policy", "hit rate", "in the second half", "loads saved")
    note = f"{len(body)} of {len(found.front):,} such settings." if body else ""
    return table("Settings without a better one", heads, body, numeric=heads[2:], note=note)


def _facts(trace: Trace) -> Table:
    body = [
        (str(quantity), format_quantity(read.number(record["value"]), str(record["unit"])))
        for quantity, record in zip(trace.describe().index, read.records(trace.describe()), strict=True)
    ]
    return table("Facts", ("quantity", "value"), body, numeric=("value",))
