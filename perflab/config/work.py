"""Settings of work: who does it, how files are cut for it, and how it is measured.

In: numbers of workers, sizes, strictness. Out: frozen settings.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perflab.config.fields import ChunkBytes, Count, MiB, Ratio, Seconds, Settings

__all__ = ["BenchmarkSettings", "ChunkSettings", "ParallelSettings"]


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


class BenchmarkSettings(Settings):
    """Size and strictness of benchmarks."""

    pairs: Count = Field(6, ge=1, le=10_000, description="interleaved pairs of samples an arm")
    warmup_blocks: Count = Field(1, ge=0, le=100, description="first blocks that are discarded")
    confidence: float = Field(0.95, ge=0.5, lt=1, description="confidence of intervals; ratio")
    band_ratio: Ratio = Field(0.03, description="difference from 1 that counts as the same; ratio")
    seed: Count = Field(2026, ge=0, le=2**32 - 1, description="seed of orders, subsets and planted defects")
