"""The tables of a run: each made from the frames, with units, and with the reason where a value is missing.

In: frames of a run. Out: `Table`s; one without rows means that nothing of the kind was recorded.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from perflab.present import arms, read
from perflab.present.tables import Cell, Table, table
from perflab.present.theme import VERDICTS
from perflab.present.verdicts import Row, interval, rows
from perflab.units import format_bytes, format_quantity, format_seconds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["effects", "events", "metrics", "optimizations", "recommendations", "slowest", "slowest_keys", "targets"]

_SLOWEST = 10
_LONGEST_METHOD = 400


def targets(frame: pd.DataFrame, *, brief: bool = False) -> Table:
    """Return what was wanted, what was measured and the verdict; `brief` leaves out how and the bound's source.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"name": "cache.hit_rate", "expression": "cache.hit_rate > 0.90", "unit": "ratio", "actual": 0.93,
    ...        "low": 0.92, "high": 0.94, "verdict": "pass", "how": "measured", "source": "guide"}
    >>> print(targets(pd.DataFrame([row]), brief=True).text())
    target             bound  actual  95 % interval     verdict
    --------------  --------  ------  ----------------  -------
    cache.hit_rate  > 90.0 %  93.0 %  92.0 % to 94.0 %  ✓ pass
    """
    heads = ("target", "bound", "actual", "95 % interval", "verdict", "how", "source")
    shown = 5 if brief else len(heads)
    body = [
        (
            row.name,
            row.wanted,
            row.value,
            interval(row.low, row.high, row.unit, row.how) or "–",
            Cell(row.mark, f"v {VERDICTS[row.verdict][1]}"),
            _kind(row),
            row.source or "–",
        )
        for row in rows(frame)
    ]
    return table("Targets and verdicts", heads[:shown], [row[:shown] for row in body], numeric=("bound", "actual"))


def metrics(frame: pd.DataFrame, caption: str = "Every metric and how it was obtained") -> Table:
    """Return every metric with its interval and how it was obtained, or why not."""
    body = []
    for record in read.records(frame):
        unit, value = read.text(record.get("unit")), read.number(record.get("value"))
        count = read.number(record.get("n"))
        method, how = read.text(record.get("method")), read.text(record.get("how")) or "–"
        between = interval(read.number(record.get("low")), read.number(record.get("high")), unit, method)
        cells = (format_quantity(value, unit), between or "–", f"{count:,.0f}" if math.isfinite(count) else "–")
        role = "absent" if not math.isfinite(value) else ""
        said = Cell(method or "–", longest=_LONGEST_METHOD)
        body.append((read.text(record.get("name")), *cells, Cell(how, role), said))
    heads = ("metric", "value", "95 % interval", "n", "how", "method, or why not")
    return table(caption, heads, body, numeric=("value", "n"))


def slowest(operations: pd.DataFrame, samples: pd.DataFrame) -> Table:
    """Return the ten longest operations; for a benchmark those of its timed optimized arms, with the arm."""
    counted = len(samples) > 0
    operations, runs = arms.measured(operations, samples), arms.by_run(samples)
    ordered = operations.sort_values("duration_s", ascending=False, kind="stable") if len(operations) else operations
    body = [
        (
            read.text(record.get("name")) or "–",
            *([runs.get(read.text(record.get("run_id")), "–")] if counted else []),
            read.text(record.get("key")) or "–",
            _seconds(record.get("duration_s")),
            _bytes(record.get("nbytes")),
            read.text(record.get("error")) or ("failed" if record.get("ok") is False else "–"),
        )
        for record in read.records(ordered.head(_SLOWEST))
    ]
    heads = ("operation", *(["arm"] if counted else []), "key", "duration", "handled", "error")
    where = " in the timed runs of the optimized arms" if counted else ""
    note = f"The {len(body)} longest of {len(operations):,}{where}."
    return table("Slowest operations", heads, body, numeric=("duration", "handled"), note=note)


def slowest_keys(accesses: pd.DataFrame, samples: pd.DataFrame) -> Table:
    """Return the ten keys that the program waited for the longest in all; for a benchmark, in the rows of its metrics.

    Of hits in l1 only a sample is timed, so what is told is a lower bound.
    """
    rows, of = arms.of_cache(accesses, samples)
    read_rows = rows[rows["event"].isin(("hit", "miss"))] if len(rows) else rows
    waited = read_rows.assign(missed=read_rows["event"] == "miss").groupby("key", observed=True)
    found = waited.agg(waited_s=("duration_s", "sum"), accesses=("event", "size"), misses=("missed", "sum"))
    found = found[found["waited_s"] > 0].sort_values("waited_s", ascending=False, kind="stable")
    body = [
        (str(key), format_seconds(row["waited_s"]), f"{row['accesses']:,}", f"{row['misses']:,}")
        for key, row in zip(found.index[:_SLOWEST], found.head(_SLOWEST).to_dict("records"), strict=True)
    ]
    heads = ("key", "waited, at least", "accesses", "misses")
    note = f"The {len(body)} of {len(found):,} keys{f' of the {of}' if of else ''} that took the most time."
    return table("Slowest keys", heads, body, numeric=heads[1:], note=note)


def events(frame: pd.DataFrame) -> Table:
    """Return how often each event happened, when first and last, and its last payload."""
    grouped: dict[str, list[tuple[float, str]]] = {}
    for record, second in zip(read.records(frame), read.elapsed(frame), strict=True):
        grouped.setdefault(read.text(record.get("name")), []).append((float(second), read.text(record.get("payload"))))
    body = [
        (name or "–", f"{len(seen):,}", _since(min(seen)[0]), _since(max(seen)[0]), max(seen)[1] or "–")
        for name, seen in grouped.items()
    ]
    note = "Of every process of the run, whatever it was measured for. Times count from the first event."
    heads = ("event", "times", "first", "last", "last payload")
    return table("Events", heads, body, numeric=("times", "first", "last"), note=note)


def optimizations(frame: pd.DataFrame) -> Table:
    """Return every setting that was tried, what came of it, and why."""
    body: list[tuple[Cell | str, ...]] = [
        (
            *(_known(record.get(name)) for name in ("knob", "old", "new", "verdict")),
            Cell(read.text(record.get("reason")) or "–", longest=_LONGEST_METHOD),
        )
        for record in read.records(frame)
    ]
    return table("Settings tried", ("setting", "old", "new", "verdict", "reason"), body)


def _known(value: object) -> str:
    # Settings are kept as JSON; a step without a setting has none.
    shown = read.text(value)
    return "–" if shown in ("", "null") else shown


def effects(frame: pd.DataFrame) -> Table:
    """Return what the settings that were tried changed, predicted and measured; none of which nothing is known."""
    body = []
    for record in read.records(frame):
        unit = read.text(record.get("unit"))
        numbers = [read.number(record.get(name)) for name in ("before", "predicted", "measured", "noise_floor")]
        low, high = read.number(record.get("low")), read.number(record.get("high"))
        if not any(map(math.isfinite, numbers)):
            continue
        *shown, noise = (format_quantity(value, unit) if math.isfinite(value) else "–" for value in numbers)
        said = [_known(record.get(name)) for name in ("knob", "new", "metric")]
        body.append((*said, *shown, interval(low, high, unit) or "–", noise))
    heads = ("setting", "new", "metric", "before", "predicted", "measured", "95 % interval", "noise floor")
    return table("What they changed", heads, body, numeric=("before", "predicted", "measured", "noise floor"))


def recommendations(frame: pd.DataFrame) -> Table:
    """Return what `analyze.next_steps` recommends, each with the rows that it rests on."""
    body = [
        (
            read.text(record["horizon"]),
            read.text(record["priority"]),
            Cell(read.text(record["recommendation"]), longest=_LONGEST_METHOD),
            Cell(read.text(record["because"]), longest=_LONGEST_METHOD),
            Cell(f"{record['rows']:,} of {record['frame']}: {record['filter']}", longest=_LONGEST_METHOD),
        )
        for record in read.records(frame)
    ]
    heads = ("when", "priority", "what", "why", "rests on")
    return table("Recommendations", heads, body)


def _kind(row: Row) -> str:
    """Return how the value was obtained in a word, or why there is none; the method stands with the metrics."""
    return f"unavailable: {row.reason}" if not math.isfinite(row.actual) else row.how.partition(":")[0] or "–"


def _seconds(value: object) -> str:
    seconds = read.number(value)
    return format_seconds(seconds) if math.isfinite(seconds) else "–"


def _bytes(value: object) -> str:
    size = read.number(value)
    return format_bytes(size) if math.isfinite(size) else "–"


def _since(seconds: float) -> str:
    return f"+{seconds:,.1f} s" if math.isfinite(seconds) else "–"
