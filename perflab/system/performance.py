"""The system: caches, workers, monitor and optimizers around one recorder.

In: a config. Out: work done faster, every operation of it in a frame.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from perflab.cache import build_tiers, cached
from perflab.config import Config
from perflab.config.shown import public_settings
from perflab.errors import PerflabError
from perflab.events import Events
from perflab.forwarding import forwarded
from perflab.host import Monitor
from perflab.optimize import AutoOptimizer
from perflab.record import Frames, Operation
from perflab.system import remote
from perflab.system.ahead import Ahead
from perflab.system.alerts import Alerts, newest_metrics
from perflab.system.apply import apply
from perflab.system.background import Background
from perflab.system.files import FileWork
from perflab.system.hotset import HotSet
from perflab.system.large_files import Files
from perflab.system.memory import load_frames
from perflab.system.observing import Observation
from perflab.system.optimizing import Optimizing
from perflab.system.recording import begin_recording
from perflab.system.run import Run, describe_run

if TYPE_CHECKING:
    from perflab.system.result import BenchmarkResult

__all__ = ["PerformanceSystem"]


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
        self._info: Mapping[str, Any] = describe_run(self.config, label)
        self._recorder = begin_recording(run_dir, self.config.record, self._info)
        self._events = Events(self._recorder.add)
        self._applying = threading.RLock()
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
        self._ahead = Ahead(config, self.cache, busy=self._cpu_ratio, keep=self._keep_rows)
        self.prefetch, self.warm = self._ahead.prefetch, self._ahead.warm
        self._observation = Observation(self)
        self._background = Background(
            config,
            self.cache,
            self._workers,
            {"predictive_prefetching_enabled": self.prefetch, "cache_warming_enabled": self.warm},
            self._recorder,
            self._events,
            optimize=self.optimize,
            keep_rows=self._keep_rows,
        )
        self._monitor, self._watch_host = self._background.monitor, self._background.watch_host
        self._schedule = self._background.schedule
        self._optimizing = Optimizing(self, PerformanceSystem, self._background)
        self._hot_set = HotSet(self)
        self._alerts = self._alerts_of(config)
        self._start()

    @property
    def monitor(self) -> Monitor:
        """What watches this process and its host: `sample()`, `last`, `footprint()`."""
        return self._monitor

    @property
    def auto(self) -> AutoOptimizer:
        """What optimizes by itself: `pause()`, `resume()`, `with system.auto.paused():`."""
        return self._background.auto

    @property
    def alerts(self) -> Alerts:
        """How the rules of `config.alerts` stand: `frame()`, and `check()` to look now."""
        return self._alerts

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
            self._info = {**self._info, "config": public_settings(config)}
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

    def _start(self) -> None:
        self._ahead.start()
        self._background.start()
        self._alerts.start()

    def _alerts_of(self, config: Config) -> Alerts:
        have_times = config.record.timestamps != "off"
        measure = partial(newest_metrics, self.frames, hits_have_times=have_times)
        return Alerts(config.alerts, measure, self._events.emit)

    def _alert(self, config: Config) -> None:
        before, self._alerts = self._alerts, self._alerts_of(config)
        before.close()
        self._alerts.start()

    def tools(self) -> dict[str, Any]:
        """Return what a workload works with: `cache`, `workers`, `recorder`."""
        return {"cache": self.cache, "workers": self._workers, "recorder": self._recorder}

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
        nbytes: int | None = None,
        error: BaseException | str | None = None,
        related_keys: Iterable[Hashable] = (),
    ) -> None:
        """Record an operation that the caller timed; `related_keys` are hints to the prefetcher.

        With an `error`, an exception or a text, it failed. A duration below zero or without end is a missing value.
        """
        related = (related_keys,) if isinstance(related_keys, str | bytes) else tuple(related_keys)
        self._recorder.record_operation(
            name, duration_s, key=key, cache_hit=cache_hit, nbytes=nbytes, error=error, related_keys=related
        )
        if related:
            self.prefetch.hint(name if key is None else key, related)

    def cached(
        self,
        fn: Callable[..., Any] | None = None,
        *,
        ttl: float | None = None,
        key: Callable[..., object] | None = None,
        tier: str = "l3",
        cost: float | None = None,
        side_effect_free: bool = False,
    ) -> Any:
        """Return a function, an async one, or a method, whose results come from the cache; usable as a decorator.

        Its key is the function's code and its arguments. Callers of one missing key share one call: all threads, or all
        tasks of one event loop. `fn.explain(...)` tells why a call hits or misses. See `perflab.cache.cached`.
        """
        return cached(self.cache, fn, ttl=ttl, key=key, tier=tier, cost=cost, side_effect_free=side_effect_free)

    chunks = forwarded("_files", Files.chunks)
    process_large_file = forwarded("_files", Files.process_large_file)
    iterate_large_file = forwarded("_files", Files.iterate_large_file)
    optimize_files = forwarded("_files", Files.optimize_files)
    watch = forwarded("_files", Files.watch)

    @property
    def frames(self) -> Frames:
        """Every recorded frame."""
        return self._recorder.frames

    @property
    def run(self) -> Run:
        """This system's run so far."""
        return self._observation.run()

    trace = forwarded("_observation", Observation.trace)
    metrics = forwarded("_observation", Observation.metrics)
    targets = forwarded("_observation", Observation.targets)
    report = forwarded("_observation", Observation.report)
    plot = forwarded("_observation", Observation.plot)
    statistics = forwarded("_observation", Observation.statistics)
    recommendations = forwarded("_observation", Observation.recommendations)
    metrics_history = forwarded("_observation", Observation.metrics_history)

    optimize = forwarded("_optimizing", Optimizing.optimize)

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

    serve_metrics = forwarded("_observation", Observation.serve_metrics)

    def clear_caches(self, tier: str = "all") -> int:
        """Remove everything from `l1`, `l2`, `l3` or `all` and return the number of entries."""
        return self.cache.clear(tier)

    snapshot = forwarded("_hot_set", HotSet.snapshot)
    restore = forwarded("_hot_set", HotSet.restore)

    def on(self, event: str, listener: Callable[[Mapping[str, Any]], object]) -> Callable[[], None]:
        """Call `listener` with the payload of each such event; return what ends that. See `perflab.events.EVENTS`."""
        return self._events.on(event, listener)

    def close(self, status: str = "finished") -> None:
        """End every thread and process and finish the run folder; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._observation.close()
        self._alerts.close()
        self._background.close()
        self._optimizing.close()
        self._ahead.close()
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

        return system_html(self, self._recorder.run_id)

    def _cpu_ratio(self) -> float | None:
        sample = self._monitor.last
        return None if sample is None else sample.shares.cpu_ratio

    def _keep_rows(self, trigger: str, rows: list[dict[str, Any]]) -> None:
        self._optimizing.keep(trigger, rows)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise PerflabError("This system is closed; make a new one.")
