"""Memory that idle workers hold, given back.

In: workers. Out: a row of `optimizations` with the resident memory of the program before and after.
"""

from __future__ import annotations

from typing import Any

from perflab.host import read
from perflab.optimize import attempt
from perflab.parallel import Workers

__all__ = ["rest_workers"]

_KNOB = "parallel.workers"
_METRIC = {"metric": "memory.rss", "unit": "bytes"}


def rest_workers(workers: Workers) -> dict[str, Any]:
    """End idle workers, which start again when they are needed, and return what that freed, children included."""
    before = _resident()
    rested = workers.rest()
    after = _resident()
    count = workers.workers
    if not rested:
        return attempt(_KNOB, "no change", "no worker is idle.", old=count, new=count)
    if before is None or after is None:
        return attempt(_KNOB, "kept", "idle workers ended; resident memory cannot be read here.", old=count, new=0)
    reason = f"idle workers ended, which freed {max(0, before - after)} bytes; they start again when needed."
    return attempt(_KNOB, "kept", reason, old=count, new=0, before=float(before), measured=float(after), **_METRIC)


def _resident() -> int | None:
    reading = read()
    return None if reading.rss_bytes is None else reading.rss_bytes + (reading.children_rss_bytes or 0)
