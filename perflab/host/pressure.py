"""Pressure, CPU time and stolen time of the host, as counters that only grow.

In: `/proc/pressure/*`, `/proc/stat`. Out: totals in seconds; None where a file cannot be read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CpuTimes", "Pressure", "cpu_times", "load_1m", "pressure"]

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Pressure:
    """Seconds that some task has waited for a resource since boot (pressure stall information, PSI)."""

    cpu_s: float | None
    memory_s: float | None
    io_s: float | None


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """CPU seconds of all cores together since boot: all, not idle, and taken by the hypervisor."""

    total_s: float
    busy_s: float
    steal_s: float


def pressure(proc: Path = PROC) -> Pressure:
    """Return the pressure totals; the share of an interval is the difference of two by its length.

    Examples
    --------
    >>> pressure(Path("/nowhere"))
    Pressure(cpu_s=None, memory_s=None, io_s=None)
    """
    folder = proc / "pressure"
    return Pressure(_some(folder / "cpu"), _some(folder / "memory"), _some(folder / "io"))


def cpu_times(proc: Path = PROC) -> CpuTimes | None:
    """Return the CPU times of the host, or None if they cannot be read.

    Time that the hypervisor took counts as busy: it was not available. Guest time is part of user time.

    Examples
    --------
    >>> cpu_times(Path("/nowhere")) is None
    True
    """
    try:
        fields = (proc / "stat").read_text().split("\n", 1)[0].split()
        ticks = [int(field) for field in fields[1:9]]
        user, nice, system, idle, iowait, irq, softirq, steal = ticks
    except (OSError, ValueError):
        return None
    second = os.sysconf("SC_CLK_TCK")
    busy = user + nice + system + irq + softirq + steal
    return CpuTimes((busy + idle + iowait) / second, busy / second, steal / second)


def load_1m() -> float | None:
    """Return the mean length of the run queue over a minute, or None if the system does not tell."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def _some(path: Path) -> float | None:
    try:
        for line in path.read_text().splitlines():
            if line.startswith("some "):
                return int(line.rpartition("total=")[2]) / 1e6
    except (OSError, ValueError):
        pass
    return None
