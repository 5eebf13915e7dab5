"""A figure laid out in points from its top left corner, with text measured before it is placed.

In: size, palette, title. Out: a matplotlib Figure whose text is never cut off: a column is as wide as its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from perflab.inert import visible
from perflab.present.theme import LIGHT, Palette, style
from perflab.units import format_quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["MARGIN", "WIDTH", "Sheet", "fit", "not_enough", "text_width", "tick", "widest", "wrap"]

WIDTH = 700.0
MARGIN = 12.0
_POINTS = 72.0
# Agg at 72 dpi rounds every advance: a line may come out up to 6 % wider than its outlines.
_SLACK = 1.07


@lru_cache(maxsize=4096)
def text_width(text: str, size: float = 9.0, weight: str = "normal") -> float:
    """Return how wide a line of text is, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    if not text:
        return 0.0
    face = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    width, _, _ = TextToPath().get_text_width_height_descent(visible(text), face, ismath=False)
    return float(width) * _SLACK


def widest(texts: Iterable[str], size: float = 9.0, weight: str = "normal") -> float:
    """Return the width of the widest text, in points; 0 for none."""
    return max((text_width(text, size, weight) for text in texts), default=0.0)


def fit(text: str, width: float, size: float = 9.0, weight: str = "normal") -> str:
    """Return the text, its end replaced by an ellipsis if it is wider than `width` points."""
    if text_width(text, size, weight) <= width:
        return text
    keep = len(text)
    while keep and text_width(f"{text[:keep].rstrip(' …')}…", size, weight) > width:
        keep -= max(1, keep // 16)
    return f"{text[:keep].rstrip(' …')}…"


def wrap(text: str, width: float, size: float = 9.0, weight: str = "normal") -> list[str]:
    """Return the text as lines of at most `width` points."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else ""
        if longer and text_width(longer, size, weight) <= width:
            lines[-1] = longer
        else:
            lines.append(fit(word, width, size, weight))
    return lines


def tick(value: float, unit: str = "s") -> str:
    """Return a tick's label: as few digits as the round value has.

    Examples
    --------
    >>> tick(5.0), tick(0.0005), tick(2.5e8, "bytes")
    ('5 s', '500 µs', '250 MB')
    """
    return re.sub(r"(\.\d*?)0+ ", r"\1 ", format_quantity(float(f"{value:.3g}"), unit)).replace(". ", " ")


@dataclass
class Sheet:
    """A figure with a title block; `top` is where the free part starts, `height` all of it, in points."""

    figure: Figure
    palette: Palette
    height: float
    top: float

    @classmethod
    def start(cls, title: str, note: str, body: float, palette: Palette = LIGHT) -> Sheet:
        """Return a sheet with a title, a muted note under it and `body` points of free height."""
        from matplotlib.figure import Figure

        inner = WIDTH - 2 * MARGIN
        titles, notes = wrap(title, inner, 12.0, "bold"), wrap(note, inner)
        top = MARGIN + 17.0 * len(titles) + 13.0 * len(notes) + 8.0
        height = top + body
        sheet = cls(Figure(figsize=(WIDTH / _POINTS, height / _POINTS), dpi=_POINTS), palette, height, top)
        for index, line in enumerate(titles):
            sheet.text(MARGIN, MARGIN + 8 + 17 * index, line, size=12.0, weight="bold")
        for index, line in enumerate(notes):
            sheet.text(MARGIN, MARGIN + 17 * len(titles) + 7 + 13 * index, line, color=palette.muted)
        return sheet

    def axes(self, left: float, top: float, width: float, height: float, **options: Any) -> Axes:
        """Return axes whose frame is at these points."""
        box = (left / WIDTH, 1 - (top + height) / self.height, width / WIDTH, height / self.height)
        axes = self.figure.add_axes(box, **options)
        axes.tick_params(length=3, labelsize=9.0)
        axes.set_axisbelow(True)
        return axes

    def text(self, x: float, y: float, text: str, *, size: float = 9.0, align: str = "left", **options: Any) -> None:
        """Write one line, centred on height `y`."""
        options.setdefault("color", self.palette.ink)
        # Digits have no descender: the plain baseline, set by hand, keeps a row's texts on one line.
        self.figure.text(
            x / WIDTH, 1 - (y + 0.36 * size) / self.height, visible(text), size=size, ha=align, va="baseline", **options
        )

    def finish(self) -> Figure:
        """Return the figure with every tick made while the style is in force."""
        self.figure.draw_without_rendering()
        return self.figure


def not_enough(title: str, reason: str, palette: Palette = LIGHT) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    with style(palette):
        sheet = Sheet.start(title, f"Not enough data: {reason}.", 6.0, palette)
        return sheet.finish()
