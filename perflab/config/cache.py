"""Settings of the cache: what it is asked to reach, and its tiers.

In: bounds, sizes and places. Out: frozen settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from perflab.config.fields import Bytes, Count, MiB, PositiveBytes, Ratio, Seconds, Settings

__all__ = ["CacheSettings", "CacheTargets", "Policy"]

Policy = Literal["lru", "fifo", "lfu", "sieve", "s3fifo", "tinylfu", "gdsf"]


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
