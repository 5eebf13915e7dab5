"""Watch the host from a background thread.

In: readings of the host, one every interval, and glances at memory when that gets full. Out: rows of the `resources`
frame; warnings when a threshold is crossed; samples for whoever asked.
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

from perflab import forked
from perflab.config import ResourceMonitoring
from perflab.host.children import descendants
from perflab.host.edge import Edge
from perflab.host.garbage import Collections, Collector
from perflab.host.headroom import GROWTH, Headroom, Use
from perflab.host.memory import Footprint, baseline_rss, footprint
from perflab.host.reading import Reading, glance, read, shares
from perflab.host.sample import Sample
from perflab.host.shared import SharedPages

__all__ = ["COST_RATIO", "QUICK_RATIO", "QUICK_S", "Monitor"]

QUICK_RATIO = 0.7
"""From this share of the fullest bound on memory on it is looked at every `QUICK_S` seconds."""
QUICK_S = 0.1
COST_RATIO = 0.004
"""CPU time that sampling may take, by wall time: what costs more is done less often.

With what it costs to wake up, half a percent is kept."""
CREDIT_S = 2.0
"""Wall time whose share of CPU may be spent ahead, so that one dear sample delays nothing."""

Watcher = Callable[[Sample], object]


class _Recorder(Protocol):
    def add(self, frame: str, **values: object) -> None: ...


class _Events(Protocol):
    def emit(self, name: str, **payload: object) -> None: ...


class Monitor:
    """Samples memory, CPU, pressure, traffic and garbage collection of this process, its children and the host.

    Each sample is a row of `resources`. Shares, traffic and collections are of the time since the sample before, so in
    the first sample they are missing, as is every value that the system does not tell. When memory gets full, glances
    come between the samples: rows with memory alone. A process forked from this one does not sample: it makes its own
    monitor.

    Parameters
    ----------
    recorder, events
        Where rows and warnings go. `memory_warning` and `cpu_warning` carry `usage`, `threshold` (bytes, or ratios
        of all cores), `share` (usage by threshold), and for memory the bound that it is `of`: `growth`, or a hard limit
        of which `limit_threshold_ratio` is used.
    settings
        Interval and thresholds; memory is judged as growth above the baseline, children included, and as use of the
        hard limits.
    baseline_bytes
        Resident memory to measure growth from; by default that of now.
    headroom
        How full memory is; by default the hard limits alone bound it.
    clock, reader, glancer, cpu_clock
        Seconds for a reading's time, the reading itself, that of memory alone, and the CPU seconds of the sampling
        thread.

    Attributes
    ----------
    last : Sample or None
        The newest sample that was no glance.

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
        headroom: Headroom | None = None,
        clock: Callable[[], float] = time.monotonic,
        reader: Callable[..., Reading] = read,
        glancer: Callable[..., Reading] = glance,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self.baseline_bytes = baseline_rss() if baseline_bytes is None else baseline_bytes
        self.last: Sample | None = None
        self._recorder, self._events, self._settings = recorder, events, settings
        self._clock, self._reader, self._glancer, self._cpu_clock = clock, reader, glancer, cpu_clock
        self._headroom = headroom or Headroom()
        self._shared = SharedPages(clock=clock)
        self._collector, self._collected = Collector(), Collections()
        self._warn_by(settings)
        self._watchers: tuple[Watcher, ...] = ()
        self._pid = os.getpid()
        self._due_s = clock()
        self._paid_s = clock() - CREDIT_S
        self._full_up = False
        self._thread: threading.Thread | None = None
        self._make_locks()
        forked.watch(self)

    def start(self) -> None:
        """Begin to sample in the background, unless the settings say not to, or it has begun."""
        with self._lock:
            if not self._settings.enabled or self._thread is not None or os.getpid() != self._pid:
                return
            self._collector.start()
            self._stopping.clear()
            self._due_s = self._clock()
            self._thread = threading.Thread(target=self._run, name="perflab-monitor", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the background thread and wait for it; without one, do nothing."""
        with self._lock:
            thread, self._thread = self._thread, None
        self._collector.stop()
        self._stopping.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher` with each sample from now on, in the thread that took it; it must be quick."""
        self._watchers = (*self._watchers, watcher)

    def use(self, settings: ResourceMonitoring, headroom: Headroom) -> None:
        """Go by other settings and bounds from now on; every warning may come again."""
        self.stop()
        self._settings, self._headroom = settings, headroom
        self._warn_by(settings)
        self.start()

    def footprint(self) -> Footprint | None:
        """Return what this process and its children hold, shared pages told apart; it takes milliseconds.

        Resident bytes count what they share once for each, proportional ones once. None where it cannot be read.
        """
        own = footprint()
        found = [footprint(child) for child in descendants() or ()]
        return None if own is None else sum(filter(None, found), own)

    def sample(self) -> Reading | None:
        """Take one sample now: record its row and emit what it warns of. Returns None in a forked process."""
        return self._take(self._full, Sample.row)

    def glance(self) -> Reading | None:
        """Look at memory alone: record its row and emit what it warns of. Returns None in a forked process."""
        return self._take(self._quick, Sample.memory)

    def load(self, *modules: str) -> None:
        """Import modules that perflab needs to look at what it recorded; their memory joins the baseline.

        Without it a look at the frames would be taken for growth of the program.
        """
        for module in modules:
            if module not in sys.modules:
                with self._measuring:
                    self._import(module)

    def after_fork(self) -> None:
        """Stay still in a forked child, whose memory and recorder are not those that this one watches."""
        self._collector.stop()
        self._thread = None
        self._make_locks()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _warn_by(self, settings: ResourceMonitoring) -> None:
        self._memory = Edge(settings.memory_threshold_bytes)
        self._limit = Edge(settings.limit_threshold_ratio)
        self._cpu = Edge(settings.cpu_threshold_ratio)

    def _make_locks(self) -> None:
        self._lock, self._measuring = threading.Lock(), threading.Lock()
        self._stopping = threading.Event()

    def _take(self, look: Callable[[], Sample], columns: Callable[[Sample], dict[str, object]]) -> Reading | None:
        if os.getpid() != self._pid:
            return None
        with self._measuring:
            started_s = self._cpu_clock()
            sample = look()
            row = {**columns(sample), "baseline_bytes": self.baseline_bytes, "limit_bytes": self._headroom.limit_bytes}
            self._recorder.add("resources", **row, cost_s=self._cpu_clock() - started_s)
        self._full_up = (sample.memory_ratio or 0.0) >= QUICK_RATIO
        # Listeners are called without the lock: they may look at frames, which takes it.
        self._warn_of(sample)
        for watcher in self._watchers:
            watcher(sample)
        self._pay(self._cpu_clock() - started_s)
        return sample.reading

    def _full(self) -> Sample:
        reading = self._reader(clock=self._clock)
        before = None if self.last is None else self.last.reading
        growth, use = self._fill(reading, self._shared.of(reading.children))
        self.last = Sample(reading, shares(before, reading), growth, use, self._garbage(), before)
        return self.last

    def _quick(self) -> Sample:
        known = () if self.last is None else self.last.reading.children
        reading = self._glancer(known, clock=self._clock)
        growth, use = self._fill(reading, self._shared.of(known, known=True))
        return Sample(reading, growth_bytes=growth, use=use)

    def _garbage(self) -> Collections | None:
        before, self._collected = self._collected, self._collector.seen
        if self.last is None:
            return None
        return Collections(self._collected.count - before.count, self._collected.pause_s - before.pause_s)

    def _import(self, module: str) -> None:
        before = baseline_rss()
        importlib.import_module(module)
        after = baseline_rss()
        if before is not None and after is not None and self.baseline_bytes is not None:
            self.baseline_bytes += max(0, after - before)

    def _fill(self, reading: Reading, shared_bytes: int) -> tuple[int | None, Use | None]:
        """Return growth above the baseline, and the fullest bound; what children share is counted once."""
        resident = None if reading.resident_bytes is None else reading.resident_bytes - shared_bytes
        growth = None if resident is None or self.baseline_bytes is None else resident - self.baseline_bytes
        return growth, self._headroom.fullest(growth, resident)

    def _warn_of(self, sample: Sample) -> None:
        growth, use, cpu = sample.growth_bytes, sample.use, sample.shares.cpu_ratio
        if self._memory.rises(growth):
            self._warn("memory_warning", growth, self._memory.threshold, of=GROWTH)
        if use is not None and use.of != GROWTH and self._limit.rises(use.ratio):
            self._warn("memory_warning", use.used_bytes, round(self._limit.threshold * use.limit_bytes), of=use.of)
        if self._cpu.rises(cpu):
            self._warn("cpu_warning", cpu, self._cpu.threshold)

    def _warn(self, name: str, usage: float | None, threshold: float, **more: object) -> None:
        if usage is not None:
            self._events.emit(name, usage=usage, threshold=threshold, share=usage / threshold, **more)

    def _run(self) -> None:
        warned = False
        while not self._stopping.wait(self._pause_s()):
            try:
                self._look()
            except Exception as error:
                # The thread outlives a failing sample, and says so once: later ones may work again.
                if not warned:
                    warned = True
                    warnings.warn(
                        f"A resource sample failed: {error!r}; sampling goes on.", RuntimeWarning, stacklevel=1
                    )

    def _look(self) -> None:
        """Take a sample if one is due, else a glance."""
        if self._clock() < self._due_s:
            self.glance()
            return
        self._due_s = self._clock() + self._settings.interval_s  # also if it fails
        self.sample()

    def _pause_s(self) -> float:
        left_s = max(0.0, self._due_s - self._clock())
        return max(self._paid_s - self._clock(), min(left_s, QUICK_S) if self._full_up else left_s)

    def _pay(self, cost_s: float) -> None:
        """Take note of CPU time: it is paid for when so much wall time has passed that it is within its share."""
        self._paid_s = max(self._paid_s, self._clock() - CREDIT_S) + cost_s / COST_RATIO
