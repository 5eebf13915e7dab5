"""The peak memory of an executor's worker processes.

In: an executor. Out: bytes, from each worker's `/proc/<pid>/status`; None where there is nothing to read.
"""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path

__all__ = ["peak_of"]


def peak_of(executor: Executor) -> int | None:
    """Return the sum of each worker process's own peak resident memory, in bytes."""
    # The standard library's pools, too, keep their worker processes by pid in `_processes`.
    peaks = [_peak_of_process(pid) for pid in list(getattr(executor, "_processes", None) or ())]
    known = [peak for peak in peaks if peak is not None]
    return sum(known) if known else None


def _peak_of_process(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
