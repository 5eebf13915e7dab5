"""How long the caller waited: the whole distribution, not its mean.

In: the `accesses` or the `samples` frame. Out: a matplotlib Figure: cumulative shares on a log axis, with percentiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.present import arms, escape, read
from perflab.present.sheet import MARGIN, WIDTH, Sheet, fit, not_enough, tick
from perflab.present.theme import LIGHT, Palette, style
from perflab.units import format_seconds

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["latency", "percentiles"]

_FEWEST = 5
_GROUPS = 8
_KNOTS = 120
_HEIGHT = 200.0
_LINES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 1.5, 1.5, 1.5)))
_MARKERS = {50: "o", 95: "s", 99: "D"}


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    seconds: NDArray[np.float64]


def latency(frame: pd.DataFrame, *, of: str = "", palette: Palette = LIGHT) -> Figure:
    """Draw the cumulative distribution of durations, one line a tier (accesses) or an arm (samples).

    A percentile is marked only where at least one value lies above it: p95 from 20 values on, p99 from 100 on.

    Parameters
    ----------
    frame
        `accesses` (grouped by event and tier; hits and misses that were timed) or `samples` (by workload and arm).
    of
        Whose accesses they are, such as `warm runs`; said in the title.
    """
    sampled = "wall_s" in frame.columns
    groups = _samples(frame) if sampled else _accesses(frame)
    what = "Execution times by workload and arm" if sampled else "Time the caller waited for a cache access"
    what = ", ".join(filter(None, (what, of)))
    large = [group for group in groups if len(group.seconds) >= _FEWEST]
    if not large:
        timed = sum(len(group.seconds) for group in groups)
        return not_enough(what, f"{timed} durations were measured, at least {_FEWEST} of one kind are needed", palette)
    with style(palette):
        return _draw(large, len(groups), what, palette)


def percentiles(seconds: NDArray[np.float64]) -> dict[int, float]:
    """Return p50, p95 and p99 in seconds; NaN where no value would lie above.

    Examples
    --------
    >>> import numpy as np
    >>> percentiles(np.arange(1.0, 21.0))
    {50: 10.5, 95: 19.05, 99: nan}
    """
    import numpy as np

    enough = {50: 1, 95: 20, 99: 100}
    return {
        rank: round(float(np.percentile(seconds, rank)), 15) if len(seconds) >= least else math.nan
        for rank, least in enough.items()
    }


def _accesses(frame: pd.DataFrame) -> list[_Group]:
    events, tiers = read.texts(frame, "event"), read.texts(frame, "tier")
    seconds = read.numbers(frame, "duration_s")
    names = {
        f"{event} {tier}".strip() for event, tier in set(zip(events, tiers, strict=True)) if event in ("hit", "miss")
    }
    return [
        _Group(name, _timed(seconds[(events == name.partition(" ")[0]) & (tiers == name.partition(" ")[2])]))
        for name in sorted(names)
    ]


def _samples(frame: pd.DataFrame) -> list[_Group]:
    return [
        _Group(f"{workload} · {name}", _timed(read.numbers(rows, "wall_s")))
        for workload, name, rows in arms.grouped(frame, "time")
    ]


def _timed(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    kept = np.sort(seconds[np.isfinite(seconds) & (seconds >= 0)])
    # A clock that did not tick between two reads says "less than a nanosecond", and a log axis has no zero.
    return np.maximum(kept, 1e-9)


def _draw(groups: Sequence[_Group], found: int, what: str, palette: Palette) -> Figure:
    shown = sorted(sorted(groups, key=lambda group: -len(group.seconds))[:_GROUPS], key=lambda group: group.name)
    total = sum(len(group.seconds) for group in shown)
    rest = found - len(shown)
    which = f"not drawn: those with fewer than {_FEWEST} values, or beyond {_GROUPS} groups"
    left_out = f" {rest} {'group is' if rest == 1 else 'groups are'} {which}." if rest else ""
    note = (
        f"n = {total:,} timed. Each line rises to the share of durations that were at most so long, drawn through at "
        f"most {_KNOTS} of its quantiles; ● p50, ■ p95 (from 20 values on), ◆ p99 (from 100 on).{left_out}"
    )
    legend = 24.0 + 16.0 * len(shown)
    sheet = Sheet.start(what, note, _HEIGHT + 44 + legend, palette)
    left = MARGIN + 52
    axes = sheet.axes(left, sheet.top + 4, WIDTH - MARGIN - 8 - left, _HEIGHT)
    for index, group in enumerate(shown):
        _line(axes, group, *_look(group.name, index, palette), palette)
    _scales(axes, shown)
    _legend(sheet, axes, shown, sheet.top + _HEIGHT + 48)
    return sheet.finish()


def _look(name: str, index: int, palette: Palette) -> tuple[str, Any]:
    roles = {"hit l1": "l1", "hit l2": "l2", "hit l3": "l3", "miss": "baseline"}
    if name in roles:
        return palette.color(roles[name]), _LINES[list(roles).index(name)]
    for arm in ("baseline", "optimized"):
        if f" · {arm}" in name:
            return palette.color(arm), _LINES[index // 2 % len(_LINES)]
    return palette.color(("third", "good", "unsure", "muted")[index % 4]), _LINES[index % len(_LINES)]


def _line(axes: Axes, group: _Group, color: str, dashes: Any, palette: Palette) -> None:
    import numpy as np

    ranks = np.linspace(0, 100, min(_KNOTS, len(group.seconds)))
    axes.plot(np.percentile(group.seconds, ranks), ranks / 100, color=color, linestyle=dashes, linewidth=1.8)
    for rank, value in percentiles(group.seconds).items():
        if math.isfinite(value):
            axes.plot(
                [value],
                [rank / 100],
                marker=_MARKERS[rank],
                markersize=6.5,
                color=color,
                markeredgecolor=palette.surface,
            )


def _scales(axes: Axes, groups: Sequence[_Group]) -> None:
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    low = min(float(group.seconds[0]) for group in groups) / 1.3
    high = max(float(group.seconds[-1]) for group in groups) * 1.3
    axes.set_xscale("log")
    axes.set(xlim=(low, high), ylim=(0, 1.03))
    axes.xaxis.set_major_locator(FixedLocator(_ticks(low, high)))
    axes.xaxis.set_major_formatter(lambda value, _: tick(value))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks([0, 0.25, 0.5, 0.75, 0.95], ["0 %", "25 %", "50 %", "75 %", "95 %"])
    axes.set_xlabel("duration (log scale)")
    axes.set_ylabel("share that took at most so long")
    axes.grid(visible=True)


def _ticks(low: float, high: float) -> list[float]:
    """Return at most eight round values: powers of ten, or 1-2-5 where the span is short."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if last - first <= 3 else (1,)
    ticks = [float(f"{f}e{p}") for p in range(first, last + 1) for f in factors if low <= float(f"{f}e{p}") <= high]
    return ticks[:: math.ceil(len(ticks) / 8)] if ticks else [float(f"{low:.2g}"), float(f"{high:.2g}")]


