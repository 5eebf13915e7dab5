"""The texts that a column may hold, where they are few.

In: nothing. Out: `VOCABULARY`, frame and column to texts; filters and checks refuse all others by name.
"""

from __future__ import annotations

from collections.abc import Mapping

from perflab.record.frames import ACCESS_EVENTS

__all__ = ["VOCABULARY"]

VOCABULARY: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("accesses", "event"): ACCESS_EVENTS,
    ("accesses", "tier"): ("l1", "l2", "l3"),
    ("chunks", "status"): ("processed", "reused", "failed"),
    ("optimizations", "verdict"): (
        "confirmed",
        "indistinguishable",
        "refuted",
        "expired",
        "kept",
        "rolled back",
        "no change",
        "not enough data",
    ),
    ("samples", "purpose"): ("time", "memory"),
    ("samples", "state"): ("cold", "warm", "incremental", "any"),
    ("targets", "verdict"): ("pass", "fail", "unclear", "unavailable"),
}
