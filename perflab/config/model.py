"""The tree of settings: every field with its default, unit, bounds and meaning.

In: keywords, nested mappings included. Out: a frozen, validated `Config` that everything else reads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from perflab.config.ahead import PrefetchSettings, WarmingSettings
from perflab.config.alerts import AlertSettings
from perflab.config.explain import explain
from perflab.config.fields import Bytes, ChunkBytes, Count, MiB, PositiveBytes, Ratio, Seconds, Settings
from perflab.config.relief import ReliefSettings
from perflab.errors import ConfigError

__all__ = [
    "BenchmarkSettings",
    "CacheSettings",
    "CacheTargets",
    "ChunkSettings",
    "Config",
    "OptimizationSchedule",
    "ParallelSettings",
    "RecordSettings",
    "ResourceMonitoring",
    "Thresholds",
    "Trigger",
    "merge",
]

Policy = Literal["lru", "fifo", "lfu", "sieve", "s3fifo", "tinylfu", "gdsf"]
Trigger = Literal["memory_pressure", "cpu_pressure", "cache_miss", "performance_degradation", "scheduled", "startup"]


class CacheTargets(Settings):
    """What the cache is asked to reach; judged in every report."""

    hit_rate: Ratio = Field(0.95, description="lowest hit rate that passes; ratio of accesses")
    max_memory_bytes: PositiveBytes = Field(
        100 * MiB, description="memory that the l1 and l2 tiers may hold together; bytes"
    )
    max_response_time_s: Seconds = Field(0.5, description="longest 95th percentile of an access; seconds")
    max_ttl_s: Seconds | None = Field(
        None, description="longest time to live that an optimization may set; seconds; unset: it changes none"
    )


class OptimizationSchedule(Settings):
    """When the system optimizes itself."""

    enabled: bool = Field(True, description="run the triggers in the background")
    interval_s: Seconds = Field(300.0, description="time between scheduled optimizations; seconds")
    triggers: tuple[Trigger, ...] = Field(
        ("memory_pressure", "cache_miss", "scheduled"), description="what may start an optimization"
    )
    cooldown_s: Seconds = Field(
        30.0, description="least time from the end of one optimization to the start of the next; seconds"
    )


class Thresholds(Settings):
    """Bounds past which something is done."""

    large_file_bytes: Bytes = Field(1 * MiB, description="files from this size are chunked in parallel; bytes")
    memory_pressure_bytes: PositiveBytes = Field(
        80 * MiB, description="memory growth above the baseline that triggers an optimization; bytes"
    )
    cpu_pressure_ratio: Ratio = Field(0.75, description="CPU use that triggers an optimization; ratio of all cores")
    cache_miss_ratio: Ratio = Field(0.2, description="miss rate that triggers an optimization; ratio of accesses")
    degradation_ratio: float = Field(
        0.25,
        gt=0,
        le=1000,
        allow_inf_nan=False,
        description="growth of an operation's response time that triggers an optimization; ratio of its own history",
    )


class ResourceMonitoring(Settings):
    """Sampling of the host and the warnings that it gives."""

    enabled: bool = Field(True, description="sample memory, CPU and pressure in the background")
    interval_s: Seconds = Field(1.0, description="time between samples; seconds")
    memory_threshold_bytes: PositiveBytes = Field(
        100 * MiB, description="memory growth above the baseline that warns; bytes"
    )
    limit_threshold_ratio: Ratio = Field(
        0.9, gt=0, description="use of a hard limit on memory that warns; ratio of the limit"
    )
    cpu_threshold_ratio: Ratio = Field(0.75, description="CPU use that warns; ratio of all cores")


class CacheSettings(Settings):
    """Sizes and places of the cache tiers."""

    l1_bytes: Bytes | None = Field(
        None, description="memory tier; bytes; unset: half of cache_targets.max_memory_bytes"
    )
    l1_entries: Count | None = Field(None, ge=0, description="memory tier; entries; unset: no bound but bytes")
    l1_policy: Policy = Field("lru", description="which entry leaves the memory tier first")
    l2_bytes: Bytes | None = Field(None, description="TTL tier; bytes; unset: what l1 leaves of the memory")
    l2_entries: Count | None = Field(None, ge=0, description="TTL tier; entries; unset: no bound but bytes")
    l2_policy: Policy = Field("lru", description="which live entry leaves the TTL tier first")
    l2_sliding: bool = Field(False, description="give an entry its whole time to live again at each read in l2")
    l2_ttl_s: Seconds = Field(3600.0, description="time to live of entries set without one, in l2; seconds")
    stale_s: float = Field(
        0.0,
        ge=0,
        le=31_536_000,
        allow_inf_nan=False,
        description="how long after its end a value may be served if its loader fails; seconds",
    )
    refresh_ratio: Ratio = Field(
        0.0, description="load anew behind a hit when no more than this share of the time to live is left; ratio"
    )
    l3_enabled: bool = Field(True, description="keep entries on disk too")
    l3_bytes: PositiveBytes = Field(1_000_000_000, description="disk tier; bytes")
    l3_dir: Path | None = Field(
        None, description="folder of the disk tier; unset: private to the process, removed at close"
    )
    l3_write: Literal["through", "behind"] = Field(
        "through", description="store a value before set returns, or a little later, many at once"
    )
    l3_durable: bool = Field(False, description="wait for the medium with each write, against power cuts")
    l3_compress_bytes: Bytes = Field(32_768, description="values from this size are compressed on disk; bytes")
    l3_pickle_key: Path | None = Field(
        None, description="file with the key that signs pickles of other types, outside of l3_dir; unset: no pickles"
    )
    write_policy: Literal["through", "back", "around"] = Field(
        "through", description="when values go to disk: at once; when they leave memory; at once, and to disk alone"
    )


class ParallelSettings(Settings):
    """Workers for CPU-bound work."""

    kind: Literal["processes", "threads"] = Field("processes", description="what a worker is")
    workers: Count | None = Field(
        None, ge=1, le=1024, description="number of workers; unset: the cores that this process may use"
    )
    scheduler: str | None = Field(
        None,
        pattern=r"^[a-z]+://\S+$",
        description="address of a Dask scheduler whose cluster works instead, such as tcp://10.0.0.7:8786; unset: none",
    )


class ChunkSettings(Settings):
    """How files are cut."""

    max_bytes: ChunkBytes = Field(2000, ge=64, le=16 * MiB, description="largest chunk; bytes")
    window_bytes: ChunkBytes = Field(512 * 1024, ge=4096, le=256 * MiB, description="source parsed at a time; bytes")
    parse_timeout_s: Seconds = Field(5.0, description="time after which a window is cut by lines instead; seconds")


class RecordSettings(Settings):
    """What recorded rows may cost, and where runs are kept."""

    memory_budget_bytes: PositiveBytes = Field(
        64_000_000, description="rows held in memory; past it they go to the run folder; bytes"
    )
    chunk_rows: Count = Field(4096, ge=16, le=1 << 20, description="rows that are gathered before they are put away")
    timestamps: Literal["exact", "chunk", "off"] = Field(
        "exact", description="time of hits in l1: read at each, estimated between clock reads, or none"
    )
    sample_ratio: Ratio = Field(1.0, gt=0, description="share of the keys whose accesses are recorded; ratio")
    flush_interval_s: Seconds = Field(5.0, description="time between writes of new rows to the run folder; seconds")
    runs_dir: Path = Field(Path(".perflab/runs"), description="folder in which the command line keeps runs")


class BenchmarkSettings(Settings):
    """Size and strictness of benchmarks."""

    pairs: Count = Field(6, ge=1, le=10_000, description="interleaved pairs of samples an arm")
    warmup_blocks: Count = Field(1, ge=0, le=100, description="first blocks that are discarded")
    confidence: float = Field(0.95, ge=0.5, lt=1, description="confidence of intervals; ratio")
    band_ratio: Ratio = Field(0.03, description="difference from 1 that counts as the same; ratio")
    seed: Count = Field(2026, ge=0, le=2**32 - 1, description="seed of orders, subsets and planted defects")


class Config(Settings):
    """Everything that can be set, frozen and validated.

    Nested settings merge: a partial override keeps its siblings.

    Raises
    ------
    ConfigError
        One sentence a wrong value: the field, the value and what is allowed.

    Examples
    --------
    >>> config = Config(max_parallel_operations=4, cache_targets={"hit_rate": 0.90})
    >>> config.cache_targets.hit_rate, config.cache_targets.max_response_time_s
    (0.9, 0.5)
    >>> config.replace(cache={"l1_bytes": "50MB"}).l1_bytes
    50000000
    """

    cache_warming_enabled: bool = Field(True, description="fill the memory tiers from l3 when a system starts")
    warming: WarmingSettings = Field(default_factory=WarmingSettings, description="what warming may cost")
    predictive_prefetching_enabled: bool = Field(True, description="fetch entries that are likely to be next")
    prefetch: PrefetchSettings = Field(default_factory=PrefetchSettings, description="what prefetching may cost")
    cache_targets: CacheTargets = Field(default_factory=CacheTargets, description="what the cache is asked to reach")
    parallel_processing_enabled: bool = Field(True, description="use more than one worker")
    max_parallel_operations: Count = Field(8, ge=1, le=256, description="operations in flight at once")
    streaming_threshold_bytes: Bytes = Field(
        5 * MiB, description="files from this size are read in windows, never whole; bytes"
    )
    enable_large_file_optimization: bool = Field(
        True,
        description="cache the results of files chunk by chunk, so that only changed chunks are computed",
    )
    enable_auto_optimization: bool = Field(True, description="let the schedule's triggers optimize the system")
    optimization_schedule: OptimizationSchedule = Field(
        default_factory=OptimizationSchedule, description="when the system optimizes itself"
    )
    thresholds: Thresholds = Field(default_factory=Thresholds, description="bounds past which something is done")
    resource_monitoring: ResourceMonitoring = Field(
        default_factory=ResourceMonitoring, description="sampling of the host"
    )
    relief: ReliefSettings = Field(default_factory=ReliefSettings, description="what is done as memory gets full")
    alerts: AlertSettings = Field(default_factory=AlertSettings, description="what listeners are told of")
    cache: CacheSettings = Field(default_factory=CacheSettings, description="the cache tiers")
    parallel: ParallelSettings = Field(default_factory=ParallelSettings, description="workers for CPU-bound work")
    chunks: ChunkSettings = Field(default_factory=ChunkSettings, description="how files are cut")
    record: RecordSettings = Field(default_factory=RecordSettings, description="what recording may cost")
    benchmark: BenchmarkSettings = Field(default_factory=BenchmarkSettings, description="size of benchmarks")

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise ConfigError(explain(error, type(self))) from error

    @model_validator(mode="after")
    def _tiers_fit_the_memory(self) -> Self:
        held = (self.cache.l1_bytes or 0) + (self.cache.l2_bytes or 0)
        if held > self.cache_targets.max_memory_bytes:
            raise ValueError(
                f"cache.l1_bytes and cache.l2_bytes are {held} bytes together; allowed are "
                f"cache_targets.max_memory_bytes = {self.cache_targets.max_memory_bytes}"
            )
        return self

    @property
    def l1_bytes(self) -> int:
        """Size of the memory tier in bytes, with the default worked out."""
        if self.cache.l1_bytes is not None:
            return self.cache.l1_bytes
        free = self.cache_targets.max_memory_bytes - (self.cache.l2_bytes or 0)
        return min(self.cache_targets.max_memory_bytes // 2, free)

    @property
    def l2_bytes(self) -> int:
        """Size of the TTL tier in bytes, with the default worked out."""
        if self.cache.l2_bytes is not None:
            return self.cache.l2_bytes
        return self.cache_targets.max_memory_bytes - self.l1_bytes

    @property
    def workers(self) -> int:
        """Number of workers, with the default worked out; 1 if parallel processing is off."""
        if not self.parallel_processing_enabled:
            return 1
        wanted = self.parallel.workers or len(os.sched_getaffinity(0))
        return min(wanted, self.max_parallel_operations)

    def _repr_html_(self) -> str:
        from perflab.config.shown import settings_html

        return settings_html(self)

    def replace(self, **changes: Any) -> Config:
        """Return a new config with these changes merged in; nested mappings keep their siblings."""
        return Config(**merge(self.model_dump(exclude_unset=True), changes))

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> Config:
        """Return the config of defaults < TOML file < `PERFLAB_*` environment < keywords.

        Parameters
        ----------
        path
            A TOML file, or None for no file.
        environ
            The environment; by default the process's own.
        settings
            Keywords, as for `Config`.

        Raises
        ------
        ConfigError
            If the file cannot be read or is no TOML, or a value or a name is not allowed.
        """
        from perflab.config.load import read_environment, read_toml

        layers = [read_toml(path)] if path is not None else []
        layers += [read_environment(cls, os.environ if environ is None else environ), settings]
        merged: dict[str, Any] = {}
        for layer in layers:
            merged = merge(merged, layer)
        return cls(**merged)


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both mappings as one, nested mappings merged, `above` winning.

    Examples
    --------
    >>> merge({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    merged = dict(below)
    for name, value in above.items():
        present = merged.get(name)
        value = value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value
        nested = isinstance(value, Mapping) and isinstance(present, Mapping)
        merged[name] = merge(present, value) if nested else value  # type: ignore[arg-type]  # checked by `nested`
    return merged
