"""Settings: defaults, file, environment, keywords.

In: TOML, `PERFLAB_*` variables, keywords. Out: a frozen `Config`.
"""

from __future__ import annotations

from perflab.config.ahead import PrefetchSettings, WarmingSettings
from perflab.config.alerts import AlertSettings
from perflab.config.cache import CacheSettings, CacheTargets
from perflab.config.model import Config
from perflab.config.record import RecordSettings
from perflab.config.relief import ReliefSettings
from perflab.config.schedule import OptimizationSchedule, ResourceMonitoring, Thresholds, Trigger
from perflab.config.work import BenchmarkSettings, ChunkSettings, ParallelSettings

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
