"""The tables of a run: each made from the frames, with units, and with the reason where a value is missing.

In: frames of a run. Out: `Table`s; one without rows means that nothing of the kind was recorded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perflab.analyze.intervals import median
from perflab.present import escape, read
from perflab.present.comparisons import comparisons
from perflab.present.tables import Cell, Table, table
from perflab.present.theme import VERDICTS
from perflab.present.verdicts import Row, humanize, interval, rows
from perflab.record.frames import ACCESS_EVENTS
from perflab.units import format_bytes, format_quantity, format_seconds

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "cache",
    "events",
    "improvements",
    "memory",
    "metrics",
    "optimizations",
    "quality",
    "slowest",
    "targets",
]

_SLOWEST = 10
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
            interval(row.low, row.high, row.unit) or "–",
            Cell(row.mark, f"v {VERDICTS[row.verdict][1]}"),
            _kind(row),
            row.source or "–",
        )
        for row in rows(frame)
    ]
    return table("Targets and verdicts", heads[:shown], [row[:shown] for row in body], numeric=("bound", "actual"))


def metrics(frame: pd.DataFrame) -> Table:
    """Return every metric with its interval and how it was obtained, or why not."""
    body = []
    for record in read.records(frame):
        unit, value = read.text(record.get("unit")), read.number(record.get("value"))
        count = read.number(record.get("n"))
        between = interval(read.number(record.get("low")), read.number(record.get("high")), unit)
        how = read.text(record.get("how")) or "–"
        cells = (format_quantity(value, unit), between or "–", f"{count:,.0f}" if math.isfinite(count) else "–")
        role = "absent" if not math.isfinite(value) else ""
        body.append((read.text(record.get("name")), *cells, Cell(how, role), read.text(record.get("method")) or "–"))
    heads = ("metric", "value", "95 % interval", "n", "how", "method, or why not")
    return table("Every metric and how it was obtained", heads, body, numeric=("value", "n"))


def improvements(samples: pd.DataFrame) -> Table:
    """Return baseline against optimized: medians, ratio with interval, noise floor, pairs."""
    body = [
        (
            escape.shorten(pairs.workload, 60),
            pairs.setting,
            format_seconds(pairs.baseline_median.value),
            format_seconds(pairs.other_median.value),
            pairs.effect,
            f"{pairs.comparison.ratio:.3f}",
            _plain_interval(pairs.comparison.low, pairs.comparison.high),
            format_quantity(pairs.comparison.baseline_noise, "ratio"),
            format_quantity(pairs.comparison.noise, "ratio"),
            str(pairs.comparison.pairs),
            pairs.comparison.verdict,
        )
        for pairs in comparisons(samples)
    ]
    heads = (
        "workload", "state", "baseline", "optimized", "effect", "ratio", "95 % interval",
        "noise, baseline", "noise, optimized", "pairs", "verdict",
    )  # fmt: skip
    numeric = ("baseline", "optimized", "ratio", "noise, baseline", "noise, optimized", "pairs")
    note = (
        "Ratio: optimized time over baseline time, exp of the median log ratio of the pairs, with its exact "
        "order-statistic interval; a verdict needs the whole interval outside, or inside, a band of ±3 %. Noise "
        "floor: the median spread of an arm against itself."
    )
    return table("Before and after", heads, body, numeric=numeric, note=note)


def cache(accesses: pd.DataFrame) -> Table:
    """Return what each tier answered and what happened in it, counted over the rows."""
    import numpy as np

    happened, tiers = read.texts(accesses, "event"), read.texts(accesses, "tier")
    hits, total = happened == "hit", int(np.isin(happened, ["hit", "miss"]).sum())
    seen = [event for event in ACCESS_EVENTS if event not in ("hit", "miss") and (happened == event).any()]
    reached, body = total, []
    for tier in sorted({str(tier) for tier in tiers if tier}):
        inside = tiers == tier
        body.append(
            _tier(tier, int(np.sum(hits & inside)), reached, total, [np.sum((happened == e) & inside) for e in seen])
        )
        reached -= int(np.sum(hits & inside))
    if len(accesses):
        body.append(_tier("all", int(hits.sum()), total, total, [np.sum(happened == event) for event in seen]))
    heads = ("tier", "hits", "misses", "share of accesses", "hit rate", *map(_plural, seen))
    unseen = [_plural(event) for event in ACCESS_EVENTS if event not in ("hit", "miss", *seen)]
    note = (
        f"n = {total:,} accesses. Misses and hit rate of a tier are of the accesses that reached it. Prefetched "
        f"and warmed entries are not accesses. Not seen: {', '.join(unseen) or 'nothing'}."
    )
    return table("Cache by tier", heads, body, numeric=heads[1:], note=note)


def _tier(name: str, hits: int, reached: int, total: int, counted: Sequence[int]) -> tuple[str, ...]:
    shares = _share(hits, total), _share(hits, reached)
    return name, f"{hits:,}", f"{reached - hits:,}", *shares, *(f"{number:,}" for number in counted)


def quality(samples: pd.DataFrame) -> Table:
    """Return precision and recall of the workloads, from the counted work of each state's and arm's latest sample."""
    latest: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for record in read.records(samples):
        work = _json(record.get("work"))
        if isinstance(work, Mapping) and {"precision", "recall"} & work.keys():
            workload, state, arm = (read.text(record.get(name)) for name in ("workload", "state", "arm"))
            latest[workload, state, arm] = work
    # Arms whose outputs agree count the same work: one row says so better than six.
    alike: dict[tuple[str, ...], list[str]] = {}
    for (workload, state, arm), work in latest.items():
        row = (workload, _ratio(work.get("precision")), _ratio(work.get("recall")), _rest(work))
        alike.setdefault(row, []).append(" ".join(filter(None, (state, arm))))
    body = [(row[0] or "–", *row[1:], ", ".join(of)) for row, of in alike.items()]
    heads = ("workload", "precision", "recall", "counted", "in")
    return table("Precision and recall of the findings", heads, body, numeric=("precision", "recall"))


def memory(samples: pd.DataFrame) -> Table:
    """Return the peak memory of each arm, from runs that were not timed."""
    peaks: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for record in read.records(samples):
        if read.text(record.get("purpose")) == "memory" and not read.text(record.get("error")):
            key = tuple(read.text(record.get(name)) for name in ("workload", "state", "arm"))
            peaks.setdefault(key, []).append(
                (read.number(record.get("peak_bytes")), read.number(record.get("growth_bytes")))
            )
    body = []
    for key, seen in sorted(peaks.items()):
        medians = [
            format_quantity(median([value for value in values if math.isfinite(value)]).value, "bytes")
            for values in zip(*seen, strict=True)
        ]
        body.append((*(escape.shorten(part, 40) or "–" for part in key), *medians, str(len(seen))))
    heads = ("workload", "state", "arm", "median peak", "median growth", "runs")
    note = (
        "Peak: resident memory summed over the processes' own peaks. Growth: above what was resident when work began."
    )
    return table("Peak memory, in runs of its own", heads, body, numeric=heads[3:], note=note)


def slowest(operations: pd.DataFrame) -> Table:
    """Return the ten longest operations."""
    ordered = operations.sort_values("duration_s", ascending=False, kind="stable") if len(operations) else operations
    body = [
        (
            read.text(record.get("name")) or "–",
            read.text(record.get("key")) or "–",
            _seconds(record.get("duration_s")),
            _bytes(record.get("nbytes")),
            read.text(record.get("error")) or ("failed" if record.get("ok") is False else "–"),
        )
        for record in read.records(ordered.head(_SLOWEST))
    ]
    heads = ("operation", "key", "duration", "handled", "error")
    note = f"The {len(body)} longest of {len(operations):,}."
    return table("Slowest operations", heads, body, numeric=("duration", "handled"), note=note)


def events(frame: pd.DataFrame) -> Table:
    """Return how often each event happened, when first and last, and its last payload."""
    grouped: dict[str, list[tuple[float, str]]] = {}
    for record, second in zip(read.records(frame), read.elapsed(frame), strict=True):
        grouped.setdefault(read.text(record.get("name")), []).append((float(second), read.text(record.get("payload"))))
    body = [
        (name or "–", f"{len(seen):,}", _since(min(seen)[0]), _since(max(seen)[0]), max(seen)[1] or "–")
        for name, seen in grouped.items()
    ]
    heads = ("event", "times", "first", "last", "last payload")
    return table("Events", heads, body, numeric=("times", "first", "last"), note="Times count from the first event.")


def optimizations(frame: pd.DataFrame) -> Table:
    """Return every setting that was tried: predicted, measured, kept or rolled back."""
    body = []
    for record in read.records(frame):
        unit = read.text(record.get("unit"))
        low, high = read.number(record.get("low")), read.number(record.get("high"))
        names = ("before", "predicted", "measured", "noise_floor")
        before, predicted, measured, noise = (format_quantity(read.number(record.get(name)), unit) for name in names)
        said = [read.text(record.get(name)) or "–" for name in ("knob", "old", "new", "verdict", "metric")]
        numbers = (before, predicted, measured, interval(low, high, unit) or "–", noise)
        body.append((*said, *numbers, read.text(record.get("reason")) or "–"))
    heads = (
        "setting", "old", "new", "verdict", "metric", "before", "predicted", "measured", "95 % interval", "noise floor",
        "reason",
    )  # fmt: skip
    return table("Settings tried", heads, body, numeric=("before", "predicted", "measured", "noise floor"))


def _kind(row: Row) -> str:
    """Return how the value was obtained in a word, or why there is none; the method stands with the metrics."""
    return f"unavailable: {row.reason}" if not math.isfinite(row.actual) else row.how.partition(":")[0] or "–"


def _share(part: int, whole: int) -> str:
    return format_quantity(part / whole, "ratio") if whole else "–"


def _plural(event: str) -> str:
    return _EVENTS.get(event, humanize(event))


def _plain_interval(low: float, high: float) -> str:
    return "–" if math.isnan(low) or math.isnan(high) else f"{low:.3f} to {high:.3f}"


def _json(text: object) -> Any:
    try:
        return json.loads(read.text(text) or "null")
    except ValueError:
        return None


def _ratio(value: object) -> str:
    return format_quantity(read.number(value), "ratio")


def _rest(work: Mapping[str, Any]) -> str:
    counted = {name: value for name, value in work.items() if name not in ("precision", "recall")}
    plain = {
        name: value for name, value in counted.items() if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return ", ".join(f"{humanize(str(name))} {value:,g}" for name, value in sorted(plain.items())) or "–"


def _seconds(value: object) -> str:
    seconds = read.number(value)
    return format_seconds(seconds) if math.isfinite(seconds) else "–"


def _bytes(value: object) -> str:
    size = read.number(value)
    return format_bytes(size) if math.isfinite(size) else "–"


def _since(seconds: float) -> str:
    return f"+{seconds:,.1f} s" if math.isfinite(seconds) else "–"
