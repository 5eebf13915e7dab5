"""Resident memory of a process, now and at its peak.

In: a process id. Out: bytes, from `/proc/<pid>/status`; None where that cannot be read.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["baseline_rss", "peak_rss", "reset_peak"]

PROC = Path("/proc")


def baseline_rss(pid: int | str = "self", *, proc: Path = PROC) -> int | None:
    """Return the resident memory of a process now, in bytes: what later growth is measured from.

    Examples
    --------
    >>> baseline_rss() > 1_000_000
    True
    """
    return _status(proc / str(pid), "VmRSS")


def peak_rss(pid: int | str = "self", *, proc: Path = PROC) -> int | None:
    """Return the peak resident memory of a process in bytes, since it started or since `reset_peak`.

    This is `VmHWM`. `ru_maxrss` is not used: it survives exec, so that a child of a big process reports its parent's.

    Examples
    --------
    >>> peak_rss() >= baseline_rss() // 2
    True
    """
    return _status(proc / str(pid), "VmHWM")


def reset_peak(pid: int | str = "self", *, proc: Path = PROC) -> bool:
    """Set the peak back to the present resident memory; return whether the system allowed it."""
    try:
        (proc / str(pid) / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status(folder: Path, field: str) -> int | None:
    try:
        lines = (folder / "status").read_text(errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
