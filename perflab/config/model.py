"""The tree of settings: every field with its default, unit, bounds and meaning.

In: keywords, nested mappings included. Out: a frozen, validated `Config` that everything else reads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from perflab.config.ahead import PrefetchSettings, WarmingSettings
from perflab.config.alerts import AlertSettings
from perflab.config.cache import CacheSettings, CacheTargets
from perflab.config.explain import explain
from perflab.config.fields import Bytes, Count, MiB, Settings
from perflab.config.record import RecordSettings
from perflab.config.relief import ReliefSettings
from perflab.config.schedule import OptimizationSchedule, ResourceMonitoring, Thresholds
from perflab.config.work import BenchmarkSettings, ChunkSettings, ParallelSettings
from perflab.errors import ConfigError

__all__ = ["Config", "merge"]


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
