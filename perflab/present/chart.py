"""Line charts written as SVG at once, for panels that redraw many times a second.

In: lines, levels and marks over two axes. Out: one `<svg>` element, many times quicker than a matplotlib Figure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from perflab.present import escape
from perflab.present.theme import LIGHT

__all__ = ["Axis", "Chart", "Level", "Line", "Mark"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 14.0, 12.0, 36.0
_FACE = 'font-family="DejaVu Sans,Verdana,sans-serif" font-size="11"'
_WIDE = 6.9
"""Width of a letter, in points, at the size of the labels; DejaVu is among the widest of faces."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its ends, in the unit of the data, and how a value on it is written."""

    low: float
    high: float
    label: str = ""
    is_log: bool = False
    write: Callable[[float], str] = "{:g}".format

    def share(self, value: float) -> float:
        """Return where a value lies, 0 at the low end and 1 at the high one; values beyond lie at the ends."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.is_log:
            low, high, at = math.log10(low), math.log10(high), math.log10(at)
        return 0.0 if high <= low else (at - low) / (high - low)

    def ticks(self, most: int = 6) -> list[float]:
        """Return round values between the ends.

        Examples
        --------
        >>> Axis(0, 1).ticks(), Axis(1, 5_000, is_log=True).ticks()
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [1.0, 10.0, 100.0, 1000.0])
        """
        if self.high <= self.low:
            return [self.low]
        return self._decades(most) if self.is_log else self._steps(most)

    def _steps(self, most: int) -> list[float]:
        rough = (self.high - self.low) / max(1, most - 1)
        scale = 10.0 ** math.floor(math.log10(rough))
        step = next(scale * factor for factor in (1, 2, 2.5, 5, 10) if scale * factor >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [round(place * step, 12) for place in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def _decades(self, most: int) -> list[float]:
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        if last - first < 2:
            return [
                factor * 10.0**power
                for power in range(first - 1, last + 1)
                for factor in (1, 2, 5)
                if self.low <= factor * 10.0**power <= self.high
            ]
        every = math.ceil((last - first + 1) / most)
        return [10.0**power for power in range(first, last + 1, every)]


@dataclass(frozen=True, slots=True)
class Line:
    """Points that are joined, or only marked where `dots`; a y that is NaN breaks the line.

    `role` is a colour of the palette. `area` fills what is under the line.
    """

    name: str
    role: str
    x: Sequence[float]
    y: Sequence[float]
    dash: str = ""
    dots: bool = False
    area: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """A bound over the whole width, with its name."""

    y: float
    text: str
    role: str = "bad"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on the chart with a few words."""

    x: float
    y: float
    text: str
    role: str = "ink"


