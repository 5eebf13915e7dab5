"""What to do next, by what was recorded: at once, soon, and in the long run.

In: recorded frames, and what the cache is asked to reach. Out: a frame of recommendations, each with the rows that it
rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HORIZONS", "next_steps"]

Horizon = Literal["immediate", "short term", "long term"]
HORIZONS: tuple[Horizon, ...] = ("immediate", "short term", "long term")
Priority = Literal["high", "medium", "low"]
_PRIORITIES: tuple[Priority, ...] = ("high", "medium", "low")

Frames = Mapping[str, "pd.DataFrame"]

_MANY = 0.05
"""Share of the accesses from which a kind of event counts as frequent."""
_FIRST = 0.8
"""Share of misses that are first reads from which it is those that cost most."""
_DEAREST = 0.05
"""Share of the keys whose loads are looked at."""
_FILES = 3
"""Files that were processed before it is worth trying what workers and chunk sizes do."""


class Advice(NamedTuple):
    """A recommendation, given if there are rows for it: `frame.query(filter)`; `because` may name their `{rows}`."""

    horizon: Horizon
    priority: Priority
    recommendation: str
    because: str
    frame: str
    filter: str

    @property
    def urgency(self) -> tuple[int, int]:
        return HORIZONS.index(self.horizon), _PRIORITIES.index(self.priority)

    def told_of(self, rows: int) -> Advice:
        return self._replace(because=self.because.format(rows=f"{rows:,}"))


@dataclass(frozen=True, slots=True)
class _Seen:
    """The frames, and the counts that several rules ask for."""

    frames: Frames
    hit_rate: float
    limit_bytes: int

    def count(self, frame: str, filter_: str) -> int:
        return len(self.frames[frame].query(filter_))

    @property
    def accesses(self) -> int:
        return self.count("accesses", "event == 'hit' or event == 'miss'")

    @property
    def misses(self) -> int:
        return self.count("accesses", "event == 'miss'")

    @property
    def falls_short(self) -> bool:
        return self.accesses > 0 and 1 - self.misses / self.accesses < self.hit_rate

    def share(self, rows: int) -> float:
        return rows / max(1, self.accesses)


def next_steps(frames: Frames, *, hit_rate: float, limit_bytes: int) -> pd.DataFrame:
    """Return what to do next: what is most urgent first.

    Parameters
    ----------
    frames
        Recorded frames by name.
    hit_rate
        What the cache is asked to reach, 0..1.
    limit_bytes
        What its memory tiers may hold together.

    Returns
    -------
    pandas.DataFrame
        `horizon` (`immediate`, `short term`, `long term`), `priority` (`high`, `medium`, `low`), `recommendation`,
        `because`, and the rows on which it rests: the `frame`, a `filter` for `DataFrame.query`, and how many `rows`
        that gives. Empty if nothing speaks for a change.
    """
    import pandas as pd

    seen = _Seen(frames, hit_rate, limit_bytes)
    given = [*(advice for rule in _RULES if (advice := rule(seen)) is not None), *_WHEREVER_ROWS]
    found = [(advice, rows) for advice in given if (rows := seen.count(advice.frame, advice.filter))]
    found.sort(key=lambda each: (each[0].urgency, -each[1]))
    table = [(*advice.told_of(rows), rows) for advice, rows in found]
    return pd.DataFrame(table, columns=[*Advice._fields, "rows"]).astype({"rows": "int64"})


def _too_small(seen: _Seen) -> Advice | None:
    filter_ = "event == 'evict' and tier != 'l3'"
    if seen.falls_short:
        often = seen.share(seen.count("accesses", filter_)) > _MANY
        rate = 1 - seen.share(seen.misses)
        return Advice(
            "immediate",
            "high" if often else "medium",
            "Look for a better size and policy: system.optimize().",
            f"{{rows}} entries left memory for room while the hit rate is {rate:.1%}, of {seen.hit_rate:.0%} wanted.",
            "accesses",
            filter_,
        )
    return None


def _too_old(seen: _Seen) -> Advice | None:
    filter_ = "event == 'expire'"
    if seen.share(seen.count("accesses", filter_)) > _MANY:
        return Advice(
            "short term",
            "medium",
            "Let entries live longer: cache.l2_ttl_s, or cache_targets.max_ttl_s so that system.optimize() may.",
            "{rows} entries left by age.",
            "accesses",
            filter_,
        )
    return None


def _untried_work(seen: _Seen) -> Advice | None:
    filter_ = "name == 'process-file'"
    proved = "metric == 'workload.time' and knob == 'parallel.workers'"
    if seen.count("operations", filter_) >= _FILES and not seen.count("optimizations", proved):
        return Advice(
            "short term",
            "low",
            "Try other numbers of workers and sizes of chunks: system.optimize(workload=...).",
            "{rows} files were processed, with settings that nobody has held against others.",
            "operations",
            filter_,
        )
    return None


def _first_reads(seen: _Seen) -> Advice | None:
    missed = seen.frames["accesses"].query("event == 'miss'")
    if seen.falls_short and len(missed) and missed["key"].nunique() / len(missed) >= _FIRST:
        return Advice(
            "long term",
            "medium",
            "Start warm: system.snapshot() at the end, system.restore() at the start; or give cache.l3_dir a folder.",
            "Of {rows} misses most are first reads, which no size and no policy avoids.",
            "accesses",
            "event == 'miss'",
        )
    return None


def _out_of_memory(seen: _Seen) -> Advice | None:
    settled = seen.count("optimizations", "knob == 'cache.l1_bytes' and verdict == 'no change'")
    if settled and seen.falls_short:
        return Advice(
            "long term",
            "medium",
            f"Allow more than {seen.limit_bytes:,} bytes of memory: cache_targets.max_memory_bytes.",
            "The cache is set as well as the recorded accesses tell, and still misses {rows} times.",
            "accesses",
            "event == 'miss'",
        )
    return None


def _dear_loads(seen: _Seen) -> Advice | None:
    loads = seen.frames["accesses"].query("event == 'load'")
    by_key = loads.groupby("key", observed=True)["duration_s"].sum().sort_values(ascending=False)
    total = float(by_key.sum())
    few = by_key.head(max(1, int(len(by_key) * _DEAREST)))
    if total > 0 and len(by_key) >= 1 / _DEAREST:
        return Advice(
            "long term",
            "low",
            f"Make the dearest loads cheaper, first that of {few.index[0]!r}.",
            f"{{rows}} loads took {total:.3g} s, of which {few.sum() / total:.0%} went to {len(few):,} keys.",
            "accesses",
            "event == 'load'",
        )
    return None


_RULES: tuple[Callable[[_Seen], Advice | None], ...] = (
    _too_small,
    _too_old,
    _untried_work,
    _first_reads,
    _out_of_memory,
    _dear_loads,
)
"""Advice that depends on more than its own rows."""

_WHEREVER_ROWS = (
    Advice(
        "immediate",
        "high",
        "Give memory back: system.optimize('memory_pressure').",
        "Times that memory passed its threshold: {rows}.",
        "events",
        "name == 'memory_warning'",
    ),
    Advice(
        "immediate",
        "high",
        "Look at the errors of operations before anything is made faster.",
        "{rows} operations failed.",
        "operations",
        "ok == False",
    ),
    Advice(
        "immediate",
        "high",
        "Move cache.l3_dir to another medium.",
        "{rows} values on disk were damaged and are not served.",
        "accesses",
        "event == 'quarantine'",
    ),
    Advice(
        "immediate",
        "medium",
        "Prove the settings on what is read now: system.optimize().",
        "The proof of {rows} settings has expired, as other keys are read.",
        "optimizations",
        "verdict == 'expired'",
    ),
    Advice(
        "short term",
        "medium",
        "Store smaller values, or give the tier more bytes than its largest value.",
        "{rows} values were larger than their tier and not stored.",
        "accesses",
        "event == 'reject' and reason == 'oversize'",
    ),
    Advice(
        "short term",
        "medium",
        "Switch prefetching off: predictive_prefetching_enabled = false.",
        "{rows} times too few of the entries that were promoted were used.",
        "optimizations",
        "knob == 'predictive_prefetching_enabled' and verdict == 'rolled back'",
    ),
    Advice(
        "short term",
        "medium",
        "Use fewer workers, or let others have the cores: parallel.workers.",
        "Times that the cores were busier than the threshold: {rows}.",
        "events",
        "name == 'cpu_warning'",
    ),
)
"""Advice given wherever there are rows for it."""
