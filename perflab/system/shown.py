"""A system as a notebook shows it.

In: a system. Out: HTML: one line, and what can be unfolded below it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from perflab import inert
from perflab.system.statistics import statistics

if TYPE_CHECKING:
    from perflab.system.performance import PerformanceSystem

__all__ = ["system_html"]


def system_html(system: PerformanceSystem, run_id: str) -> str:
    """Return the state of a system, at work or closed, its cache, frames and settings, each of them collapsed."""
    facts = statistics(system.frames)
    rate = facts["cache"]["hit_rate"]
    said = [
        "closed" if system.is_closed else "at work",
        f"{facts['operations']['count']:,} operations",
        f"{facts['cache']['accesses']:,} accesses",
        "hit rate unavailable" if math.isnan(rate) else f"hit rate {rate:.1%}",
    ]
    head = inert.html(f"PerformanceSystem {run_id}: {', '.join(said)}")
    return f"<p><b>{head}</b></p>{''.join(_parts(system))}"


def _parts(system: PerformanceSystem) -> Iterator[str]:
    for name, shown in (("Cache", system.cache), ("Frames", system.frames), ("Settings", system.config)):
        yield f"<details><summary>{name}</summary>{shown._repr_html_()}</details>"