def _legend(sheet: Sheet, axes: Axes, groups: Sequence[_Group], top: float) -> None:
    columns = [WIDTH - MARGIN - 8 - offset for offset in (270.0, 180.0, 90.0, 0.0)]
    for x, head in zip(columns, ("n", "p50", "p95", "p99"), strict=True):
        sheet.text(x, top, head, size=8.0, align="right", color=sheet.palette.muted)
    for index, group in enumerate(groups):
        y = top + 16.0 * (index + 1)
        color, dashes = _look(group.name, index, sheet.palette)
        _key(sheet, axes, y, color, dashes)
        sheet.text(MARGIN + 52, y, fit(escape.visible(group.name), columns[0] - MARGIN - 52 - 50))
        cells = [f"{len(group.seconds):,}", *map(_shown, percentiles(group.seconds).values())]
        for x, cell in zip(columns, cells, strict=True):
            sheet.text(x, y, cell, align="right")


def _key(sheet: Sheet, axes: Axes, y: float, color: str, dashes: Any) -> None:
    from matplotlib.lines import Line2D

    height = 1 - y / sheet.height
    ends = [(MARGIN + 8) / WIDTH, (MARGIN + 44) / WIDTH]
    figure = axes.figure
    line = Line2D(
        ends, [height, height], color=color, linestyle=dashes, linewidth=1.8, transform=sheet.figure.transFigure
    )
    figure.add_artist(line)


def _shown(seconds: float) -> str:
    return format_seconds(seconds) if math.isfinite(seconds) else "–"
