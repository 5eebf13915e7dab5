"""The system: caches, workers, monitor and optimizers around one recorder.

In: a config. Out: work done faster, every operation of it in a frame.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, Unpack

from perflab.cache import build_tiers, cached
from perflab.config import Config
from perflab.errors import PerflabError
from perflab.events import Events
from perflab.host import Monitor
from perflab.optimize import AutoOptimizer, OptimizationResult, Prefetcher, Relief, Signals, tune, warm
from perflab.record import Frames, Operation
from perflab.record.where import Filters
from perflab.system import remote
from perflab.system.apply import apply
from perflab.system.files import FileWork
from perflab.system.hotset import hot_set_path
from perflab.system.large_files import Files
from perflab.system.memory import load_frames, rest_workers
from perflab.system.recording import begin_recording
from perflab.system.run import Run, describe_run
from perflab.system.traces import with_setting

if TYPE_CHECKING:
    import pandas as pd

    from perflab.present import Picture
    from perflab.system.result import BenchmarkResult
    from perflab.system.serving import MetricsServer
    from perflab.trace import Trace

__all__ = ["PerformanceSystem"]

P = ParamSpec("P")
R = TypeVar("R")


def _of_files(
    method: Callable[Concatenate[Files, P], R],
) -> Callable[Concatenate[PerformanceSystem, P], R]:
    """Return the method of a system that a method of its files is, with the same docstring and types."""

    @functools.wraps(method)
    def forwarded(self: PerformanceSystem, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return method(self._files, *args, **kwargs)

    return forwarded


class PerformanceSystem:
    """Everything that perflab does, under one roof.

    Parameters
    ----------
    config
        Settings; by default the guide's.
    run_dir
        Folder in which the run is kept; by default rows stay in memory. They do too, with one warning, where the disk
        is full or cannot be written, now or later.
    label
        Name of the run for people.
    executor
        Where chunks are processed instead of in workers of its own: any `concurrent.futures.Executor`, such as
        `client.get_executor()` of a Dask client. It is not shut down.

    Raises
    ------
    RunError
        If the run folder holds a run already, is in use, or cannot be a folder.
    StoreError
        If the folder of the disk tier is not safe to use.

    Notes
    -----
    Use it as a context manager, or call `close`: after it no thread and no process is left.

    Examples
    --------
    >>> with PerformanceSystem() as system:
    ...     with system.operation("greeting"):
    ...         words = [system.cache.get_or_load("hello", lambda: "world") for _ in range(4)]
    ...     float(system.statistics()["cache"]["hit_rate"])
    0.75
    """

    digest_as = "system"

    def __init__(
        self,
        config: Config | None = None,
        *,
        run_dir: str | os.PathLike[str] | None = None,
        label: str | None = None,
        executor: Executor | None = None,
    ) -> None:
        self._config = config or Config()
        self._started = time.monotonic()
        self._info = describe_run(self.config, label)
        self._recorder = begin_recording(run_dir, self.config.record, self._info)
        self._events = Events(self._recorder.add)
        self._optimizing = threading.Lock()
        self._applying = threading.RLock()
        self._servers: list[MetricsServer] = []
        self._closed = False
        remote.enter(self._recorder, self)
        try:
            self._build(executor)
        except BaseException:
            self._recorder.close("failed")
            raise

    def _build(self, executor: Executor | None) -> None:
        config = self.config
        load_frames()
        self.cache = build_tiers(config, self._recorder)
        work = FileWork(config, self.cache, self._recorder, self._events, executor)
        self._workers = work.workers
        self._files = Files(config, work)
        self._monitor = Monitor(self._recorder, self._events, config.resource_monitoring)
        self._prefetcher = Prefetcher(self.cache)
        self._relief = Relief(self.cache)
        self._auto = AutoOptimizer(self.optimize, self._signals, config.optimization_schedule, config.thresholds)
        self._start()

    def apply(self, config: Config) -> tuple[str, ...]:
        """Go by another config from now on, and return the paths of the settings that changed.

        Sizes, policies and times to live change in the tiers at once, and what they hold stays as far as it fits;
        numbers of workers and sizes of chunks go for the next file. `config` is then what is in force.

        Raises
        ------
        ConfigError
            If a setting that differs can only be had by a new system, such as the folder of the disk tier; then nothing
            is changed.
        PerflabError
            If the system is closed.

        Examples
        --------
        >>> with PerformanceSystem() as system:
        ...     system.apply(system.config.replace(cache={"l1_policy": "sieve"})), system.config.cache.l1_policy
        (('cache.l1_policy',), 'sieve')
        """
        with self._applying:
            self._refuse_closed()
            changed = apply(self, self.config, config)
            self._config = config
            self._info = {**self._info, "config": config.model_dump(mode="json")}
            self._recorder.note(config=self._info["config"])
        if changed:
            self._events.emit("config_changed", changed=list(changed))
        return changed

    @property
    def config(self) -> Config:
        """The settings in force; setting it is `apply`."""
        return self._config

    @config.setter
    def config(self, config: Config) -> None:
        self.apply(config)

    def _prefetch(self, on: bool) -> None:
        (self._prefetcher.start if on else self._prefetcher.close)()

    def _watch_host(self, config: Config) -> None:
        self._monitor.stop()
        settings, baseline = config.resource_monitoring, self._monitor.baseline_bytes
        self._monitor = Monitor(self._recorder, self._events, settings, baseline)
        self._monitor.start()

    def _schedule(self, config: Config) -> None:
        self._auto.close()
        self._auto = AutoOptimizer(self.optimize, self._signals, config.optimization_schedule, config.thresholds)
        if config.enable_auto_optimization:
            self._auto.start()

    def _start(self) -> None:
        self._monitor.start()
        if self.config.cache_warming_enabled and self.config.cache.l3_dir is not None:
            self._keep_rows("startup", [warm(self.cache, self.config.cache_targets.max_memory_bytes).attempt()])
        if self.config.predictive_prefetching_enabled:
            self._prefetcher.start()
        if self.config.enable_auto_optimization:
            self._auto.start()

    def operation(self, name: str, key: object = None) -> Operation:
        """Return a context that records what runs inside it as one operation."""
        return Operation(name, key, self._recorder)

    def record_operation(
        self,
        name: str,
        duration_s: float,
        *,
        key: Hashable = None,
        cache_hit: bool | None = None,
        related_keys: Iterable[Hashable] = (),
    ) -> None:
        """Record an operation that the caller timed; `related_keys` are hints to the prefetcher."""
        related = tuple(related_keys)
        self._recorder.record_operation(name, duration_s, key=key, cache_hit=cache_hit, related_keys=related)
        if related and self.config.predictive_prefetching_enabled:
            self._prefetcher.announce(name if key is None else key, related)

    def cached(
        self,
        fn: Callable[..., Any] | None = None,
        *,
        ttl: float | None = None,
        key: Callable[..., object] | None = None,
        tier: str = "l3",
        cost: float | None = None,
    ) -> Any:
        """Return a function, an async one, or a method, whose results come from the cache; usable as a decorator.

        Its key is the function's code and its arguments. Callers of one missing key share one call: all threads, or all
        tasks of one event loop. `fn.explain(...)` tells why a call hits or misses. See `perflab.cache.cached`.
        """
        return cached(self.cache, fn, ttl=ttl, key=key, tier=tier, cost=cost)

    chunks = _of_files(Files.chunks)
    process_large_file = _of_files(Files.process_large_file)
    iterate_large_file = _of_files(Files.iterate_large_file)
    optimize_files = _of_files(Files.optimize_files)
    watch = _of_files(Files.watch)

    @property
    def frames(self) -> Frames:
        """Every recorded frame."""
        return self._recorder.frames

    def trace(self, **filters: Unpack[Filters]) -> Trace:
        """Return the program's reads so far as a trace, for `perflab.whatif`; see `Frames.trace` for the filters.

        Examples
        --------
        >>> with PerformanceSystem() as system:
        ...     for key in (1, 2, 1):
        ...         _ = system.cache.get_or_load(key, lambda: "text")
        ...     system.trace()
        <Trace of 3 accesses to 2 keys with nbytes, times, costs, from this system>
        """
        return with_setting(self.frames.trace("this system", **filters), self.config)

    @property
    def run(self) -> Run:
        """This system's run so far."""
        self._monitor.load("scipy.stats")
        facts = {**self._info, "run_id": self._recorder.run_id, "status": "running"}
        return Run(facts, self._recorder.frames)

    def metrics(self) -> pd.DataFrame:
        """Return every metric of the run so far; see `Run.metrics`."""
        return self.run.metrics()

    def targets(self) -> pd.DataFrame:
        """Return the verdicts on the run so far; see `Run.targets`."""
        return self.run.targets()

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write a report of the run so far; see `Run.report`."""
        self._monitor.load("matplotlib.figure", "jinja2")
        return self.run.report(path)

    def plot(self, name: str = "targets") -> Picture:
        """Return a plot of the run so far; see `Run.plot`."""
        self._monitor.load("matplotlib.figure")
        return self.run.plot(name)

    def statistics(self) -> dict[str, Any]:
        """Return counts and sizes of the session, cache, resources and optimizations, counted over the frames."""
        from perflab.system.statistics import statistics

        return {
            "session": {"run_id": self._recorder.run_id, "uptime_s": time.monotonic() - self._started},
            "rows_dropped": self._recorder.rows_dropped,
            **statistics(self.frames),
            "tiers": self.cache.stats(),
        }

    def metrics_history(self, every: str = "10s") -> pd.DataFrame:
        """Return hit rate, accesses, operations, memory growth and CPU in windows of a pandas frequency."""
        from perflab.analyze.history import history

        return history(self.frames.accesses, self.frames.operations, self.frames.resources, every)

    def optimize(self, trigger: str = "manual") -> OptimizationResult:
        """Try to do better now: relieve memory if that is why, and find a better size for l1 from the recorded trace.

        Every step is measured, kept only if it helped, and a row of `frames.optimizations`.

        Raises
        ------
        PerflabError
            If an optimization is running already, or the system is closed.
        """
        self._refuse_closed()
        if not self._optimizing.acquire(blocking=False):
            raise PerflabError("An optimization is running already; wait for its event optimization_complete.")
        try:
            started, clock = dt.datetime.now(dt.UTC), time.perf_counter()
            rows = self._relieve() if trigger == "memory_pressure" else [self._tune(), self._prefetcher.attempt()]
            result = OptimizationResult(trigger, tuple(rows), started, time.perf_counter() - clock)
            result.record(self._recorder)
        finally:
            self._optimizing.release()
        self._events.emit("optimization_complete", trigger=trigger, kept=result.kept, tried=len(result.rows))
        return result

    def benchmark(
        self, workload: str | Callable[[], Any], optimized: Callable[[], Any] | None = None, **options: Any
    ) -> BenchmarkResult:
        """Measure a workload or two functions with this system's config; see `perflab.benchmark` for the options.

        It has a run of its own. Listeners of `benchmark_complete` are told.
        """
        from perflab.system.measure import benchmark

        result = benchmark(workload, optimized, config=self.config, **options)
        run_id = result.run.info["run_id"]
        self._events.emit("benchmark_complete", workload=result.run.info["label"], run_id=run_id)
        return result

    def serve_metrics(self, port: int = 0, host: str = "127.0.0.1") -> MetricsServer:
        """Serve what is measured to Prometheus until the system is closed; see `MetricsServer`.

        Examples
        --------
        >>> with PerformanceSystem() as system:
        ...     system.serve_metrics().url.startswith("http://127.0.0.1:")
        True
        """
        from perflab.system.serving import MetricsServer, Snapshots

        self._refuse_closed()
        server = MetricsServer(Snapshots(lambda: self.run), port, host)
        self._servers.append(server)
        return server

    def clear_caches(self, tier: str = "all") -> int:
        """Remove everything from `l1`, `l2`, `l3` or `all` and return the number of entries."""
        return self.cache.clear(tier)

    def snapshot(self, path: str | os.PathLike[str] | None = None, *, limit_bytes: float = math.inf) -> Path:
        """Write the hot set to a file, by default in the run folder, and return its path; see `TieredCache.snapshot`.

        Raises
        ------
        ConfigError
            If no path is given and there is no run folder.
        StoreError
            If the file cannot be written.
        """
        target = hot_set_path(path, self._recorder.run_dir)
        self.cache.snapshot(target, limit_bytes=limit_bytes)
        return target

    def restore(self, path: str | os.PathLike[str], *, limit_bytes: int | None = None) -> int:
        """Take a hot set, from a file or a run folder, into free memory; return how many entries.

        What it brought is a row of `frames.optimizations`. See `TieredCache.restore`.

        Raises
        ------
        StoreError
            If the file is no snapshot, or is damaged; nothing is changed.
        """
        limit = self.config.cache_targets.max_memory_bytes if limit_bytes is None else limit_bytes
        warmed = warm(self.cache, limit, snapshot=hot_set_path(path, None))
        self._keep_rows("manual", [warmed.attempt()])
        return warmed.keys

    def on(self, event: str, listener: Callable[[Mapping[str, Any]], object]) -> Callable[[], None]:
        """Call `listener` with the payload of each such event; return what ends that. See `perflab.events.EVENTS`."""
        return self._events.on(event, listener)

    def close(self, status: str = "finished") -> None:
        """End every thread and process and finish the run folder; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        for server in self._servers:
            server.close()
        self._auto.close()
        self._prefetcher.close()
        self._monitor.stop()
        self._workers.close(cancel=status == "cancelled")
        self.cache.close()
        self._recorder.close(status)

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.close("cancelled" if issubclass(kind, KeyboardInterrupt) else "failed")

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to a worker inside a closure, where a `WorkerSystem` stands for this; what it records comes here."""
        return remote.arrive, (self._recorder,)

    def __repr__(self) -> str:
        return f"<PerformanceSystem {self._recorder.run_id}{' closed' if self._closed else ''} {self.frames!r}>"

    def _repr_html_(self) -> str:
        from perflab.system.shown import system_html

        return system_html(self)

    def _relieve(self) -> list[dict[str, Any]]:
        return [rest_workers(self._workers), *self._relief.run()]

    def _tune(self) -> dict[str, Any]:
        bounds = self.config.cache_targets
        accesses = self.frames.accesses
        return tune(accesses, self.cache, target_hit_rate=bounds.hit_rate, memory_bytes=bounds.max_memory_bytes)

    def _keep_rows(self, trigger: str, rows: list[dict[str, Any]]) -> None:
        OptimizationResult(trigger, tuple(rows), dt.datetime.now(dt.UTC), 0.0).record(self._recorder)

    def _signals(self) -> Signals:
        from perflab.system.statistics import signals

        return signals(self._recorder)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise PerflabError("This system is closed; make a new one.")
