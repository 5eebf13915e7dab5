"""Hit rate over a run: which tier answered, access by access, in windows.

In: the `accesses` frame. Out: a matplotlib Figure: a stack of tiers a window, the misses above it, a target line.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from perflab.present import escape, read
from perflab.present.sheet import MARGIN, WIDTH, Sheet, not_enough
from perflab.present.theme import LIGHT, Palette, style

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["hit_rate"]

TITLE = "Cache hit rate by the tier that answered"
_WINDOWS = 60
_FEWEST = 20
_LEFT, _RIGHT, _HEIGHT = 52.0, 92.0, 190.0


def hit_rate(accesses: pd.DataFrame, *, target: float | None = None, of: str = "", palette: Palette = LIGHT) -> Figure:
    """Draw the share of accesses that each tier answered, in at most 60 windows of equally many accesses.

    Parameters
    ----------
    accesses
        The `accesses` frame; only its `hit` and `miss` rows are accesses.
    target
        The hit rate that is wanted, 0..1.
    of
        Whose accesses they are, such as `warm runs`; said in the title.
    """
    tiers = _answers(accesses)
    title = ", ".join(filter(None, (TITLE, of)))
    if len(tiers) < _FEWEST:
        reason = f"{len(tiers)} accesses were recorded, at least {_FEWEST} are needed"
        return not_enough(title, reason, palette)
    with style(palette):
        return _draw(tiers, title, _when(accesses), target, palette)


def _answers(accesses: pd.DataFrame) -> NDArray[np.object_]:
    """Return, access by access in time's order, the tier that answered; empty for a miss."""
    import numpy as np

    events = read.texts(accesses, "event")
    kept = np.isin(events, ["hit", "miss"])
    tiers = read.texts(accesses, "tier")
    answered = np.where(tiers == "", "no tier", tiers)
    answers = np.where(events == "hit", answered, "")[kept]
    seconds = read.elapsed(accesses)[kept]
    return answers[np.argsort(seconds, kind="stable")]


def _when(accesses: pd.DataFrame) -> str:
    """Return over which time the accesses happened; of several processes, how many those were."""
    import numpy as np

    processes = len(set(read.texts(accesses, "run_id")))
    seconds = read.elapsed(accesses)
    if processes > 1:
        return f" of {processes:,} processes, one after the other"
    return f" over {float(np.nanmax(seconds)):.3g} s" if np.isfinite(seconds).any() else ""


def _draw(answers: NDArray[np.object_], title: str, when: str, target: float | None, palette: Palette) -> Figure:
    import numpy as np

    count = len(answers)
    windows = min(_WINDOWS, count // 10)
    edges = np.linspace(0, count, windows + 1).round().astype(int)
    rate = float(np.mean(answers != ""))
    note = f"n = {count:,} accesses{when}, in {windows} windows; the empty space is misses."
    sheet = Sheet.start(f"{title}: {rate * 100:.1f} % over all", note, _HEIGHT + 46, palette)
    axes = sheet.axes(MARGIN + _LEFT, sheet.top + 4, WIDTH - 2 * MARGIN - _LEFT - _RIGHT, _HEIGHT)
    middle = _stack(sheet, axes, answers, edges)
    _target(axes, target, middle, palette)
    _labels(axes, middle, palette)
    axes.set(xlim=(0, count), ylim=(0, 1))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("accesses, in the order they happened")
    axes.set_ylabel("share of accesses")
    axes.grid(axis="y")
    return sheet.finish()


def _stack(
    sheet: Sheet, axes: Axes, answers: NDArray[np.object_], edges: NDArray[np.int_]
) -> list[tuple[float, str, str]]:
    """Draw the tiers and return height, text and colour of each one's label."""
    import numpy as np

    labels = []
    floor = np.zeros(len(edges) - 1)
    for tier in [tier for tier in ("l1", "l2", "l3", "no tier") if (answers == tier).any()] + _others(answers):
        share = np.array([np.mean(answers[a:b] == tier) for a, b in itertools.pairwise(edges)])
        color = sheet.palette.color(tier) if tier in ("l1", "l2", "l3") else sheet.palette.muted
        axes.stairs(floor + share, edges, baseline=floor, fill=True, color=color, linewidth=0.3)
        floor = floor + share
        labels.append(
            (
                float(floor[-1] - share[-1] / 2),
                f"{escape.shorten(tier, 8)} {np.mean(answers == tier) * 100:.1f} %",
                color,
            )
        )
    missed = float(np.mean(answers == ""))
    labels.append((float(1 + floor[-1]) / 2, f"miss {missed * 100:.1f} %", sheet.palette.muted))
    return labels


def _others(answers: NDArray[np.object_]) -> list[str]:
    known = {"", "l1", "l2", "l3", "no tier"}
    return sorted({str(answer) for answer in answers} - known)[:3]


def _target(axes: Axes, target: float | None, labels: list[tuple[float, str, str]], palette: Palette) -> None:
    if target is None or not 0 <= target <= 1:
        return
    axes.axhline(target, color=palette.surface, linewidth=3.0)
    axes.axhline(target, color=palette.bad, linewidth=1.4, linestyle=(0, (5, 2)))
    labels.append((target, f"target {target * 100:.0f} %", palette.bad))


def _labels(axes: Axes, labels: list[tuple[float, str, str]], palette: Palette) -> None:
    """Write the labels right of the last window, moved apart where they would overlap."""
    labels.sort(key=lambda label: label[0])
    step = 14.0 / _HEIGHT
    places = [height for height, _, _ in labels]
    for index in range(1, len(places)):
        places[index] = max(places[index], places[index - 1] + step)
    over = places[-1] - (1 - step / 4)
    for index in range(len(places) - 1, -1, -1):
        if over <= 0:
            break
        ceiling = 1 - step / 4 if index == len(places) - 1 else places[index + 1] - step
        places[index] = min(places[index], ceiling)
    for place, (_, text, color) in zip(places, labels, strict=True):
        _key(axes, place, text, color, palette)


def _key(axes: Axes, place: float, text: str, color: str, palette: Palette) -> None:
    kind = axes.get_yaxis_transform()
    if text.startswith("target"):
        axes.plot([1.006, 1.034], [place, place], "--", linewidth=1.4, color=color, transform=kind, clip_on=False)
    else:
        fill = palette.surface if text.startswith("miss") else color
        options: dict[str, Any] = {"markersize": 7.0, "color": fill, "markeredgecolor": color}
        axes.plot([1.02], [place], "s", transform=kind, clip_on=False, **options)
    axes.text(1.045, place, text, transform=kind, va="center", color=palette.ink, size=8.5)
