"""What prefetching was worth.

In: the frames `accesses` and `samples`. Out: the metrics `prefetch.*`, where anything was prefetched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.analyze.arrivals import arrivals, in_order
from perflab.analyze.intervals import observed, share
from perflab.analyze.metrics.row import Metric, measured
from perflab.analyze.metrics.select import rows_of_optimized
from perflab.trace.recorded import sizes_by_row

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["prefetching", "unanswered"]

_COUNTS = {
    "used": "entries that were read in memory after they had come",
    "late": "entries whose key was read between issue and arrival",
    "evicted unused": "entries that left for room before they were read",
}


def prefetching(accesses: pd.DataFrame, samples: pd.DataFrame, confidence: float = 0.95) -> list[Metric]:
    """Return issued, used, late, evicted unused, polluting, bytes; precision, coverage, timeliness, waste, saved time.

    Nothing is returned of a run without a `prefetch` row. Precision is of entries whose fate is known, and counts late
    ones as right; waste is of all bytes that were not used, those still held included, against the bytes that had to be
    fetched in any case.
    """
    chosen = rows_of_optimized(accesses, samples)
    if not (chosen["event"] == "prefetch").any():
        return []
    rows = in_order(chosen)
    came = arrivals(rows)
    came = came[came["event"] == "prefetch"]
    return [*_counts(came), *_shares(rows, came, confidence), *_bytes(rows, came)]


def unanswered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the reads that memory did not answer: misses, and hits on disk."""
    return rows[(rows["event"] == "miss") | ((rows["event"] == "hit") & (rows["tier"] == "l3"))]


def _counts(came: pd.DataFrame) -> list[Metric]:
    found = [_count("issued", len(came), "entries that were fetched ahead")]
    found += [_count(fate.replace(" ", "_"), int((came["fate"] == fate).sum()), what) for fate, what in _COUNTS.items()]
    spoiled = "entries that were driven out and missed before what drove them out was read"
    return [*found, _count("polluting", int(came["polluted"].sum()), spoiled)]


def _count(name: str, count: int, what: str) -> Metric:
    return measured(f"prefetch.{name}", "count", observed(count, count, "counted"), what)


def _shares(rows: pd.DataFrame, came: pd.DataFrame, confidence: float) -> list[Metric]:
    fates = came["fate"].value_counts()
    used, late = int(fates["used"]), int(fates["late"])
    known = len(came) - int(fates["held unused"])
    others = len(unanswered(rows))
    shares = {
        "precision": (used + late, known, "entries whose key was read / entries whose fate is known"),
        "coverage": (used, used + others, "used / reads that memory would not have answered"),
        "timeliness": (used, used + late, "used / (used + late)"),
    }
    return [
        measured(f"prefetch.{name}", "ratio", share(part, whole, confidence), what)
        for name, (part, whole, what) in shares.items()
    ]


def _bytes(rows: pd.DataFrame, came: pd.DataFrame) -> list[Metric]:
    nbytes = came["nbytes"].astype("float64")
    used = came["fate"] == "used"
    demanded = float(sizes_by_row(rows).loc[unanswered(rows).index].sum())
    useless = float(nbytes[~used & (came["fate"] != "late")].sum())
    needed = demanded + float(nbytes[used].sum())
    spared = came.loc[used, "spared_s"].dropna()
    total = observed(float(nbytes.sum()), len(came), "sum")
    wasted = observed(useless / needed if needed else float("nan"), len(came), "ratio of two sums")
    saved = observed(float(spared.sum()), len(spared), "sum")
    return [
        measured("prefetch.bytes", "bytes", total, "fetched ahead"),
        measured("prefetch.waste", "ratio", wasted, "bytes fetched ahead and not read / bytes fetched in any case"),
        measured("prefetch.saved", "s", saved, "time that fetching the used entries took"),
    ]
