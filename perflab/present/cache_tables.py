"""What the cache did: by tier, in each state of a benchmark, and by workload.

In: the `accesses` and `samples` frames. Out: `Table`s, counted over the rows that the metrics `cache.*` are of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from perflab.analyze.metrics.select import rows_of_optimized
from perflab.present import arms, escape, read
from perflab.present.tables import Cell, Table, table
from perflab.present.verdicts import humanize
from perflab.record.frames import ACCESS_EVENTS
from perflab.units import format_quantity

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["by_tier", "by_workload"]

_EVENTS = {
    "set": "sets",
    "evict": "evictions",
    "expire": "expiries",
    "promote": "promotions",
    "demote": "demotions",
    "reject": "rejections",
    "prefetch": "prefetched",
    "warm": "warmed",
    "load": "loads",
    "invalidate": "invalidations",
    "write_back": "write-backs",
    "quarantine": "quarantined",
}
_OTHERS = tuple(event for event in ACCESS_EVENTS if event not in ("hit", "miss"))

Row = tuple[Cell | str, ...]


def by_tier(accesses: pd.DataFrame, samples: pd.DataFrame) -> Table:
    """Return what each tier answered and what happened in it; for a benchmark in each state by itself."""
    if not len(samples):
        return _of_system(accesses)
    if not len(accesses):
        return table("Cache by state and tier", (), ())
    states = {state: rows_of_optimized(accesses, samples, state) for state in arms.states_measured(samples)}
    found = {state: rows for state, rows in states.items() if len(rows)}
    seen = [event for event in _OTHERS if any((read.texts(rows, "event") == event).any() for rows in found.values())]
    body: list[Row] = []
    for state, rows in found.items():
        runs = f"{len(set(read.texts(rows, 'run_id'))):,}"
        body += [(state, row[0], runs, *row[1:]) for row in _tiers(rows, seen)]
    heads = ("state", "tier", "runs", *_heads(seen))
    note = (
        "Counted over the timed runs of the optimized arms, as in the metrics; memory runs and warm-ups are left out. "
        "A state's runs are those on any number of workers; the next table tells them apart. "
        f"{_note(seen)}"
    )
    return table("Cache by state and tier", heads, body, numeric=heads[2:], note=note)


def by_workload(accesses: pd.DataFrame, samples: pd.DataFrame) -> Table:
    """Return the hit rate of each workload's optimized arms; a table without rows if there is no benchmark."""
    heads = ("workload", "arm", "runs", "accesses", "hits", "misses", "hit rate")
    body: list[Row] = []
    if len(accesses):
        for workload, name, rows in arms.grouped(samples, "time"):
            body += _hit_rate(workload, name, accesses[accesses["run_id"].isin(set(rows["arm_run_id"].dropna()))])
    return table("Hit rate by workload and arm", heads, body, numeric=heads[2:])


def _hit_rate(workload: str, name: str, rows: pd.DataFrame) -> list[Row]:
    happened = read.texts(rows, "event")
    hits, misses = (int((happened == event).sum()) for event in ("hit", "miss"))
    if not hits + misses:
        return []
    counts = (len(set(read.texts(rows, "run_id"))), hits + misses, hits, misses)
    return [(workload, name, *(f"{count:,}" for count in counts), _share(hits, hits + misses))]


def _of_system(accesses: pd.DataFrame) -> Table:
    happened = read.texts(accesses, "event")
    seen = [event for event in _OTHERS if (happened == event).any()]
    heads = ("tier", *_heads(seen))
    total = int(((happened == "hit") | (happened == "miss")).sum())
    body = _tiers(accesses, seen) if len(accesses) else []
    note = f"n = {total:,} accesses{_of_all(accesses)}. {_note(seen)}"
    return table("Cache by tier", heads, body, numeric=heads[1:], note=note)


def _of_all(accesses: pd.DataFrame) -> str:
    """Say what is not among the rows: keys that were not sampled, and rows that were dropped."""
    sampled, dropped = accesses.attrs.get("sample_ratio", 1.0), accesses.attrs.get("rows_dropped", 0)
    keys = f" to {sampled:.3g} of the keys, which alone were recorded" if sampled < 1 else ""
    return f"{keys}; {dropped:,} older rows were dropped for want of memory" if dropped else keys


def _tiers(accesses: pd.DataFrame, seen: Sequence[str]) -> list[Row]:
    """Return a row a tier, in the order in which they are asked, and one of all."""
    happened, tiers = read.texts(accesses, "event"), read.texts(accesses, "tier")
    hits = happened == "hit"
    total = int((hits | (happened == "miss")).sum())
    reached, body = total, []
    for tier in sorted({str(tier) for tier in tiers if tier}):
        inside = tiers == tier
        answered = int((hits & inside).sum())
        body.append(_row(escape.shorten(tier, 40), answered, reached, total, _counted(happened[inside], seen)))
        reached -= answered
    sums = _row("all", int(hits.sum()), total, total, _counted(happened, seen))
    return [*body, tuple(Cell(cell, "sum") for cell in sums)]


def _counted(happened: NDArray[np.object_], seen: Sequence[str]) -> list[int]:
    return [int((happened == event).sum()) for event in seen]


def _row(name: str, hits: int, reached: int, total: int, counted: Sequence[int]) -> tuple[str, ...]:
    shares = _share(hits, total), _share(hits, reached)
    return name, f"{hits:,}", f"{reached - hits:,}", *shares, *(f"{number:,}" for number in counted)


def _heads(seen: Sequence[str]) -> tuple[str, ...]:
    return "hits", "misses", "share of accesses", "hit rate", *map(_plural, seen)


def _note(seen: Sequence[str]) -> str:
    unseen = ", ".join(_plural(event) for event in _OTHERS if event not in seen) or "nothing"
    return (
        "Misses and hit rate of a tier are of the accesses that reached it. Prefetched and warmed entries are not "
        f"accesses. Not seen: {unseen}."
    )


def _plural(event: str) -> str:
    return _EVENTS.get(event, humanize(event))


def _share(part: int, whole: int) -> str:
    return format_quantity(part / whole, "ratio") if whole else "–"
