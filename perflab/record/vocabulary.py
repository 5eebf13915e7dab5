"""The texts that a column may hold, where they are few.

In: nothing. Out: `VOCABULARY`, frame and column to texts; filters and checks refuse all others by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from perflab.record.frames import ACCESS_EVENTS

__all__ = ["VOCABULARY", "Verdict"]

Verdict = Literal[
    "confirmed",
    "indistinguishable",
    "refuted",
    "expired",
    "kept",
    "rolled back",
    "no change",
    "not enough data",
]
"""Of a proof: `confirmed`, and applied; `indistinguishable`, `refuted` or, once the trace has changed, `expired`. Of an
action that is measured as it is done: `kept` or `rolled back`. Else why nothing was tried."""

VOCABULARY: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("accesses", "event"): ACCESS_EVENTS,
    ("accesses", "tier"): ("l1", "l2", "l3"),
    ("chunks", "status"): ("processed", "reused", "failed"),
    ("optimizations", "verdict"): get_args(Verdict),
    ("samples", "purpose"): ("time", "memory"),
    ("samples", "state"): ("cold", "warm", "incremental", "any"),
    ("targets", "verdict"): ("pass", "fail", "unclear", "unavailable"),
}
