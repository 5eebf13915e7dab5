"""What the host gave and the program took over a run: CPU and memory, with thresholds and events.

In: the `resources` and `events` frames. Out: a matplotlib Figure of panels over one time axis.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.present import escape, read
from perflab.present.sheet import MARGIN, WIDTH, Sheet, fit, not_enough, tick
from perflab.present.theme import LIGHT, Palette, style
from perflab.units import format_quantity

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["resources"]

TITLE = "CPU and memory over the run"
_FEWEST = 3
_BUCKETS = 150
_LEFT, _RIGHT, _PANEL, _BETWEEN = 66.0, 150.0, 112.0, 22.0
_EVENT_LINES = 4
# Room beside the first and the last mark, as a share of the time axis.
_EDGE = 0.012
# Fewer points than this make a line too short to be seen.
_SHORT = 4


@dataclass(frozen=True, slots=True)
class _Series:
    column: str
    label: str
    role: str
    line: str


_CPU = (
    _Series("cpu_ratio", "whole host", "muted", "--"),
    _Series("process_cpu_ratio", "this program", "optimized", "-"),
)
_MEMORY = (_Series("growth_bytes", "above baseline", "optimized", "-"),)


def resources(
    frame: pd.DataFrame,
    events: pd.DataFrame | None = None,
    *,
    cpu_threshold: float | None = None,
    memory_threshold: float | None = None,
    of: str = "",
    palette: Palette = LIGHT,
) -> Figure:
    """Draw CPU share and memory growth over time; long runs as means of equal slices with their extremes as a band.

    Each process, by its `run_id`, has lines of its own, with marks where they are short.

    Parameters
    ----------
    frame
        The `resources` frame: run_id, t, cpu_ratio, process_cpu_ratio, growth_bytes.
    of
        Whose processes they are, such as `timed runs of the optimized arms`; said under the title.
    events
        The `events` frame, marked under the panels.
    cpu_threshold, memory_threshold
        Ratio 0..1 and bytes, drawn as lines.
    """
    seconds = read.elapsed(frame)
    taken = int(sum(map(math.isfinite, seconds)))
    if taken < _FEWEST or float(max(seconds)) <= 0:
        reason = f"{taken} samples of the host were taken, at least {_FEWEST} over some time are needed"
        return not_enough(TITLE, reason, palette)
    with style(palette):
        return _draw(frame, seconds, events, (cpu_threshold, memory_threshold), of, palette)


def _draw(
    frame: pd.DataFrame,
    seconds: NDArray[np.float64],
    events: pd.DataFrame | None,
    thresholds: tuple[float | None, float | None],
    of: str,
    palette: Palette,
) -> Figure:
    lanes = _lanes(events, frame)
    note = _note(frame, float(max(seconds)), of)
    extra = 18.0 * len(lanes) + 10 if lanes else 0.0
    sheet = Sheet.start(TITLE, note, 2 * _PANEL + _BETWEEN + extra + 42, palette)
    axes = [_place(sheet, index) for index in range(2)]
    _panel(sheet, axes[0], frame, seconds, _CPU, thresholds[0])
    _panel(sheet, axes[1], frame, seconds, _MEMORY, thresholds[1])
    axes[0].yaxis.set_major_formatter(lambda value, _: f"{value * 100:.0f} %")
    axes[0].set_ylabel("share of all cores")
    axes[1].yaxis.set_major_formatter(lambda value, _: tick(value, "bytes"))
    axes[1].set_ylabel("memory growth")
    last = _events(sheet, lanes, axes[0].get_xlim()) if lanes else axes[1]
    for panel in axes:
        panel.tick_params(labelbottom=panel is last)
    last.set_xlabel("seconds since the first sample")
    return sheet.finish()


def _note(frame: pd.DataFrame, lasted: float, of: str) -> str:
    processes = len(set(read.texts(frame, "run_id")))
    whose = f" ({of})" if of else ""
    one = f"one process{whose}" if processes == 1 else f"{processes:,} processes{whose}, each with lines of its own"
    each = "means of equal slices, the band is least to most" if len(frame) > _BUCKETS else "one point a sample"
    return f"n = {len(frame):,} samples of {one}, over {lasted:.3g} s; {each}."


def _place(sheet: Sheet, index: int) -> Axes:
    top = sheet.top + 4 + index * (_PANEL + _BETWEEN)
    return sheet.axes(MARGIN + _LEFT, top, WIDTH - 2 * MARGIN - _LEFT - _RIGHT, _PANEL)


def _panel(
    sheet: Sheet,
    axes: Axes,
    frame: pd.DataFrame,
    seconds: NDArray[np.float64],
    series: Sequence[_Series],
    threshold: float | None,
) -> None:
    palette, y, top = sheet.palette, 0.9, 0.0
    unit = "bytes" if series[0].column.endswith("_bytes") else "ratio"
    for one in series:
        values = read.numbers(frame, one.column)
        said = _curve(axes, seconds, values, read.texts(frame, "run_id"), one, palette, unit)
        _beside(axes, y, one.line, f"{one.label}", said, palette.color(one.role), palette)
        top = max([top, *(float(value) for value in values if math.isfinite(value))])
        y -= 0.3
    if threshold is not None and math.isfinite(threshold):
        axes.axhline(threshold, color=palette.bad, linewidth=1.3, linestyle=(0, (5, 2)))
        _beside(axes, y, (0, (5, 2)), "threshold", format_quantity(threshold, unit), palette.bad, palette)
        top = max(top, threshold)
    _frame(axes, float(max(seconds)), top, [read.numbers(frame, one.column) for one in series], unit)


def _frame(axes: Axes, last: float, top: float, drawn: Sequence[NDArray[np.float64]], unit: str) -> None:
    import numpy as np

    finite = np.concatenate([values[np.isfinite(values)] for values in drawn])
    least = min(0.0, float(finite.min())) if finite.size else 0.0
    axes.set(
        xlim=(-_EDGE * last, (1 + _EDGE) * last), ylim=(least * 1.1, max(top * 1.08, 1.0 if unit == "ratio" else 1e6))
    )
    axes.locator_params(axis="y", nbins=4)
    axes.grid(visible=True)


def _curve(
    axes: Axes,
    seconds: NDArray[np.float64],
    values: NDArray[np.float64],
    runs: NDArray[np.object_],
    one: _Series,
    palette: Palette,
    unit: str,
) -> str:
    """Draw one series and return its greatest and mean value in words."""
    import numpy as np

    known = np.isfinite(values) & np.isfinite(seconds)
    if not known.any():
        return "unavailable"
    color = palette.color(one.role)
    parts = [
        _slices(seconds[own], values[own], int(known.sum()))
        for run in dict.fromkeys(runs)
        if (own := known & (runs == run)).any()
    ]
    x, mean, low, high = (_joined([part[column] for part in parts]) for column in range(4))
    if len(values) > _BUCKETS:
        axes.fill_between(x, low, high, color=color, alpha=0.22, linewidth=0)
    axes.plot(x, mean, color=color, linewidth=1.6, linestyle=one.line)
    short = [part for part in parts if len(part[0]) < _SHORT]
    if short:
        points = [np.concatenate([part[column] for part in short]) for column in range(2)]
        fill = color if one.line == "-" else palette.surface
        axes.plot(*points, "o", color=color, markerfacecolor=fill, markersize=3.4, markeredgewidth=0.9)
    average, most = (format_quantity(float(value), unit) for value in (values[known].mean(), values[known].max()))
    return f"mean {average}, max {most}"


def _slices(seconds: NDArray[np.float64], values: NDArray[np.float64], total: int) -> tuple[NDArray[np.float64], ...]:
    """Return a process's times, means, minima and maxima, in its share of the slices that a plot has for `total`."""
    import numpy as np

    order = np.argsort(seconds, kind="stable")
    count = min(len(values), max(1, _BUCKETS * len(values) // total))
    parts = np.array_split(order, count)
    columns = [(seconds[p].mean(), values[p].mean(), values[p].min(), values[p].max()) for p in parts]
    return tuple(np.array(column) for column in zip(*columns, strict=True))


def _joined(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the parts in one array with a gap between each two: a line is broken there."""
    import numpy as np

    return np.concatenate([values for part in parts for values in (part, [math.nan])][:-1])


def _beside(axes: Axes, y: float, line: Any, name: str, said: str, color: str, palette: Palette) -> None:
    kind = axes.transAxes
    axes.plot([1.03, 1.08], [y, y], color=color, linestyle=line, linewidth=1.6, transform=kind, clip_on=False)
    axes.text(1.095, y, name, transform=kind, va="center", size=8.5, color=palette.ink)
    axes.text(1.03, y - 0.12, said, transform=kind, va="center", size=7.5, color=palette.muted)


def _lanes(events: pd.DataFrame | None, frame: pd.DataFrame) -> list[tuple[str, list[float]]]:
    """Return the names of the most frequent events with their times; the rest share one lane."""
    if events is None or events.empty:
        return []
    names = [escape.shorten(name, 40) or "unnamed" for name in read.texts(events, "name")]
    times = read.elapsed(events, frame["t"].min())
    common = [name for name, _ in Counter(names).most_common()]
    kept = common if len(common) <= _EVENT_LINES else common[: _EVENT_LINES - 1]
    lanes: dict[str, list[float]] = {name: [] for name in kept}
    for name, time in zip(names, times, strict=True):
        if math.isfinite(time):
            lanes.setdefault(name if name in kept else "other events", []).append(float(time))
    return list(lanes.items())


def _events(sheet: Sheet, lanes: Sequence[tuple[str, list[float]]], limits: tuple[float, float]) -> Axes:
    import numpy as np

    top = sheet.top + 4 + 2 * (_PANEL + _BETWEEN) - 12
    height = 18.0 * len(lanes)
    axes = sheet.axes(MARGIN + _LEFT, top, WIDTH - 2 * MARGIN - _LEFT - _RIGHT, height)
    axes.set(xlim=limits, ylim=(len(lanes), 0))
    for index, (name, times) in enumerate(lanes):
        # Events closer than a mark is wide would only draw the same mark again.
        cells = np.unique(np.round((np.clip(times, *limits) - limits[0]) / (limits[1] - limits[0]) * 200)) / 200
        places = limits[0] + cells * (limits[1] - limits[0])
        axes.plot(places, [index + 0.5] * len(places), "v", color=sheet.palette.bad, markersize=6, clip_on=False)
        text = fit(f"{name} ({len(times)})", _RIGHT - 14, 8.5)
        axes.text(1.03, index + 0.5, text, transform=axes.get_yaxis_transform(), va="center", size=8.5)
    axes.set_yticks([])
    axes.grid(axis="x")
    return axes
