"""Hit rate by size: one line a policy, and where one stands on it.

In: curves, a trace, the current setting, a target. Out: a `Picture`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from perflab.present import escape
from perflab.present.picture import Picture
from perflab.present.sheet import MARGIN, WIDTH, Sheet, not_enough, text_width, tick
from perflab.present.theme import LIGHT, Palette, style
from perflab.units import format_bytes

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from perflab.analyze.curve import Curve
    from perflab.trace import Setting, Trace

__all__ = ["ROLES", "named_size", "thinned", "what_if", "what_if_picture"]

_LEFT, _RIGHT, _HEIGHT = 52.0, 132.0, 250.0
_MOST_POINTS = 240
_STEP = 13.5
ROLES = ("optimized", "baseline", "third", "good", "l3", "absent", "unsure", "l1")
_DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 1.5, 1.5, 1.5)))


def what_if_picture(
    curves: Sequence[Curve], trace: Trace, current: Setting | None = None, target: float | None = None
) -> Picture:
    """Return the plot with the sentence that says what it shows."""
    names = ", ".join(curve.policy for curve in curves)
    label = f"Line chart of the hit rate against the cache's size, a line for each of {names}."
    return Picture(what_if(curves, trace, current, target), label)


def what_if(
    curves: Sequence[Curve],
    trace: Trace,
    current: Setting | None = None,
    target: float | None = None,
    *,
    palette: Palette = LIGHT,
) -> Figure:
    """Draw hit rates by size on a log axis.

    Parameters
    ----------
    curves
        One a policy; `belady` is drawn apart, a bound where all values weigh alike. The knee of the first is marked.
    trace
        What they are of; told in the title.
    current
        The cache as it is set now: a mark on its policy's curve, if that is drawn.
    target
        The hit rate that is wanted, 0..1.
    """
    drawn = [curve for curve in curves if len(curve.sizes) and curve.hit_rates.max() > 0]
    if not drawn:
        reason = f"no size of any policy has a hit in {len(trace):,} accesses to {trace.keys:,} keys"
        return not_enough("Hit rate by size of the cache", reason, palette)
    with style(palette):
        return _draw(drawn, trace, current, target, palette)


def named_size(size: float, unit: str) -> str:
    """Return a size as text.

    Examples
    --------
    >>> named_size(52_400_000, "bytes"), named_size(1_200, "entries")
    ('52.4 MB', '1,200 entries')
    """
    return format_bytes(size) if unit == "bytes" else f"{size:,.0f} {'entry' if size == 1 else 'entries'}"


def _draw(
    curves: Sequence[Curve], trace: Trace, current: Setting | None, target: float | None, palette: Palette
) -> Figure:
    unit = curves[0].unit
    source = escape.shorten(trace.source, 60)
    note = f"n = {len(trace):,} accesses to {trace.keys:,} keys, from {source}. {_methods(curves)}"
    sheet = Sheet.start("Hit rate by size of the cache", note, _HEIGHT + 46, palette)
    axes = sheet.axes(MARGIN + _LEFT, sheet.top + 4, WIDTH - 2 * MARGIN - _LEFT - _RIGHT, _HEIGHT)
    size = _shown_size(curves, current)
    labels = [_line(axes, curve, place, size, palette) for place, curve in enumerate(curves)]
    if target is not None:
        axes.axhline(target, color=palette.bad, linewidth=1.4, linestyle=(0, (5, 2)))
        labels.append((target, f"target {target * 100:.0f} %", palette.bad, (0, (5, 2))))
    _axes(axes, curves, unit)
    _marks(axes, curves, current, palette)
    _labels(axes, labels, named_size(size, unit), palette)
    return sheet.finish()


def _methods(curves: Sequence[Curve]) -> str:
    """Return how the lines were obtained, in few words."""
    kinds = {"exact": [], "simulated": [], "estimated": []}  # type: dict[str, list[str]]
    for curve in curves:
        kinds[curve.how.split(",")[0].split(";")[0]].append(curve.policy)
    told = [f"{', '.join(policies)}: {kind}" for kind, policies in kinds.items() if policies]
    return "; ".join(told) + "."


def _shown_size(curves: Sequence[Curve], current: Setting | None) -> int:
    """Return the size at which rates are told: the current one, else the knee of the first curve."""
    return current.size if current else curves[0].knee() or int(curves[0].sizes[-1])


def _line(axes: Axes, curve: Curve, place: int, size: int, palette: Palette) -> tuple[float, str, str, Any]:
    sizes, rates = thinned(curve)
    future = curve.policy == "belady"
    color = palette.muted if future else palette.color(ROLES[place % len(ROLES)])
    dashes = (0, (1, 1.5)) if future else _DASHES[place % len(_DASHES)]
    axes.plot(sizes, rates, color=color, linestyle=dashes, linewidth=1.3 if future else 1.7)
    name = f"belady ({'bound' if curve.unit == 'entries' else 'foresees'})" if future else curve.policy
    rate = curve.at(size)
    return rate, f"{name} {rate * 100:.1f} %", color, dashes


def thinned(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points that look the same on a log axis, few enough for a page."""
    import numpy as np

    kept = curve.sizes > 0
    sizes, rates = curve.sizes[kept], curve.hit_rates[kept]
    if len(sizes) > _MOST_POINTS:
        wanted = np.geomspace(sizes[0], sizes[-1], _MOST_POINTS)
        places = np.unique(np.searchsorted(sizes, wanted, side="right") - 1)
        sizes, rates = sizes[places], rates[places]
    return sizes.astype(np.float64), rates


