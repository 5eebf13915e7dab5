"""One sample of the monitor: a reading, what it says since the one before, and how full memory is.

In: readings and bounds. Out: `Sample`, and its row of the `resources` frame.
"""

from __future__ import annotations

from dataclasses import dataclass

from perflab.host.garbage import Collections
from perflab.host.headroom import Use
from perflab.host.reading import NO_SHARES, Reading, Shares, grown

__all__ = ["Sample"]

_TRAFFIC = ("disk_read_bytes", "disk_written_bytes", "net_received_bytes", "net_sent_bytes")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the monitor knows at one moment; None was not measured.

    Attributes
    ----------
    reading
        Raw values; of a glance those of memory alone.
    shares
        Ratios of the time since the sample before.
    growth_bytes
        Resident memory above the baseline, children included.
    use
        The bound on memory that is nearest to being full.
    garbage
        Collections since the sample before, and their seconds.
    before
        The reading before, which traffic is counted from.
    """

    reading: Reading
    shares: Shares = NO_SHARES
    growth_bytes: int | None = None
    use: Use | None = None
    garbage: Collections | None = None
    before: Reading | None = None

    @property
    def memory_ratio(self) -> float | None:
        """How full the fullest bound is."""
        return None if self.use is None else self.use.ratio

    def memory(self) -> dict[str, object]:
        """Return the columns of `resources` that a glance has, but for those that are the monitor's."""
        use = self.use
        return {
            "rss_bytes": self.reading.rss_bytes,
            "growth_bytes": self.growth_bytes,
            "children_rss_bytes": self.reading.children_rss_bytes,
            "memory_ratio": None if use is None else use.ratio,
            "memory_bound": None if use is None else use.of,
        }

    def row(self) -> dict[str, object]:
        """Return all columns, but for those that are the monitor's."""
        reading, shares = self.reading, self.shares
        return {
            **self.memory(),
            "available_bytes": reading.available_bytes,
            "cpu_ratio": shares.cpu_ratio,
            "process_cpu_ratio": shares.process_cpu_ratio,
            "load_1m": reading.load_1m,
            "cpu_pressure_ratio": shares.cpu_pressure_ratio,
            "memory_pressure_ratio": shares.memory_pressure_ratio,
            "io_pressure_ratio": shares.io_pressure_ratio,
            "threads": reading.threads,
            "open_files": reading.open_files,
            **{name: grown(self.before, reading, name) for name in _TRAFFIC},
            "gc_collections": None if self.garbage is None else self.garbage.count,
            "gc_pause_s": None if self.garbage is None else self.garbage.pause_s,
        }
