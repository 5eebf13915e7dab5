"""Counts of a system at work.

In: its frames. Out: nested numbers for people.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from perflab.record import Frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["statistics"]


def statistics(frames: Frames) -> dict[str, Any]:
    """Return counts of operations, cache events, resources and optimizations; NaN or None where there are none."""
    return {
        "operations": _operations(frames.operations),
        "cache": _cache(frames.accesses),
        "resources": _last(frames.resources),
        "optimizations": frames.optimizations["verdict"].value_counts().to_dict(),
        "events": frames.events["name"].value_counts().to_dict(),
    }


def _operations(operations: pd.DataFrame) -> dict[str, Any]:
    durations = operations["duration_s"]
    mean = float(durations.mean()) if len(durations) else math.nan
    return {"count": len(operations), "failed": int((~operations["ok"].fillna(True)).sum()), "mean_s": mean}


def _cache(accesses: pd.DataFrame) -> dict[str, Any]:
    counts = accesses["event"].value_counts()
    events = {str(event): int(count) for event, count in counts.items()}
    hits, misses = events.get("hit", 0), events.get("miss", 0)
    rate = hits / (hits + misses) if hits + misses else math.nan
    return {"accesses": hits + misses, "hits": hits, "misses": misses, "hit_rate": rate, "events": events}


def _last(resources: pd.DataFrame) -> dict[str, Any]:
    names = ("rss_bytes", "growth_bytes", "cpu_ratio", "available_bytes", "limit_bytes")
    known = {name: resources[name].dropna() for name in names}
    return {name: values.iloc[-1].item() if len(values) else None for name, values in known.items()}
