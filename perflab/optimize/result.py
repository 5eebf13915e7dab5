"""What an optimization tried, and what came of it.

In: attempts, each with its measured effect. Out: rows of the `optimizations` frame, as frame, JSON, HTML or text.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from perflab import inert
from perflab.optimize.plan import Plan
from perflab.record import columns
from perflab.record.vocabulary import Verdict
from perflab.units import format_quantity, format_seconds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OptimizationResult", "RowSink", "Verdict", "attempt"]

IN_FORCE = frozenset({"confirmed", "kept"})
"""Verdicts of what was changed and stays so."""

WATCH = "watch"
"""Phase of what is said of a setting that was applied earlier."""

_COLUMNS = tuple(column.name for column in columns("optimizations") if column.name not in ("run_id", "t"))
_QUANTITIES = ("before", "predicted", "measured", "noise_floor")
_SHOWN = ("phase", "knob", "old", "new", "metric", *_QUANTITIES, "verdict", "reason")
_BOUNDS: Mapping[str, tuple[str, str]] = {"predicted": ("predicted_low", "predicted_high"), "measured": ("low", "high")}


class RowSink(Protocol):
    """Takes rows of a frame; a recorder does."""

    def add(self, frame: str, **values: object) -> None:
        """Record one row."""


def attempt(
    knob: str, verdict: Verdict, reason: str, *, old: object, new: object, **measures: object
) -> dict[str, Any]:
    """Return one row of the `optimizations` frame, without its trigger.

    Parameters
    ----------
    knob
        The setting, by its path in the config.
    old, new
        Its values, written as JSON.
    measures
        `phase`, `metric`, `unit`, `before`, `predicted` with `predicted_low`, `predicted_high` and `prediction` (its
        method), `measured` with `low` and `high`, `noise_floor`; what is left out was not measured and is missing.

    Raises
    ------
    TypeError
        If the frame has no such column.

    Examples
    --------
    >>> row = attempt("cache.l1_bytes", "kept", "It held.", old=1, new=2, metric="cache.l1.hit_rate", measured=0.9)
    >>> row["new"], row["measured"], row["low"]
    ('2', 0.9, None)
    """
    unknown = set(measures) - set(_COLUMNS)
    if unknown:
        raise TypeError(f"the frame 'optimizations' has no column {min(unknown)!r}")
    values = {"knob": knob, "old": _json(old), "new": _json(new), "verdict": verdict, "reason": reason, **measures}
    return {name: values.get(name) for name in _COLUMNS}


@dataclass(frozen=True, slots=True)
class OptimizationResult:
    """One optimization: why it ran, its plan, each setting that it tried, and how long it took.

    Parameters
    ----------
    trigger
        manual, startup, scheduled, memory_pressure, cpu_pressure, cache_miss or watch.
    rows
        Made by `attempt`.
    started
        When it began, UTC.
    duration_s
        Wall seconds that it took.
    plan
        The phases in which the settings were tried.

    Examples
    --------
    >>> row = attempt("cache.l1_bytes", "no change", "It is the best already.", old=1, new=1)
    >>> result = OptimizationResult("manual", (row,), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), 0.25)
    >>> print(result)
    optimization (manual), 250 ms, 0 of 1 kept: no significant change
      cache.l1_bytes: no change. It is the best already.
    """

    trigger: str
    rows: tuple[Mapping[str, Any], ...]
    started: dt.datetime
    duration_s: float
    plan: Plan = field(default_factory=Plan)

    @property
    def kept(self) -> int:
        """How many of the settings tried were changed and stay so; what was changed earlier does not count."""
        return sum(row["verdict"] in IN_FORCE and row.get("phase") != WATCH for row in self.rows)

    @property
    def is_significant(self) -> bool:
        """Whether anything was changed, or taken back: mostly not, as no setting is significantly better."""
        taken_back = any(row["verdict"] == "rolled back" and row.get("phase") == WATCH for row in self.rows)
        return self.kept > 0 or taken_back

    def record(self, recorder: RowSink) -> None:
        """Record each row with this trigger."""
        for row in self.rows:
            recorder.add("optimizations", **{**row, "trigger": self.trigger})

    def frame(self) -> pd.DataFrame:
        """Return the rows as a frame with the columns of `optimizations`, `run_id` and `t` aside."""
        import pandas as pd

        dtypes = {"category": "category", "string": "string", "float": "float64"}
        typed = {column.name: dtypes[column.dtype] for column in columns("optimizations")[2:]}
        return pd.DataFrame(list(self._traced()), columns=list(typed)).astype(typed)

    def to_json(self) -> str:
        """Return everything as one JSON object; a missing number is null."""
        rows = [{name: _finite(value) for name, value in row.items()} for row in self._traced()]
        head = {"trigger": self.trigger, "started": self.started.isoformat(), "duration_s": self.duration_s}
        return json.dumps({**head, "plan": self.plan.as_list(), "rows": rows}, allow_nan=False)

    def __str__(self) -> str:
        return "\n".join([self._head(), *(f"  {_line(row)}" for row in self.rows)])

    def _repr_html_(self) -> str:
        head = "".join(f"<th scope='col'>{name}</th>" for name in _SHOWN)
        body = "".join(f"<tr>{_cells(row)}</tr>" for row in self.rows)
        phases = "".join(f"<li>{inert.html(str(phase))}</li>" for phase in self.plan.phases)
        plan = f"<ol class='perflab-plan'>{phases}</ol>" if phases else ""
        return (
            f"{plan}<table class='perflab-optimization'><caption>{inert.html(self._head())}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def _head(self) -> str:
        took = format_seconds(self.duration_s)
        changed = "" if self.is_significant or not self.rows else ": no significant change"
        return f"optimization ({self.trigger}), {took}, {self.kept} of {len(self.rows)} kept{changed}"

    def _traced(self) -> Iterable[dict[str, Any]]:
        return ({**row, "trigger": self.trigger} for row in self.rows)


def _json(value: object) -> str:
    return json.dumps(value, default=str)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _line(row: Mapping[str, Any]) -> str:
    moved = "" if row["old"] == row["new"] else f" {row['old']} -> {row['new']}"
    effect = "" if row.get("measured") is None else f" ({_effect(row)})"
    return f"{row['knob']}{moved}: {row['verdict']}{effect}. {row['reason']}"


def _effect(row: Mapping[str, Any]) -> str:
    unit = row.get("unit") or ""
    before = "" if row.get("before") is None else f"{format_quantity(row['before'], unit)} -> "
    return f"{row['metric']} {before}{format_quantity(row['measured'], unit)}"


def _cells(row: Mapping[str, Any]) -> str:
    return "".join(f"<td>{inert.html(_cell(row, name))}</td>" for name in _SHOWN)


def _cell(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if name in _QUANTITIES:
        return _quantity(row, name) if row.get("metric") else ""
    return "" if value is None else str(value)


def _quantity(row: Mapping[str, Any], name: str) -> str:
    unit = row.get("unit") or ""
    low, high = (row.get(bound) for bound in _BOUNDS.get(name, ("", "")))
    bounds = "" if low is None or high is None else f" [{format_quantity(low, unit)}, {format_quantity(high, unit)}]"
    return format_quantity(row.get(name), unit) + bounds
