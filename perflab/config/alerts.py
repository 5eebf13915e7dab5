"""Settings of alerts: what is told of, how often it is looked at, and who is told.

In: rules as text, seconds, an address. Out: a frozen, validated group of the config.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from perflab.config.fields import Seconds, Settings

__all__ = ["AlertSettings"]

_Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$")]


class AlertSettings(Settings):
    """Rules on the metrics of a system at work."""

    rules: tuple[str, ...] = Field(
        (), description="such as 'cache.hit_rate < 80% for 5 min, again after 30 min'; see perflab.analyze.rule"
    )
    interval_s: Seconds = Field(15.0, description="time between looks at the metrics; seconds")
    window_s: Seconds = Field(60.0, description="newest rows that the metrics are of; seconds")
    webhook_url: _Url | None = Field(
        None,
        repr=False,
        description="address that each alert is posted to as JSON, such as http://127.0.0.1:9093/hook; unset: none",
    )
