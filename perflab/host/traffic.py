"""Bytes that went to and from disk and network, as counters that only grow.

In: `/proc/<pid>/io`, `/proc/<pid>/net/dev`. Out: totals in bytes; None where a file cannot be read.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from perflab.host.proc import read_small

__all__ = ["Traffic", "disk_traffic", "network_traffic"]

PROC = Path("/proc")
_LOOPBACK = "lo"


class Traffic(NamedTuple):
    """Bytes in both directions: read from disk or received, written to disk or sent."""

    into: int
    out: int


def disk_traffic(pid: int | str = "self", *, proc: Path = PROC) -> Traffic | None:
    """Return the bytes that a process had its storage read and write, children that it waited for included.

    What came from the page cache is not among them.

    Examples
    --------
    >>> found = disk_traffic()
    >>> found is None or min(found) >= 0
    True
    """
    try:
        lines = (read_small(f"{proc}/{pid}/io") or b"").splitlines()
        totals = {name: int(count) for name, _, count in (line.partition(b": ") for line in lines)}
        return Traffic(totals[b"read_bytes"], totals[b"write_bytes"])
    except (ValueError, KeyError):
        return None


def network_traffic(*, proc: Path = PROC) -> Traffic | None:
    """Return the bytes that all interfaces of this process's network namespace took in and sent, loopback aside.

    The system does not tell them process by process.

    Examples
    --------
    >>> found = network_traffic()
    >>> found is None or min(found) >= 0
    True
    """
    try:
        lines = (proc / "self/net/dev").read_text().splitlines()[2:]
        rows = [(name.strip(), numbers.split()) for name, _, numbers in (line.partition(":") for line in lines)]
        outside = [(int(row[0]), int(row[8])) for name, row in rows if name != _LOOPBACK]
    except (OSError, ValueError, IndexError):
        return None
    return Traffic(sum(into for into, _ in outside), sum(out for _, out in outside))