@dataclass(frozen=True)
class Chart:
    """A chart of `width` by `height` points.

    Examples
    --------
    >>> chart = Chart("Two points", Axis(0, 1), Axis(0, 1), [Line("a", "l1", [0, 1], [0, 1])])
    >>> chart.svg().startswith('<svg viewBox="0 0 560 220" role="img" aria-label="Two points"')
    True
    """

    label: str
    x: Axis
    y: Axis
    lines: Sequence[Line]
    levels: Sequence[Level] = ()
    marks: Sequence[Mark] = ()
    width: float = 560.0
    height: float = 220.0
    ticks: tuple[int, int] = field(default=(6, 5))

    def svg(self) -> str:
        """Return the chart as one element; its colours are CSS variables of `theme.stylesheet`."""
        name = escape.html(self.label)
        body = "".join([*self._grid(), *self._levels(), *map(self._line, self.lines), *self._marks(), *self._legend()])
        box = f"0 0 {self.width:g} {self.height:g}"
        return f'<svg viewBox="{box}" role="img" aria-label="{name}" {_FACE}><title>{name}</title>{body}</svg>'

    @property
    def _foot(self) -> float:
        return self.height - _BOTTOM

    @property
    def _head(self) -> float:
        return _TOP + (18.0 if len(self.lines) > 1 else 0.0)

    def _across(self, value: float) -> float:
        return _LEFT + self.x.share(value) * (self.width - _LEFT - _RIGHT)

    def _down(self, value: float) -> float:
        return self._foot - self.y.share(value) * (self._foot - self._head)

    def _grid(self) -> Iterator[str]:
        right = self.width - _RIGHT
        for value in self.y.ticks(self.ticks[1]):
            y = self._down(value)
            yield _stroke(f"M{_LEFT:.1f} {y:.1f}H{right:.1f}", "grid", 0.7)
            yield _text(_LEFT - 6, y + 4, self.y.write(value), "muted", "end")
        for value in self.x.ticks(self.ticks[0]):
            x = self._across(value)
            yield _stroke(f"M{x:.1f} {self._foot:.1f}v4", "muted", 0.7)
            yield _text(x, self._foot + 16, self.x.write(value), "muted", "middle")
        if self.x.label:
            yield _text((_LEFT + right) / 2, self.height - 4, self.x.label, "muted", "middle")

    def _levels(self) -> Iterator[str]:
        for level in self.levels:
            y = self._down(level.y)
            yield _stroke(f"M{_LEFT:.1f} {y:.1f}H{self.width - _RIGHT:.1f}", level.role, 1.4, "6 3")
            yield _text(_LEFT + 4, y - 4, level.text, level.role, "start")

    def _line(self, line: Line) -> str:
        points = [
            (self._across(x), self._down(y)) if math.isfinite(y) and math.isfinite(x) else None
            for x, y in zip(line.x, line.y, strict=True)
        ]
        if line.dots:
            path = "".join(f"M{p[0]:.1f} {p[1]:.1f}h0" for p in points if p)
            return _stroke(path, line.role, 5.0, cap="round") if path else ""
        path = _path(points)
        shown = _stroke(path, line.role, 1.8, line.dash, "" if line.dash else "round") if path else ""
        return self._area(points, line.role) + shown if line.area else shown

    def _area(self, points: Sequence[tuple[float, float] | None], role: str) -> str:
        known = [point for point in points if point]
        if len(known) < 2:
            return ""
        around = f"M{known[0][0]:.1f} {self._foot:.1f}{_path(known).replace('M', 'L')}V{self._foot:.1f}Z"
        return f'<path d="{around}" style="fill:{_color(role)};opacity:.18"/>'

    def _marks(self) -> Iterator[str]:
        for mark in self.marks:
            x, y = self._across(mark.x), self._down(mark.y)
            yield _stroke(f"M{x:.1f} {self._foot:.1f}V{y:.1f}", "muted", 0.8)
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" style="fill:{_color(mark.role)}"/>'
        for place, mark in enumerate(self.marks):
            x = self._across(mark.x)
            at_end = x + len(mark.text) * _WIDE + 12 > self.width - _RIGHT
            # The words stand at the foot, each on a line of its own, where no curve is in the way.
            yield _text(
                x - 6 if at_end else x + 6,
                self._foot - 8 - 15 * place,
                mark.text,
                mark.role,
                "end" if at_end else "start",
                backed=True,
            )

    def _legend(self) -> Iterator[str]:
        if len(self.lines) < 2:
            return
        x = _LEFT
        for line in self.lines:
            dash, wide = ("", 0.01) if line.dots else (line.dash, 16.0)
            yield _stroke(f"M{x:.1f} {_TOP:.1f}h{wide}", line.role, 5.0 if line.dots else 2.2, dash, "round")
            yield _text(x + 22, _TOP + 4, line.name, "ink", "start")
            x += 34 + len(line.name) * _WIDE


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """Return the points joined; one between two gaps becomes a dot, if the line's ends are round."""
    parts: list[str] = []
    around = [None, *points, None]
    for before, point, after in zip(around, points, around[2:], strict=False):
        if point is not None:
            alone = "h0" if before is None and after is None else ""
            parts.append(f"{'M' if before is None else 'L'}{point[0]:.1f} {point[1]:.1f}{alone}")
    return "".join(parts)


def _color(role: str) -> str:
    return f"var(--perflab-{role},{LIGHT.color(role)})"


def _stroke(path: str, role: str, width: float, dash: str = "", cap: str = "") -> str:
    dashed = f";stroke-dasharray:{dash}" if dash else ""
    ended = f";stroke-linecap:{cap}" if cap else ""
    return f'<path d="{path}" style="fill:none;stroke:{_color(role)};stroke-width:{width:g}{dashed}{ended}"/>'


def _text(x: float, y: float, text: str, role: str, anchor: str, *, backed: bool = False) -> str:
    said = escape.html(text)
    halo = f";paint-order:stroke;stroke:{_color('surface')};stroke-width:4px" if backed else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="fill:{_color(role)}{halo}">{said}</text>'
