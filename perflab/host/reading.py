"""One look at the host and at this process; two of them give the shares in between.

In: `/proc` and psutil. Out: a `Reading` of raw values, and `Shares` between two readings; None for what is unreadable.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from perflab.host.children import descendants
from perflab.host.memory import baseline_rss
from perflab.host.pressure import Pressure, cpu_times, load_1m, pressure
from perflab.host.proc import read_small
from perflab.host.traffic import Traffic, disk_traffic, network_traffic

__all__ = ["NO_SHARES", "Reading", "Shares", "glance", "grown", "read", "shares"]

T = TypeVar("T")
PROC = Path("/proc")
_TICKS_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Reading:
    """Raw values at one moment. Times and traffic are totals that only grow; sizes are bytes; None was not readable."""

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
    disk_read_bytes: int | None = None
    disk_written_bytes: int | None = None
    net_received_bytes: int | None = None
    net_sent_bytes: int | None = None
    children: tuple[int, ...] = ()

    @property
    def resident_bytes(self) -> int | None:
        """Resident memory of the process and its children."""
        return None if self.rss_bytes is None else self.rss_bytes + (self.children_rss_bytes or 0)


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


NO_SHARES = Shares()
"""Nothing is known of an interval."""


def read(*, clock: Callable[[], float] = time.monotonic, proc: Path = PROC) -> Reading:
    """Return a reading of this process, its child processes and the host.

    Examples
    --------
    >>> read().rss_bytes > 0
    True
    """
    import psutil

    process = psutil.Process()
    children = descendants(proc=proc)
    waits: Pressure = pressure(proc)
    host = cpu_times(proc)
    disk, network = _disk(children, proc), network_traffic(proc=proc)
    return Reading(
        t_s=clock(),
        rss_bytes=baseline_rss(proc=proc),
        children_rss_bytes=None if children is None else _resident(children, proc),
        available_bytes=_try(lambda: int(psutil.virtual_memory().available)),
        host_cpu_s=None if host is None else host.total_s,
        host_busy_s=None if host is None else host.busy_s,
        steal_s=None if host is None else host.steal_s,
        process_cpu_s=None if children is None else _own_cpu_s() + sum(_cpu_s(child, proc) for child in children),
        psi_cpu_s=waits.cpu_s,
        psi_memory_s=waits.memory_s,
        psi_io_s=waits.io_s,
        load_1m=load_1m(),
        threads=_try(process.num_threads),
        open_files=_try(process.num_fds),
        disk_read_bytes=None if disk is None else disk.into,
        disk_written_bytes=None if disk is None else disk.out,
        net_received_bytes=None if network is None else network.into,
        net_sent_bytes=None if network is None else network.out,
        children=tuple(children or ()),
    )


def glance(children: tuple[int, ...], *, clock: Callable[[], float] = time.monotonic, proc: Path = PROC) -> Reading:
    """Return a reading of memory alone, of this process and of children that are known, in some 10 microseconds each.

    Examples
    --------
    >>> glance(()).rss_bytes > 0, glance(()).host_cpu_s is None
    (True, True)
    """
    return Reading(
        t_s=clock(),
        rss_bytes=baseline_rss(proc=proc),
        children_rss_bytes=_resident(children, proc),
        children=children,
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
        return NO_SHARES

    def of(part: str, whole: str) -> float | None:
        return _ratio(grown(before, after, part), grown(before, after, whole))

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


def grown(before: Reading | None, after: Reading, field: str) -> float | None:
    """Return by how much a total grew; None if it went back, or either was not readable.

    Examples
    --------
    >>> grown(Reading(0.0, net_sent_bytes=5), Reading(1.0, net_sent_bytes=7), "net_sent_bytes")
    2
    """
    old, new = getattr(before, field, None), getattr(after, field)
    return new - old if old is not None and new is not None and new >= old else None


def _ratio(part: float | None, whole: float | None) -> float | None:
    # The counters tick at different grains, so a fully busy interval may come out a little above 1.
    return min(1.0, part / whole) if part is not None and whole else None


def _own_cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _cpu_s(pid: int, proc: Path) -> float:
    """Return the CPU time of a process with that of its ended children; 0 if it has ended or is another user's.

    When a process is waited for, its time moves to its parent and none is lost.
    """
    content = read_small(f"{proc}/{pid}/stat") or b""
    # The name, in brackets, may hold anything.
    return sum(map(int, content.rpartition(b")")[2].split()[11:15])) / _TICKS_S


def _resident(children: Iterable[int], proc: Path) -> int:
    return sum(baseline_rss(child, proc=proc) or 0 for child in children)


def _disk(children: list[int] | None, proc: Path) -> Traffic | None:
    own = disk_traffic(proc=proc)
    if own is None:
        return None
    known = [own, *filter(None, (disk_traffic(child, proc=proc) for child in children or ()))]
    return Traffic(sum(one.into for one in known), sum(one.out for one in known))


def _try(ask: Callable[[], T]) -> T | None:
    import psutil

    try:
        return ask()
    except (psutil.Error, OSError, ValueError):
        return None
