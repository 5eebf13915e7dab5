"""Settings of what a system looks at by itself, and of when it acts.

In: times, triggers and thresholds. Out: frozen settings.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perflab.config.fields import Bytes, MiB, PositiveBytes, Ratio, Seconds, Settings

__all__ = ["OptimizationSchedule", "ResourceMonitoring", "Thresholds", "Trigger"]

Trigger = Literal["memory_pressure", "cpu_pressure", "cache_miss", "performance_degradation", "scheduled", "startup"]


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
