"""What is done on a level of memory use: a setting changed for as long as memory is short.

In: how to change the setting and how to put it back. Out: rows of `optimizations` with resident memory before
and after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from perflab.optimize.resident import METRIC, UNREADABLE, Resident, Residents, change_in_words
from perflab.optimize.result import attempt

__all__ = ["FlightRecord", "Rows", "Setting", "Step"]

T = TypeVar("T")
Rows = list[dict[str, Any]]


class Step(Protocol):
    """Something that lowers memory, or keeps it from growing; `Relief` is one too."""

    def run(self) -> Rows:
        """Do it, and return rows of what could be judged at once; again while memory stays short."""

    def settle(self) -> Rows:
        """Judge, after the cool-down, what could not be judged at once."""

    def end(self) -> Rows:
        """Put everything back: memory is free again."""


@dataclass(slots=True)
class _Trial(Generic[T]):
    """A setting that was changed: from what, to what, resident memory before, and whether that was judged."""

    old: T
    new: T
    before: Resident | None
    judged: bool = False


class Setting(Generic[T]):
    """One setting that has another value while memory is short.

    Its effect comes with time, so it is judged after the cool-down, or when the level ends before that. If memory was
    not freed it is put back, and switched off until memory is free again: a program that needs its memory must not go
    on slower for nothing.

    Parameters
    ----------
    knob
        The setting, by its path in the config.
    read, write
        The setting's value now; what sets it.
    lower
        Returns the value for when memory is short; the present one if there is nothing to lower.
    residents, metric
        Reads of the memory that the setting has to do with, and their name.

    Examples
    --------
    >>> from itertools import count
    >>> values, memory = [8], count(50_000_000, -1_000_000)
    >>> step = Setting("workers", lambda: values[-1], values.append, lambda n: n // 2, Residents(lambda: next(memory)))
    >>> step.run(), values[-1]
    ([], 4)
    >>> [row["verdict"] for row in (*step.settle(), *step.end())], values[-1]
    (['kept', 'rolled back'], 8)
    """

    def __init__(
        self,
        knob: str,
        read: Callable[[], T],
        write: Callable[[T], object],
        lower: Callable[[T], T],
        residents: Residents,
        metric: str = "memory.rss",
    ) -> None:
        self._knob = knob
        self._read, self._write, self._lower = read, write, lower
        self._residents, self._metric = residents, metric
        self._trial: _Trial[T] | None = None
        self._off = False

    def run(self) -> Rows:
        """Give the setting its lower value, unless it has it or is switched off."""
        if self._trial is not None or self._off:
            return []
        old = self._read()
        new = self._lower(old)
        before = self._residents.read()
        if new == old:
            self._off = True
            return [
                attempt(
                    self._knob, "no change", "there is nothing to lower.", old=old, new=old, **_at(before, self._metric)
                )
            ]
        self._write(new)
        self._trial = _Trial(old, new, before)
        return []

    def settle(self) -> Rows:
        """Judge the trial that is not judged yet, if there is one."""
        trial = self._trial
        if trial is None or trial.judged:
            return []
        trial.judged = True
        after = self._residents.read()
        if trial.before is None or after is None:
            return [attempt(self._knob, "not enough data", UNREADABLE, old=trial.old, new=trial.new)]
        return [self._judged(trial, trial.before, after)]

    def end(self) -> Rows:
        """Put the setting back, unless somebody else has set it since."""
        rows = self.settle()
        trial, self._trial, self._off = self._trial, None, False
        if trial is None:
            return rows
        if self._read() != trial.new:
            now = self._read()
            return [*rows, attempt(self._knob, "no change", "somebody else has set it since.", old=now, new=now)]
        self._write(trial.old)
        reason = "memory is free again: the setting is back."
        return [*rows, attempt(self._knob, "rolled back", reason, old=trial.new, new=trial.old)]

    def _judged(self, trial: _Trial[T], before: Resident, after: Resident) -> dict[str, Any]:
        freed, noise = after.freed_since(before)
        said = f"since then resident memory is {change_in_words(freed)}"
        change = {"old": trial.old, "new": trial.new, **_at(before, self._metric), "measured": after.nbytes}
        if freed > noise:
            return attempt(self._knob, "kept", f"{said}.", **change, noise_floor=noise)
        self._trial, self._off = None, True
        if self._read() == trial.new:
            self._write(trial.old)
        reason = f"{said}: it freed nothing and is switched off until memory is free again."
        return attempt(self._knob, "rolled back", reason, **change, noise_floor=noise)


class FlightRecord:
    """Brings what was recorded to disk before memory ends: should the program be killed, that tells why.

    Parameters
    ----------
    write
        Writes the record and returns where it is, or None where there is no place for one.
    residents
        Reads of resident memory.

    Examples
    --------
    >>> [row["reason"] for row in FlightRecord(lambda: None, Residents(lambda: 1)).run()]
    ['the run has no folder, so there is no place for the flight record.']
    """

    def __init__(self, write: Callable[[], str | None], residents: Residents) -> None:
        self._write, self._residents = write, residents

    def run(self) -> Rows:
        """Write the record, anew each time."""
        before = self._residents.read()
        place = self._write()
        after = self._residents.read()
        numbers = {**_at(before), "measured": None if after is None else after.nbytes}
        if place is None:
            reason = "the run has no folder, so there is no place for the flight record."
            return [attempt("flight record", "no change", reason, old=None, new=None, **numbers)]
        reason = "it was written; it frees nothing, and tells what happened should the program be killed."
        return [attempt("flight record", "kept", reason, old=None, new=place, **numbers)]

    def settle(self) -> Rows:
        """Return no rows: there is nothing to judge."""
        return []

    def end(self) -> Rows:
        """Return no rows: what was written stays."""
        return []


def _at(before: Resident | None, metric: str = METRIC["metric"]) -> dict[str, Any]:
    return {"metric": metric, "unit": "bytes", "before": None if before is None else before.nbytes}
