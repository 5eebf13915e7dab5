"""Settings of relief: from which use of memory on what is done, and how soon.

In: levels and times. Out: a frozen, validated group of the config.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from perflab.config.fields import Count, PositiveBytes, Ratio, Seconds, Settings

__all__ = ["ReliefSettings"]

_LEVELS = ("prefetch_ratio", "shrink_ratio", "halve_ratio", "least_ratio", "flight_ratio")


class ReliefSettings(Settings):
    """What is done as memory gets full; levels are of the fullest bound: growth within the budget, or a hard limit."""

    enabled: bool = Field(True, description="act on levels of memory in the background")
    budget_bytes: PositiveBytes | None = Field(
        None,
        description="memory growth that counts as full; bytes; unset: cache_targets.max_memory_bytes",
    )
    prefetch_ratio: Ratio = Field(0.60, gt=0, description="level that stops prefetching and warming; ratio")
    shrink_ratio: Ratio = Field(0.70, gt=0, description="level that shrinks the memory tiers; ratio")
    halve_ratio: Ratio = Field(0.80, gt=0, description="level that halves the workers; ratio")
    least_ratio: Ratio = Field(
        0.90, gt=0, description="level that lets nothing new into memory and leaves one worker; ratio"
    )
    flight_ratio: Ratio = Field(0.95, gt=0, description="level that writes the flight record; ratio")
    samples: Count = Field(2, ge=1, le=100, description="samples in a row past a level before anything is done")
    cooldown_s: Seconds = Field(30.0, description="least time between two changes for one level; seconds")
    hysteresis_ratio: Ratio = Field(
        0.10, description="how far below its level memory must be for a setting to come back; ratio"
    )

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels, lowest first."""
        return tuple(getattr(self, name) for name in _LEVELS)

    @model_validator(mode="after")
    def _levels_ascend(self) -> Self:
        if list(self.levels) != sorted(self.levels):
            raise ValueError(f"{', '.join(_LEVELS)} are {self.levels}; allowed: each no lower than the one before")
        return self
