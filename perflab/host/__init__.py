"""The machine underneath: what it is, what it allows, and how busy it is.

In: the operating system's files. Out: facts, limits, readings, and rows of the `resources` frame.
"""

from __future__ import annotations

from perflab.host.allocator import share_one_arena
from perflab.host.facts import facts
from perflab.host.headroom import Headroom, Use
from perflab.host.limits import memory_bounds, memory_limit, usable_cores
from perflab.host.memory import Footprint, baseline_rss, footprint, peak_rss, reset_peak
from perflab.host.monitor import Monitor
from perflab.host.pressure import CpuTimes, Pressure, cpu_times, load_1m, pressure
from perflab.host.reading import Reading, Shares, read, shares
from perflab.host.sample import Sample

__all__ = [
    "CpuTimes",
    "Footprint",
    "Headroom",
    "Monitor",
    "Pressure",
    "Reading",
    "Sample",
    "Shares",
    "Use",
    "baseline_rss",
    "cpu_times",
    "facts",
    "footprint",
    "load_1m",
    "memory_bounds",
    "memory_limit",
    "peak_rss",
    "pressure",
    "read",
    "reset_peak",
    "share_one_arena",
    "shares",
    "usable_cores",
]
