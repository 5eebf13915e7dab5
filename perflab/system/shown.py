"""A system as a notebook shows it.

In: a system. Out: HTML: one line, and what can be unfolded below it.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from perflab.units import format_seconds

if TYPE_CHECKING:
    from perflab.system.performance import PerformanceSystem

__all__ = ["system_html"]


def system_html(system: PerformanceSystem) -> str:
    """Return the state of a system, its cache, frames and settings, each of them collapsed."""
    facts = system.statistics()
    rate = facts["cache"]["hit_rate"]
    said = [
        "closed" if system.is_closed else f"at work for {format_seconds(facts['session']['uptime_s'])}",
        f"{facts['operations']['count']:,} operations",
        f"{facts['cache']['accesses']:,} accesses",
        "hit rate unavailable" if math.isnan(rate) else f"hit rate {rate:.1%}",
    ]
    head = html.escape(f"PerformanceSystem {facts['session']['run_id']}: {', '.join(said)}")
    return f"<p><b>{head}</b></p>{''.join(_parts(system))}"


def _parts(system: PerformanceSystem) -> Iterator[str]:
    for name, shown in (("Cache", system.cache), ("Frames", system.frames), ("Settings", system.config)):
        yield f"<details><summary>{name}</summary>{shown._repr_html_()}</details>"
