"""Settings: defaults, file, environment, keywords.

In: TOML, `PERFLAB_*` variables, keywords. Out: a frozen `Config`.
"""

from __future__ import annotations

from perflab.config.ahead import PrefetchSettings, WarmingSettings
from perflab.config.alerts import AlertSettings
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
from perflab.config.relief import ReliefSettings

__all__ = [
    "AlertSettings",
    "BenchmarkSettings",
    "CacheSettings",
    "CacheTargets",
    "ChunkSettings",
    "Config",
    "OptimizationSchedule",
    "ParallelSettings",
    "PrefetchSettings",
    "RecordSettings",
    "ReliefSettings",
    "ResourceMonitoring",
    "Thresholds",
    "Trigger",
    "WarmingSettings",
]
