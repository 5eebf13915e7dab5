"""Settings of what is done before anybody asks: warming and prefetching.

In: keywords. Out: frozen groups of `Config`.
"""

from __future__ import annotations

from pydantic import Field

from perflab.config.fields import Bytes, Count, Ratio, Seconds, Settings

__all__ = ["PrefetchSettings", "WarmingSettings"]


class PrefetchSettings(Settings):
    """What fetching ahead may cost."""

    queued: Count = Field(64, ge=1, le=65_536, description="expected keys that may wait to be fetched")
    in_flight: Count = Field(4, ge=1, le=64, description="expected keys that are fetched at once")
    unread_ratio: Ratio = Field(
        0.125, gt=0, description="share of l1 that fetched and still unread entries may fill; ratio"
    )
    cpu_ratio: Ratio = Field(0.01, gt=0, description="CPU time that learning may take; ratio of one core")


class WarmingSettings(Settings):
    """What filling the memory tiers at the start may cost."""

    max_bytes: Bytes | None = Field(
        None, description="bytes that are loaded at the most; unset: cache_targets.max_memory_bytes"
    )
    max_s: Seconds = Field(60.0, description="time after which it ends, whatever is left; seconds")
    busy_ratio: Ratio = Field(
        0.75, gt=0, description="CPU use from which it waits before it goes on; ratio of all cores"
    )
    idle_ratio: Ratio = Field(
        0.25, gt=0, description="CPU use of this process below which registered loaders are called; ratio of one core"
    )
