"""One comparison of two arms: each pair's ratio, the interval, the band of sameness, and all samples over time.

In: the `samples` frame of one comparison, and what came of it. Out: a matplotlib Figure.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from perflab.analyze.metrics.select import BASELINE, time_column
from perflab.analyze.pairs import Comparison, flag_outliers
from perflab.present.sheet import MARGIN, WIDTH, Sheet, not_enough, tick
from perflab.present.theme import LIGHT, Palette, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["paired"]

TITLE = "Each pair's ratio, and every sample over time"
_HEIGHT = 150.0
_GAP = 56.0
_LEFT, _RIGHT = 52.0, 130.0


def paired(
    samples: pd.DataFrame, comparison: Comparison, *, band_ratio: float = 0.03, palette: Palette = LIGHT
) -> Figure:
    """Draw the ratios of the pairs above, with interval and band, and the samples of both arms below.

    Parameters
    ----------
    samples
        The timed `samples` of the baseline and of one other arm, warm-ups and outliers included.
    comparison
        Of these two arms.
    band_ratio
        Differences up to this ratio count as the same.
    """
    timed = flag_outliers(samples[(samples["purpose"] == "time") & samples["error"].isna()])
    if not comparison.pairs:
        return not_enough(TITLE, "no pair of a baseline and an optimized sample was measured", palette)
    with style(palette):
        sheet = Sheet.start(TITLE, _note(comparison, band_ratio), 2 * _HEIGHT + 2 * _GAP, palette)
        width = WIDTH - 2 * MARGIN - _LEFT - _RIGHT
        _ratios(sheet.axes(MARGIN + _LEFT, sheet.top, width, _HEIGHT), timed, comparison, band_ratio, palette)
        below = sheet.top + _HEIGHT + _GAP
        _times(sheet.axes(MARGIN + _LEFT, below, width, _HEIGHT), timed, palette)
        _words(sheet, comparison)
        return sheet.finish()


def _note(comparison: Comparison, band_ratio: float) -> str:
    return (
        f"n = {comparison.pairs} pairs. Line: median ratio; shaded around it: its exact 95 % interval; grey band: "
        f"±{band_ratio:.0%}, the same. Crosses are outliers by Tukey's fences, which count like all others; hollow "
        "marks are discarded warm-ups."
    )


def _ratios(axes: Axes, timed: pd.DataFrame, comparison: Comparison, band: float, palette: Palette) -> None:
    column = time_column(timed)
    used = timed[timed["pair"] >= 0]
    times = used.assign(side=(used["arm"] == BASELINE).map({True: "before", False: "after"}))
    wide = times.pivot_table(index="pair", columns="side", values=column, aggfunc="last").dropna()
    axes.axhspan(1 - band, 1 + band, color=palette.zone)
    if not math.isnan(comparison.low):
        axes.axhspan(comparison.low, comparison.high, color=palette.optimized, alpha=0.18)
    axes.axhline(comparison.ratio, color=palette.optimized, linewidth=1.4)
    axes.plot(
        wide.index.to_numpy(), (wide["after"] / wide["before"]).to_numpy(), "o", color=palette.ink, markersize=3.4
    )
    axes.set(xlabel="pair, in the order measured", ylabel="optimized / baseline")
    axes.grid(axis="y")


def _times(axes: Axes, timed: pd.DataFrame, palette: Palette) -> None:
    column, order = time_column(timed), range(len(timed))
    rows = timed.assign(place=list(order))
    for arm, members in rows.groupby("arm", observed=True):
        color = palette.baseline if arm == BASELINE else palette.optimized
        shapes: tuple[tuple[Any, dict[str, Any]], ...] = (
            (members["pair"] < 0, {"marker": "o", "markerfacecolor": "none"}),
            (members["outlier"].fillna(False).astype(bool), {"marker": "x"}),
        )
        plain = ~(shapes[0][0] | shapes[1][0])
        for chosen, shape in (*shapes, (plain, {"marker": "o" if arm == BASELINE else "s"})):
            some = members[chosen]
            axes.plot(some["place"], some[column], linestyle="none", color=color, markersize=3.4, **shape)
    axes.set(xlabel="sample, in the order measured", ylabel="CPU time" if column == "cpu_s" else "wall time")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: tick(value))
    axes.grid(axis="y")


def _words(sheet: Sheet, comparison: Comparison) -> None:
    x = WIDTH - MARGIN - _RIGHT + 12
    between = "" if math.isnan(comparison.low) else f"{comparison.low:.3g} to {comparison.high:.3g}"
    noise = max(comparison.baseline_noise, comparison.noise)
    lines: tuple[tuple[str, dict[str, Any]], ...] = (
        (comparison.verdict, {"weight": "bold", "size": 10.5}),
        (f"ratio {comparison.ratio:.3g}", {}),
        (between, {}),
        (f"noise floor {noise:.1%}" if math.isfinite(noise) else "noise floor unknown", {"color": sheet.palette.muted}),
    )
    for index, (text, options) in enumerate(lines):
        sheet.text(x, sheet.top + 14 + 15 * index, text, **options)
    for index, (arm, mark) in enumerate((("baseline", "●"), ("optimized", "■"))):
        y = sheet.top + _HEIGHT + _GAP + 14 + 15 * index
        sheet.text(x, y, f"{mark} {arm}", color=sheet.palette.color(arm))
