"""Watch the host from a background thread.

In: readings of the host, one every interval. Out: rows of the `resources` frame; warnings when a threshold is crossed.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Protocol, Self

from perflab.config import ResourceMonitoring
from perflab.host.limits import memory_limit
from perflab.host.memory import baseline_rss
from perflab.host.reading import Reading, Shares, read, shares

__all__ = ["REARM_RATIO", "Edge", "Monitor"]

REARM_RATIO = 0.9
"""A warning is armed again when the value has fallen below this share of its threshold."""


class _Recorder(Protocol):
    def add(self, frame: str, **values: object) -> None: ...


class _Events(Protocol):
    def emit(self, name: str, **payload: object) -> None: ...


class Edge:
    """Tells when a value rises past a threshold; once, until it has fallen clearly below.

    Examples
    --------
    >>> edge = Edge(100)
    >>> [edge.rises(value) for value in (99, 101, 150, 95, 101, 89, 101)]
    [False, True, False, False, False, False, True]
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._armed = True

    def rises(self, value: float | None) -> bool:
        """Take the next value; a missing one changes nothing."""
        if value is None:
            return False
        if value > self.threshold:
            rose, self._armed = self._armed, False
            return rose
        self._armed = self._armed or value < self.threshold * REARM_RATIO
        return False


class Monitor:
    """Samples memory, CPU and pressure.

    Each sample is a row of `resources`. CPU and pressure shares are of the time since the sample before, so in the
    first sample they are missing, as is every value that the system does not tell. A process forked from this one
    does not sample: it makes its own monitor.

    Parameters
    ----------
    recorder, events
        Where rows and warnings go. `memory_warning` and `cpu_warning` carry `usage`, `threshold` (bytes, or ratios
        of all cores) and `share` (usage by threshold).
    settings
        Interval and thresholds; memory is judged as growth above the baseline, children included.
    baseline_bytes
        Resident memory to measure growth from; by default that of now.
    clock, reader, cpu_clock
        Seconds for a reading's time, the reading itself, and the CPU seconds of the sampling thread.

    Examples
    --------
    >>> from perflab.events import Events
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> with Monitor(recorder, Events(), ResourceMonitoring(interval_s=60)) as monitor:
    ...     _ = monitor.sample()
    >>> bool((recorder.frames.resources["rss_bytes"] > 0).all())
    True
    """

    def __init__(
        self,
        recorder: _Recorder,
        events: _Events,
        settings: ResourceMonitoring,
        baseline_bytes: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        reader: Callable[..., Reading] = read,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self.baseline_bytes = baseline_rss() if baseline_bytes is None else baseline_bytes
        self._recorder, self._events, self._settings = recorder, events, settings
        self._clock, self._reader, self._cpu_clock = clock, reader, cpu_clock
        self._limit_bytes = memory_limit()
        self._memory = Edge(settings.memory_threshold_bytes)
        self._cpu = Edge(settings.cpu_threshold_ratio)
        self._last: Reading | None = None
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._measuring = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to sample in the background, unless the settings say not to, or it has begun."""
        with self._lock:
            if not self._settings.enabled or self._thread is not None or os.getpid() != self._pid:
                return
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="perflab-monitor", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the background thread and wait for it; without one, do nothing."""
        with self._lock:
            thread, self._thread = self._thread, None
        self._stopping.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def sample(self) -> Reading | None:
        """Take one sample now: record its row and emit what it warns of. Returns None in a forked process."""
        if os.getpid() != self._pid:
            return None
        with self._measuring:
            reading, share, growth = self._record_sample()
        # Listeners are called without the lock: they may look at frames, which takes it.
        self._warn("memory_warning", self._memory, growth)
        self._warn("cpu_warning", self._cpu, share.cpu_ratio)
        return reading

    def _record_sample(self) -> tuple[Reading, Shares, int | None]:
        started_s = self._cpu_clock()
        reading = self._reader(clock=self._clock)
        before, self._last = self._last, reading
        share = shares(before, reading)
        growth = self._growth(reading)
        self._recorder.add("resources", **self._row(reading, share, growth), cost_s=self._cpu_clock() - started_s)
        return reading, share, growth

    def load(self, *modules: str) -> None:
        """Import modules that perflab needs to look at what it recorded; their memory joins the baseline.

        Without it a look at the frames would be taken for growth of the program.
        """
        for module in modules:
            if module not in sys.modules:
                with self._measuring:
                    self._import(module)

    def _import(self, module: str) -> None:
        before = baseline_rss()
        importlib.import_module(module)
        after = baseline_rss()
        if before is not None and after is not None and self.baseline_bytes is not None:
            self.baseline_bytes += max(0, after - before)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _growth(self, reading: Reading) -> int | None:
        if reading.rss_bytes is None or self.baseline_bytes is None:
            return None
        return reading.rss_bytes + (reading.children_rss_bytes or 0) - self.baseline_bytes

    def _row(self, reading: Reading, share: Shares, growth: int | None) -> dict[str, object]:
        return {
            "rss_bytes": reading.rss_bytes,
            "baseline_bytes": self.baseline_bytes,
            "growth_bytes": growth,
            "children_rss_bytes": reading.children_rss_bytes,
            "limit_bytes": self._limit_bytes,
            "available_bytes": reading.available_bytes,
            "cpu_ratio": share.cpu_ratio,
            "process_cpu_ratio": share.process_cpu_ratio,
            "load_1m": reading.load_1m,
            "cpu_pressure_ratio": share.cpu_pressure_ratio,
            "memory_pressure_ratio": share.memory_pressure_ratio,
            "io_pressure_ratio": share.io_pressure_ratio,
            "threads": reading.threads,
            "open_files": reading.open_files,
        }

    def _warn(self, name: str, edge: Edge, usage: float | None) -> None:
        if edge.rises(usage) and usage is not None:
            self._events.emit(name, usage=usage, threshold=edge.threshold, share=usage / edge.threshold)

    def _run(self) -> None:
        warned = False
        while True:
            try:
                self.sample()
            except Exception as error:
                # The thread outlives a failing sample, and says so once: later ones may work again.
                if not warned:
                    warned = True
                    warnings.warn(
                        f"A resource sample failed: {error!r}; sampling goes on.", RuntimeWarning, stacklevel=1
                    )
            if self._stopping.wait(self._settings.interval_s):
                return
