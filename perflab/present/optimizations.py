"""Predicted against measured: what each setting that was tried promised, and what it did.

In: the `optimizations` frame. Out: a matplotlib Figure with one strip a setting: before, predicted, measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.present import escape, read
from perflab.present.sheet import MARGIN, WIDTH, Sheet, fit, not_enough, tick
from perflab.present.theme import LIGHT, Palette, style
from perflab.units import format_quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["optimizations"]

TITLE = "What each setting promised, and what it did"
_MOST = 8
_STRIP, _PANEL = 96.0, 52.0
_LEFT, _RIGHT = 190.0, 150.0
_NOTE = (
    "Bars are 95 % intervals. A prediction is made from other accesses than those that the measurement is of; what is "
    "confirmed was applied."
)
_MARKS = {
    "confirmed": ("✓", "good"),
    "kept": ("✓", "good"),
    "refuted": ("✗", "bad"),
    "rolled back": ("✗", "bad"),
    "expired": ("–", "absent"),
}


@dataclass(frozen=True, slots=True)
class _Tried:
    """One row of the frame, as numbers and texts."""

    knob: str
    change: str
    metric: str
    unit: str
    verdict: str
    before: float
    predicted: tuple[float, float, float]
    measured: tuple[float, float, float]
    noise_floor: float

    @property
    def greatest(self) -> float:
        """The end of the axis."""
        return max((v for v in (self.before, *self.predicted, *self.measured) if math.isfinite(v)), default=1.0) or 1.0


def optimizations(frame: pd.DataFrame, *, palette: Palette = LIGHT) -> Figure:
    """Draw each setting that was tried and has a number: the last eight of them.

    Parameters
    ----------
    frame
        The `optimizations` frame.
    """
    found = [_tried(record) for record in read.records(frame)]
    shown = [each for each in found if math.isfinite(each.measured[0]) or math.isfinite(each.predicted[0])]
    if not shown:
        return not_enough(TITLE, "no setting was tried whose effect could be measured", palette)
    with style(palette):
        return _draw(shown, palette)


def _tried(record: Any) -> _Tried:
    def numbers(*names: str) -> tuple[float, float, float]:
        first, second, third = (read.number(record.get(name)) for name in names)
        return first, second, third

    said = {name: escape.visible(read.text(record.get(name))) for name in ("knob", "old", "new", "metric", "verdict")}
    return _Tried(
        said["knob"],
        f"{said['old']} → {said['new']}",
        said["metric"],
        read.text(record.get("unit")),
        said["verdict"],
        read.number(record.get("before")),
        numbers("predicted", "predicted_low", "predicted_high"),
        numbers("measured", "low", "high"),
        read.number(record.get("noise_floor")),
    )


def _draw(shown: Sequence[_Tried], palette: Palette) -> Figure:
    drawn = shown[-_MOST:]
    rest = f" The last {_MOST} of {len(shown)} are drawn." if len(shown) > _MOST else ""
    sheet = Sheet.start(TITLE, _NOTE + rest, _STRIP * len(drawn), palette)
    for index, each in enumerate(drawn):
        _strip(sheet, each, sheet.top + _STRIP * index)
    return sheet.finish()


def _strip(sheet: Sheet, tried: _Tried, top: float) -> None:
    muted = sheet.palette.muted
    sheet.text(MARGIN, top + 12, fit(tried.knob, _LEFT - 70, weight="bold"), weight="bold")
    sheet.text(MARGIN, top + 27, fit(tried.change, _LEFT - 70), color=muted)
    sheet.text(MARGIN, top + 42, fit(tried.metric, _LEFT - 70), color=muted)
    axes = sheet.axes(MARGIN + _LEFT, top, WIDTH - 2 * MARGIN - _LEFT - _RIGHT, _PANEL)
    axes.set(xlim=(0, tried.greatest * 1.08), ylim=(2.6, -0.6))
    lanes = ("before", "predicted", "measured")
    axes.set_yticks(range(len(lanes)), lanes)
    axes.grid(axis="x")
    axes.xaxis.set_major_formatter(lambda value, _: tick(value, tried.unit))
    axes.locator_params(axis="x", nbins=4)
    _mark(axes, 0, (tried.before, math.nan, math.nan), "|", muted)
    _mark(axes, 1, tried.predicted, "o", sheet.palette.baseline)
    _mark(axes, 2, tried.measured, "D", sheet.palette.optimized)
    _words(sheet, tried, top)


def _mark(axes: Axes, lane: int, values: tuple[float, float, float], marker: str, color: str) -> None:
    value, low, high = values
    if math.isfinite(low) and math.isfinite(high):
        axes.plot([low, high], [lane, lane], color=color, linewidth=3.0, solid_capstyle="butt")
    if math.isfinite(value):
        axes.plot([value], [lane], marker, markersize=7.0, markeredgewidth=2.0 if marker == "|" else 0.5, color=color)


def _words(sheet: Sheet, tried: _Tried, top: float) -> None:
    mark, role = _MARKS.get(tried.verdict, ("?", "unsure"))
    x = WIDTH - MARGIN - _RIGHT + 14
    color = sheet.palette.color(role)
    sheet.text(x, top + 8, fit(f"{mark} {tried.verdict}", _RIGHT - 14, weight="bold"), weight="bold", color=color)
    lines = [f"{name} {_said(value, tried.unit)}" for name, value in _named(tried)]
    for index, line in enumerate(lines):
        sheet.text(x, top + 23 + 14 * index, fit(line, _RIGHT - 14), color=sheet.palette.muted)


def _named(tried: _Tried) -> tuple[tuple[str, float], ...]:
    return ("predicted", tried.predicted[0]), ("measured", tried.measured[0]), ("noise floor", tried.noise_floor)


def _said(value: float, unit: str) -> str:
    return format_quantity(value, unit) if math.isfinite(value) else "–"
