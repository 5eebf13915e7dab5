"""What is seen of a system at work: its trace, metrics, targets, counts, plots and reports.

In: the system. Out: numbers and pictures, all computed from its frames.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Unpack

from perflab.cache import TieredCache
from perflab.config import Config
from perflab.host import Monitor
from perflab.record import Recorder
from perflab.record.where import Filters
from perflab.system.run import Run
from perflab.system.traces import with_setting

if TYPE_CHECKING:
    import pandas as pd

    from perflab.present import Picture
    from perflab.system.serving import MetricsServer
    from perflab.trace import Trace

__all__ = ["Observation"]


class Observed(Protocol):
    """What of a system is looked at."""

    config: Config
    cache: TieredCache
    _recorder: Recorder
    _monitor: Monitor
    _info: Mapping[str, Any]
    _started: float

    @property
    def is_closed(self) -> bool: ...

    def _refuse_closed(self) -> None: ...


class Observation:
    """The part of a `PerformanceSystem` that shows it; its methods are that one's."""

    def __init__(self, system: Observed) -> None:
        self._system = system
        self._servers: list[MetricsServer] = []

    def trace(self, **filters: Unpack[Filters]) -> Trace:
        """Return the program's reads so far as a trace, for `perflab.whatif`; see `Frames.trace` for the filters.

        Examples
        --------
        >>> import perflab
        >>> with perflab.PerformanceSystem() as system:
        ...     for key in (1, 2, 1):
        ...         _ = system.cache.get_or_load(key, lambda: "text")
        ...     system.trace()
        <Trace of 3 accesses to 2 keys with nbytes, times, costs, from this system>
        """
        return with_setting(self._system._recorder.frames.trace("this system", **filters), self._system.config)

    def run(self) -> Run:
        """Return the system's run so far."""
        system = self._system
        system._monitor.load("scipy.stats")
        facts = {**system._info, "run_id": system._recorder.run_id, "status": "running"}
        return Run(facts, system._recorder.frames)

    def metrics(self) -> pd.DataFrame:
        """Return every metric of the run so far; see `Run.metrics`."""
        return self.run().metrics()

    def targets(self) -> pd.DataFrame:
        """Return the verdicts on the run so far; see `Run.targets`."""
        return self.run().targets()

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write a report of the run so far; see `Run.report`."""
        self._system._monitor.load("matplotlib.figure", "jinja2")
        return self.run().report(path)

    def plot(self, name: str = "targets") -> Picture:
        """Return a plot of the run so far; see `Run.plot`."""
        self._system._monitor.load("matplotlib.figure")
        return self.run().plot(name)

    def statistics(self) -> dict[str, Any]:
        """Return counts and sizes of the session, cache, resources and optimizations, counted over the frames.

        `tiers` is None once the system is closed: nothing is held any more.
        """
        from perflab.system.statistics import statistics

        recorder = self._system._recorder
        return {
            "session": {"run_id": recorder.run_id, "uptime_s": time.monotonic() - self._system._started},
            "rows_dropped": recorder.rows_dropped,
            "sample_ratio": recorder.sample_ratio,
            **statistics(recorder.frames),
            "tiers": None if self._system.is_closed else self._system.cache.stats(),
        }

    def recommendations(self) -> pd.DataFrame:
        """Return what to do next, at once, soon and in the long run, each with the recorded rows that it rests on.

        Returns
        -------
        pandas.DataFrame
            `horizon`, `priority`, `recommendation`, `because`, `frame`, `filter`, `rows`; see `analyze.next_steps`.
            `system.frames.accesses.query(filter)` gives the rows of a recommendation on accesses.

        Examples
        --------
        >>> import perflab
        >>> with perflab.PerformanceSystem(perflab.Config(resource_monitoring={"enabled": False})) as system:
        ...     system.recommendations().empty
        True
        """
        from perflab.analyze.next_steps import next_steps

        targets = self._system.config.cache_targets
        frames = dict(self._system._recorder.frames)
        return next_steps(frames, hit_rate=targets.hit_rate, limit_bytes=targets.max_memory_bytes)

    def metrics_history(self, every: str = "10s") -> pd.DataFrame:
        """Return hit rate, accesses, operations, memory growth and CPU in windows of a pandas frequency."""
        from perflab.analyze.history import history

        frames = self._system._recorder.frames
        return history(frames.accesses, frames.operations, frames.resources, every)

    def serve_metrics(self, port: int = 0, host: str = "127.0.0.1") -> MetricsServer:
        """Serve what is measured to Prometheus until the system is closed; see `MetricsServer`.

        Examples
        --------
        >>> import perflab
        >>> with perflab.PerformanceSystem() as system:
        ...     system.serve_metrics().url.startswith("http://127.0.0.1:")
        True
        """
        from perflab.system.serving import MetricsServer, Snapshots

        self._system._refuse_closed()
        server = MetricsServer(Snapshots(self.run), port, host)
        self._servers.append(server)
        return server

    def close(self) -> None:
        """End what serves metrics."""
        for server in self._servers:
            server.close()
