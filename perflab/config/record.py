"""Settings of what is recorded, and of where it is kept.

In: bounds and folders. Out: frozen settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from perflab.config.fields import Count, PositiveBytes, Ratio, Seconds, Settings

__all__ = ["RecordSettings"]


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
