"""Keep workers, chunk size and prefetching as applied only as long as the program's operations do not get slower.

In: the config before and after, the operations. Out: rows of `optimizations`; on regression the old values in force.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from perflab.analyze.intervals import median
from perflab.analyze.metrics.select import slug
from perflab.config import Config
from perflab.optimize.drift import RECENT
from perflab.optimize.result import WATCH, Verdict, attempt
from perflab.optimize.watch_work import Found, WorkWatch, durations
from perflab.optimize.work import KNOBS, Knob

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FIRST_LOOK_S", "LONGEST_S", "KeptWork", "Work"]

FIRST_LOOK_S = 5.0
"""Seconds after which it is looked at for the first time; then after twice as many, and so on."""
LONGEST_S = 3600.0
"""Seconds after which the watch ends, whatever was seen; also how far back operations count as those before."""

_PREFETCHING = "predictive_prefetching_enabled"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """What of a system is watched, and put back.

    Attributes
    ----------
    config : callable
        The config in force.
    apply : callable
        Puts another one in force.
    operations : callable
        `operations(begun_s, ended_s)` -> frame of `name`, `duration_s` and `ended_s`, in order, of those that began at
        the first or later, and ended after the second; seconds since 1970 (UTC).
    imprecise : callable
        Returns the row of `optimizations` that tells how precise prefetching was, if its gate stands closed, else None.
    disturbed : callable
        Whether memory is relieved at the moment, which makes operations slower whatever the settings.
    """

    config: Callable[[], Config]
    apply: Callable[[Config], object]
    operations: Callable[[float, float], pd.DataFrame]
    imprecise: Callable[[], Row | None] = lambda: None
    disturbed: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class _Applied:
    """Knobs that were turned by one optimization, and how far the operations since were looked at.

    Operations count that began at `clean_s` or later, and ended after `seen_s`: the others have been judged.
    """

    knobs: tuple[Knob, ...]
    old: Config
    new: Config
    watch: WorkWatch
    begun_s: float
    clean_s: float
    seen_s: float
    next_s: float

    def start_anew(self, config: Config, now_s: float) -> None:
        """Let no operation count that has begun."""
        self.new, self.clean_s, self.seen_s = config, now_s, now_s
        self.watch = replace(self.watch, suspects=frozenset())


class KeptWork:
    """Watches what the last workload decided, as a whole: what was proved one upon the other goes back together.

    Parameters
    ----------
    work
        What is watched.
    clock
        Seconds since 1970 (UTC), as the operations are dated.
    """

    _applied: _Applied | None

    def __init__(self, work: Work, clock: Callable[[], float] = time.time) -> None:
        self._work = work
        self._clock = clock
        self.forget()

    @property
    def watching(self) -> WorkWatch | None:
        """What is watched at the moment."""
        return None if self._applied is None else self._applied.watch

    @property
    def due(self) -> bool:
        """Whether it is time for a look."""
        return self._applied is not None and self._clock() >= self._applied.next_s

    def before(self) -> pd.DataFrame:
        """Return the operations that a change made from now on is held against."""
        now_s = self._clock()
        return self._work.operations(now_s - LONGEST_S, now_s - LONGEST_S)

    def begin(self, old: Config, before: pd.DataFrame) -> list[Row]:
        """Watch what is set otherwise than in `old`, in place of earlier changes; return rows if that cannot be."""
        new = self._work.config()
        knobs = tuple(knob for knob in KNOBS if knob.of(old) != knob.of(new))
        if not knobs:
            return []
        watch = WorkWatch.of(before, new.benchmark.band_ratio)
        if watch is None:
            self.forget()
            return [_unwatched(knob, old, new) for knob in knobs]
        now_s = self._clock()
        self._applied = _Applied(knobs, old, new, watch, now_s, now_s, now_s, now_s + FIRST_LOOK_S)
        return []

    def review(self) -> list[Row]:
        """Look now, if it is time; the caller has the turn. Return the rows of what it found.

        While memory is relieved, or once another setting has changed, what ran so far says nothing of these.
        """
        applied, now_s = self._applied, self._clock()
        if applied is None or not self.due:
            return []
        config = self._work.config()
        if any(knob.of(config) != knob.of(applied.new) for knob in applied.knobs):
            self.forget()  # somebody has set it otherwise since
            return []
        applied.next_s = min(now_s + (now_s - applied.begun_s), applied.begun_s + LONGEST_S)
        disturbed = self._work.disturbed()
        rows = [] if disturbed else self._review_precision(applied)
        config = self._work.config()
        if disturbed or config != applied.new:
            applied.start_anew(config, now_s)
        return rows + (self._review_operations(applied, now_s) if applied.knobs else [])

    def forget(self) -> None:
        """Watch nothing any more."""
        self._applied = None

    def _review_precision(self, applied: _Applied) -> list[Row]:
        """Take prefetching back if its own gate has closed: it measures each prefetched key, not whole operations."""
        knob = next((knob for knob in applied.knobs if knob.path == _PREFETCHING), None)
        row = self._work.imprecise() if knob is not None and knob.of(applied.new) else None
        if knob is None or row is None:
            return []
        applied.knobs = tuple(other for other in applied.knobs if other is not knob)
        if not applied.knobs:
            self.forget()
        self._restore((knob,), applied.old)
        return [_imprecise(knob, row)]

    def _review_operations(self, applied: _Applied, now_s: float) -> list[Row]:
        since = self._work.operations(applied.clean_s, applied.seen_s)
        found = applied.watch.look(since)
        if found.watch is not applied.watch:
            applied.watch, applied.seen_s = found.watch, float(since["ended_s"].max())
        if found.verdict == "waiting" and now_s < applied.begun_s + LONGEST_S:
            return []
        self.forget()
        if found.verdict == "regressed":
            self._restore(applied.knobs, applied.old)
        return [_told(knob, applied, found, since) for knob in applied.knobs]

    def _restore(self, knobs: tuple[Knob, ...], old: Config) -> None:
        config = self._work.config()
        for knob in knobs:
            config = knob.restored(config, old)
        self._work.apply(config)


def _unwatched(knob: Knob, old: Config, new: Config) -> Row:
    reason = f"No operation had run {RECENT} times before it, so that it is not watched."
    return attempt(knob.path, "not enough data", reason, old=knob.of(old), new=knob.of(new), phase=WATCH)


def _imprecise(knob: Knob, row: Row) -> Row:
    """Return the row of prefetching that is taken back; its precision was measured while it was on."""
    bounds = f"{row['measured']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
    reason = f"Precision is {bounds}, which its gate takes for too little: {row['reason']}"
    numbers = {"metric": row["metric"], "unit": row["unit"], "before": row["measured"]}
    return attempt(knob.path, "rolled back", reason, old=True, new=False, phase=WATCH, **numbers)


def _verdict(found: Found) -> Verdict:
    if found.verdict == "regressed":
        return "rolled back"
    unharmed = found.verdict == "waiting" and found.watch.looked_at > 0 and not found.watch.suspects
    return "kept" if found.verdict == "held" or unharmed else "expired"


def _reason(found: Found) -> str:
    if found.verdict != "waiting":
        return found.reason[0].upper() + found.reason[1:]
    return f"Its time is over after {found.watch.looked_at:,} operations that were looked at; at the end {found.reason}"


def _told(knob: Knob, applied: _Applied, found: Found, since: pd.DataFrame) -> Row:
    """Return the row of a watch that has ended: from what was in force to what is, with what was measured of both."""
    verdict, values = _verdict(found), (knob.of(applied.old), knob.of(applied.new))
    old, new = reversed(values) if verdict == "rolled back" else values
    numbers = _numbers(found, since, taken_back=verdict == "rolled back")
    return attempt(knob.path, verdict, _reason(found), old=old, new=new, phase=WATCH, **numbers)


def _numbers(found: Found, since: pd.DataFrame, *, taken_back: bool) -> Row:
    """Return the medians of the slowest operation; what is in force again was measured before the change."""
    if found.slowest is None:
        return {}
    name = found.slowest.operation
    sides = [median(found.watch.before[name]), median(durations(since)[name])]
    before, measured = reversed(sides) if taken_back else sides
    return {
        "metric": f"{slug(name)}.p50",
        "unit": "s",
        "before": before.value,
        "measured": measured.value,
        "low": measured.low,
        "high": measured.high,
        "noise_floor": sides[0].value * found.watch.noise_ratio(name),
    }
