"""Which clock an arm is judged on: work that computes by its CPU time, work that waits by the wall.

In: timed samples. Out: `cpu` or `wall`.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Any, Literal

__all__ = ["kind_of"]

_BUSY = 0.9
"""Of the wall time, what a process at least computes, or waits to compute, if it does nothing else."""
_ONE_CORE = 1.1
"""Of the wall time, what a process on one core computes at the most, with the clocks' own errors."""


def kind_of(rows: Iterable[Mapping[str, Any]]) -> Literal["cpu", "wall"]:
    """Return `cpu` if the median sample of every arm computes on one core, or waits for a core that others hold.

    The time in which a process is ready but has no core counts as computing: beside other programs the wall time of
    work that computes is theirs too, and only its CPU time is its own.

    Examples
    --------
    >>> kind_of([{"arm": "baseline", "wall_s": 2.0, "cpu_s": 1.0, "waited_s": 0.95}])
    'cpu'
    >>> kind_of([{"arm": "baseline", "wall_s": 2.0, "cpu_s": 1.0, "waited_s": 0.0}])
    'wall'
    """
    busy: dict[str, list[float]] = {}
    computed: dict[str, list[float]] = {}
    for row in rows:
        if row["wall_s"]:
            busy.setdefault(row["arm"], []).append((row["cpu_s"] + (row["waited_s"] or 0.0)) / row["wall_s"])
            computed.setdefault(row["arm"], []).append(row["cpu_s"] / row["wall_s"])
    alone = all(statistics.median(shares) <= _ONE_CORE for shares in computed.values())
    return "cpu" if busy and alone and all(statistics.median(shares) >= _BUSY for shares in busy.values()) else "wall"
