"""Settings: defaults, file, environment, keywords.

In: TOML, `PERFLAB_*` variables, keywords. Out: a frozen `Config`.
"""

from __future__ import annotations

from perflab.config.model import (
    BenchmarkSettings,
    CacheSettings,
    CacheTargets,
    ChunkSettings,
    Config,
    OptimizationSchedule,
    ParallelSettings,
    RecordSettings,
    ResourceMonitoring,
    Thresholds,
    Trigger,
)

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
]
