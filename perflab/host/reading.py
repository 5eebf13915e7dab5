"""One look at the host and at this process; two of them give the shares in between.

In: `/proc` and psutil. Out: a `Reading` of raw values, and `Shares` between two readings; None for what is unreadable.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from perflab.host.memory import baseline_rss
from perflab.host.pressure import Pressure, cpu_times, load_1m, pressure

if TYPE_CHECKING:
    import psutil

__all__ = ["Reading", "Shares", "read", "shares"]

T = TypeVar("T")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Reading:
    """Raw values at one moment. Times are totals that only grow; sizes are bytes; None was not readable."""

    t_s: float
    rss_bytes: int | None = None
    children_rss_bytes: int | None = None
    available_bytes: int | None = None
    host_cpu_s: float | None = None
    host_busy_s: float | None = None
    steal_s: float | None = None
    process_cpu_s: float | None = None
    psi_cpu_s: float | None = None
    psi_memory_s: float | None = None
    psi_io_s: float | None = None
    load_1m: float | None = None
    threads: int | None = None
    open_files: int | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of the interval between two readings, as ratios; CPU shares are of all cores of the host."""

    cpu_ratio: float | None = None
    process_cpu_ratio: float | None = None
    others_cpu_ratio: float | None = None
    steal_ratio: float | None = None
    cpu_pressure_ratio: float | None = None
    memory_pressure_ratio: float | None = None
    io_pressure_ratio: float | None = None


def read(*, clock: Callable[[], float] = time.monotonic, proc: Path = PROC) -> Reading:
    """Return a reading of this process, its child processes and the host.

    Examples
    --------
    >>> read().rss_bytes > 0
    True
    """
    import psutil

    process = psutil.Process()
    children = _try(lambda: process.children(recursive=True))
    waits: Pressure = pressure(proc)
    host = cpu_times(proc)
    return Reading(
        t_s=clock(),
        rss_bytes=baseline_rss(proc=proc),
        children_rss_bytes=None if children is None else _sum(children, lambda child: child.memory_info().rss),
        available_bytes=_try(lambda: int(psutil.virtual_memory().available)),
        host_cpu_s=None if host is None else host.total_s,
        host_busy_s=None if host is None else host.busy_s,
        steal_s=None if host is None else host.steal_s,
        process_cpu_s=None if children is None else _own_cpu_s() + _sum(children, _cpu_s),
        psi_cpu_s=waits.cpu_s,
        psi_memory_s=waits.memory_s,
        psi_io_s=waits.io_s,
        load_1m=load_1m(),
        threads=_try(process.num_threads),
        open_files=_try(process.num_fds),
    )


def shares(before: Reading | None, after: Reading) -> Shares:
    """Return the shares of the interval from `before` to `after`; all None without a reading before.

    A total that went back, as when the host's counters were reset, gives None and not a negative share.

    Examples
    --------
    >>> shares(Reading(0.0, psi_cpu_s=1.0), Reading(2.0, psi_cpu_s=1.5)).cpu_pressure_ratio
    0.25
    >>> shares(None, Reading(2.0, psi_cpu_s=1.5)).cpu_pressure_ratio is None
    True
    """
    if before is None:
        return Shares()

    def of(part: str, whole: str) -> float | None:
        return _ratio(_grown(before, after, part), _grown(before, after, whole))

    busy, own = of("host_busy_s", "host_cpu_s"), of("process_cpu_s", "host_cpu_s")
    return Shares(
        cpu_ratio=busy,
        process_cpu_ratio=own,
        others_cpu_ratio=None if busy is None or own is None else max(0.0, busy - own),
        steal_ratio=of("steal_s", "host_cpu_s"),
        cpu_pressure_ratio=of("psi_cpu_s", "t_s"),
        memory_pressure_ratio=of("psi_memory_s", "t_s"),
        io_pressure_ratio=of("psi_io_s", "t_s"),
    )


def _grown(before: Reading, after: Reading, field: str) -> float | None:
    old, new = getattr(before, field), getattr(after, field)
    return new - old if old is not None and new is not None and new >= old else None


def _ratio(part: float | None, whole: float | None) -> float | None:
    # The counters tick at different grains, so a fully busy interval may come out a little above 1.
    return min(1.0, part / whole) if part is not None and whole else None


def _own_cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _cpu_s(process: psutil.Process) -> float:
    # With its ended children: when a process is waited for, its time moves to its parent and none is lost.
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def _sum(processes: list[Any], value: Callable[[Any], T]) -> T:
    """Add up a value over processes; one that ended meanwhile, or is another user's, counts nothing."""
    total: Any = 0
    for process in processes:
        total += _try(lambda process=process: value(process)) or 0  # type: ignore[misc]
    result: T = total
    return result


def _try(ask: Callable[[], T]) -> T | None:
    import psutil

    try:
        return ask()
    except (psutil.Error, OSError, ValueError):
        return None
