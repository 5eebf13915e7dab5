"""How much of the processor the work uses.

In: the frame `resources`. Out: `cpu.current`, `cpu.peak`, `cpu.average`, as ratios of all cores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.analyze.intervals import observed
from perflab.analyze.metrics.row import Metric, measured, unavailable
from perflab.analyze.metrics.select import rows_of_optimized

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cpu"]


def cpu(resources: pd.DataFrame, samples: pd.DataFrame) -> list[Metric]:
    """Return what the process and its children used, other programs left out."""
    rows = rows_of_optimized(resources, samples)
    rows = rows.loc[rows["process_cpu_ratio"].notna()].sort_values("t")
    used = rows["process_cpu_ratio"].to_numpy(dtype=float)
    names = ("cpu.current", "cpu.peak", "cpu.average")
    if not used.size:
        return [unavailable(name, "ratio", "no monitor samples of the optimized work were recorded") for name in names]
    figures = (("last", used[-1]), ("greatest", used.max()), ("mean", used.mean()))
    return [
        measured(
            name,
            "ratio",
            observed(float(value), used.size, f"{word} of {used.size} monitor samples"),
            "share of all cores that the process and its children used",
        )
        for name, (word, value) in zip(names, figures, strict=True)
    ]
