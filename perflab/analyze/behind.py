"""Which recorded rows a metric was computed from.

In: the name of a metric. Out: a frame, the filters for `Frames.select`, and the columns that tell most.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Behind", "behind"]

_READ = ("t", "key", "event", "tier", "duration_s", "operation", "reason")
_STORED = ("t", "key", "event", "tier", "nbytes", "operation", "reason")
_HOST = ("t", "rss_bytes", "baseline_bytes", "growth_bytes", "children_rss_bytes", "cpu_ratio", "process_cpu_ratio")
_DONE = ("t", "name", "key", "duration_s", "ok", "error", "stream")
_SAMPLED = ("t", "workload", "arm", "state", "pair", "purpose", "clock", "wall_s", "cpu_s", "peak_bytes", "error")


@dataclass(frozen=True, slots=True)
class Behind:
    """Rows of one frame.

    Attributes
    ----------
    frame : str
        Its name.
    columns : tuple of str
        What to show of it.
    filters : dict
        For `Frames.select`.
    """

    frame: str
    columns: tuple[str, ...]
    filters: dict[str, Any] = field(default_factory=dict)


_READS = Behind("accesses", _READ, {"event": ("hit", "miss")})
_KNOWN = {
    "cache.eviction_rate": Behind("accesses", _STORED, {"event": "evict"}),
    "cache.memory": Behind("accesses", _STORED, {"tier": ("l1", "l2")}),
}
_BY_BEGINNING = {
    "cache.": _READS,
    "get.": _READS,
    "memory.": Behind("resources", _HOST),
    "cpu.": Behind("resources", _HOST),
    "concurrency.": Behind("operations", _DONE),
    "operations.": Behind("operations", _DONE),
}
_SAMPLES = Behind("samples", _SAMPLED)
_OF_RUNS = ("memory.peak_", "memory.reduction")


def behind(metric: str) -> Behind:
    """Return where the rows of a metric are; those of workloads, and of what was gained, are samples.

    Examples
    --------
    >>> behind("cache.hit_rate").filters, behind("document_creation.time").frame, behind("memory.average").frame
    ({'event': ('hit', 'miss')}, 'samples', 'resources')
    """
    if metric in _KNOWN:
        return _KNOWN[metric]
    if metric.startswith(_OF_RUNS):
        return _SAMPLES
    return next((where for beginning, where in _BY_BEGINNING.items() if metric.startswith(beginning)), _SAMPLES)
