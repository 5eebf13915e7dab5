"""Why an access missed, in one sentence.

In: a row of a miss. Out: its class, how long the key had been away, what the load took.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from perflab.present import escape
from perflab.present.read import number, records, text
from perflab.record import Frames
from perflab.record.where import Filters
from perflab.system.run import Run
from perflab.units import format_seconds
from perflab.widgets.rows import looked_at

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Miss", "explained_miss"]

_TICK = timedelta(microseconds=1)
_NEEDED = ["run_id", "t", "key", "event", "operation", "operation_id", "stream", "duration_s"]
_WHY = {
    "compulsory": "the run had not seen the key before",
    "capacity": "it had been evicted for room; a larger cache would have had it",
    "expired": "its time to live was over",
    "invalidated": "it had been removed on request",
    "rejected": "it had been refused, most often because it is larger than the tier",
    "damaged": "its copy on disk did not pass the check",
    "in flight": "it was being loaded: the caller waited for another one's load",
    "not stored": "it was missed before, and nothing was stored since",
}


@dataclass(frozen=True, slots=True)
class Miss:
    """A row of a miss: the run, the key as text, and the time."""

    run: Run
    key: str
    at: datetime

    @property
    def name(self) -> str:
        """What the row is called on a page: the same in every table that shows it, whatever its key holds."""
        digest = hashlib.blake2b(self.key.encode("utf-8", "replace"), digest_size=8).hexdigest()
        return f"{self.at.timestamp():.6f}-{digest}"


def explained_miss(miss: Miss) -> str:
    """Return a sentence on why a key was missed at a time, as `perflab.analyze.questions.misses` tells it.

    The rows of the key are read, and those between its removal and the miss, among as many as a panel looks at.
    """
    seen, left_out = looked_at(miss.run.frames, "accesses")
    row = _row_of(miss, seen.select("accesses", _NEEDED, key=miss.key))
    name = escape.shorten(miss.key, 80)
    if row is None:
        return f"No miss of {name!r} was recorded at that time."
    kind = text(row["miss_class"])
    if kind == "compulsory" and left_out:
        return f"{name!r} missed, and none of the rows before it that were looked at has it.{_load(row)}{left_out}"
    return f"{name!r} missed ({kind}): {_WHY[kind]}.{_away(row, miss, seen, bool(left_out))}{_load(row)}"


def _row_of(miss: Miss, accesses: pd.DataFrame) -> dict[str, Any] | None:
    from perflab.analyze.questions import misses

    found = misses(accesses)
    of_then = found[(found["t"] == miss.at) & (found["key"] == miss.key)]
    return records(of_then.tail(1))[0] if len(of_then) else None


def _away(row: dict[str, Any], miss: Miss, seen: Frames, is_part: bool) -> str:
    away = number(row["away_s"])
    if math.isnan(away):
        return ""
    distance = _distance(str(row["run_id"]), away, miss, seen, is_part)
    counted = "" if distance is None else f" and {distance:,} access{'es' * (distance != 1)} of any key"
    return f" It had been away for {format_seconds(away)}{counted}."


def _distance(run_id: str, away_s: float, miss: Miss, seen: Frames, is_part: bool) -> int | None:
    since, until = miss.at - timedelta(seconds=away_s) - _TICK, miss.at + _TICK
    filters: Filters = {"run_id": run_id, "since": since, "until": until}
    if miss.run.config.record.timestamps == "off":  # hits have no times then, only a place among all rows
        if is_part:
            return None
        filters = {"run_id": run_id}
    row = _row_of(miss, seen.select("accesses", _NEEDED, **filters))
    return None if row is None or row["reload_distance"] is None else int(row["reload_distance"])


def _load(row: dict[str, Any]) -> str:
    load = number(row["load_s"])
    return f" Loading it took {format_seconds(load)}." if math.isfinite(load) else ""
