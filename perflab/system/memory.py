"""Memory that is perflab's own: what the frames are made of, and what idle workers hold.

In: workers. Out: a baseline that has the former, and a row of `optimizations` for giving the latter back.
"""

from __future__ import annotations

from typing import Any

from perflab.host import read
from perflab.optimize import attempt
from perflab.parallel import Workers

__all__ = ["load_frames", "rest_workers"]

_KNOB = "parallel.workers"
_METRIC = {"metric": "memory.rss", "unit": "bytes"}


def load_frames() -> None:
    """Import what the frames are made of, so that its memory is in the baseline and not taken for the program's."""
    import pandas
    import pyarrow.parquet

    del pandas, pyarrow


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