def _axes(axes: Axes, curves: Sequence[Curve], unit: str) -> None:
    import numpy as np
    from matplotlib.ticker import LogLocator, NullFormatter

    least = max(float(curve.sizes[curve.sizes > 0][0]) for curve in curves)
    most = max(float(curve.sizes[-1]) for curve in curves)
    axes.set_xscale("log")
    axes.set(xlim=(least, most * 1.001 if most > least else most * 2), ylim=(0, 1))
    decades = np.log10(most / least) if most > least else 1
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if decades > 3 else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda value, _: tick(value, "bytes") if unit == "bytes" else f"{value:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel(f"size of the cache in {unit}")
    axes.set_ylabel("hit rate")
    axes.grid(axis="y")


def _marks(axes: Axes, curves: Sequence[Curve], current: Setting | None, palette: Palette) -> None:
    """Mark the knee of the first curve, and where the current setting stands on its own."""
    first = curves[0]
    knee = first.knee()
    if knee is not None:
        _mark(axes, first, knee, f"knee of {first.policy}: {named_size(knee, first.unit)}", "D", palette)
    if current is not None:
        own = next((curve for curve in curves if curve.policy == current.policy), first)
        _mark(axes, own, current.size, f"now: {current.policy}, {named_size(current.size, own.unit)}", "o", palette)


def _mark(axes: Axes, curve: Curve, size: int, text: str, marker: str, palette: Palette) -> None:
    """Mark a size on its curve, and tell it at the foot, where no curve is in the way."""
    low, high = axes.get_xlim()
    x, y = min(max(size, low), high), curve.at(size)
    axes.plot([x, x], [0, y], color=palette.muted, linewidth=0.7)
    axes.plot([x], [y], marker, color=palette.ink, markersize=6.5, markeredgecolor=palette.surface, zorder=5)
    near_end = axes.transData.transform((x, y))[0] + text_width(text, 8.5) + 10 > axes.bbox.x1
    box = {"facecolor": palette.surface, "edgecolor": "none", "pad": 1.0}
    shift = (-5 if near_end else 5, 9 if marker == "D" else 23)
    said: dict[str, Any] = {"color": palette.ink, "fontsize": 8.5, "va": "center", "bbox": box, "zorder": 6}
    align = "right" if near_end else "left"
    axes.annotate(text, (x, 0), xytext=shift, textcoords="offset points", ha=align, **said)


def _labels(axes: Axes, labels: list[tuple[float, str, str, Any]], size: str, palette: Palette) -> None:
    """Write the lines' names and their rates at one size beside the plot, in the order that they have there."""
    labels.sort(key=lambda label: label[0])
    step = _STEP / _HEIGHT
    places: list[float] = []
    for height, *_ in labels:
        places.append(max(height, places[-1] + step) if places else height)
    for index in range(len(places) - 1, -1, -1):
        ceiling = 1 - step if index == len(places) - 1 else places[index + 1] - step
        places[index] = min(places[index], ceiling)
    kind = axes.get_yaxis_transform()
    for place, (_, text, color, dashes) in zip(places, labels, strict=True):
        ends = [1.012, 1.06], [place, place]
        axes.plot(*ends, color=color, linestyle=dashes, linewidth=1.7, transform=kind, clip_on=False)
        axes.text(1.07, place, text, transform=kind, va="center", color=palette.ink, size=8.5)
    axes.text(1.012, places[-1] + step, f"at {size}", transform=kind, va="center", color=palette.muted, size=8.5)
