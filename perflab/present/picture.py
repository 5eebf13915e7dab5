"""A plot with the sentence that says what it shows, ready for a notebook, a page or a file.

In: a `ReportData`. Out: `Picture`, by the plot's name; the report and the notebooks show the same ones.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.errors import ConfigError, RunError
from perflab.present import arms, bounds, escape, plots, read, theme
from perflab.present.verdicts import counts

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from perflab.present.report import ReportData

__all__ = ["PICTURES", "Picture", "picture"]

# Figures are laid out at 72 dots an inch; a file is looked at enlarged, and printed.
_DPI = 180


@dataclass(frozen=True)
class Picture:
    """A figure and its label.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        The plot, to be changed or saved as one likes.
    label : str
        What it shows, for readers who do not see it.
    """

    figure: Figure
    label: str

    def svg(self) -> str:
        """Return the plot as one `<svg>` element; its colours follow the page's scheme."""
        return theme.svg(self.figure, self.label)

    def save(self, path: str | Path) -> Path:
        """Save the plot, in its own colours, in the format of the path's suffix, such as .png, .pdf or .svg.

        Raises
        ------
        ConfigError
            If the suffix is of no format that a figure can be saved in.
        RunError
            If the file cannot be written.
        """
        target = Path(path)
        known = sorted(self.figure.canvas.get_supported_filetypes())
        kind = target.suffix.removeprefix(".").lower()
        if kind not in known:
            raise ConfigError(f"{target.suffix!r} is no format of a plot; the formats are {', '.join(known)}.")
        shown = escape.shorten(target, 200)
        try:
            with theme.style():
                self.figure.savefig(target, format=kind, dpi=_DPI)
        except OSError as error:
            reason = error.strerror or str(error)
            raise RunError(f"The plot cannot be saved to '{shown}': {reason}; choose another file.") from error
        return target

    def __repr__(self) -> str:
        return f"<Picture: {self.label}>"

    def _repr_html_(self) -> str:
        fitted = ".perflab-plot svg{max-width:100%;height:auto}"
        return f'<style>{theme.stylesheet()}{fitted}</style><div class="perflab-plot">{self.svg()}</div>'


def picture(name: str, data: ReportData) -> Picture:
    """Return one of `PICTURES`.

    Raises
    ------
    ConfigError
        If there is no such plot.
    """
    if name not in PICTURES:
        raise ConfigError(f"{name!r} is no plot; the plots are {', '.join(PICTURES)}.")
    return PICTURES[name](data)


def _targets(data: ReportData) -> Picture:
    found = counts(data.targets).items()
    said = ", ".join(f"{number} {verdict}" for verdict, number in found if number) or "none judged"
    label = f"Bullet chart of every target against what was measured: {said}. The table of targets has the values."
    return Picture(plots.targets(data.targets), label)


def _before_after(data: ReportData) -> Picture:
    label = "Dot plot of each pair's time before and after, with medians, intervals and ratios."
    return Picture(plots.before_after(data.tables["samples"]), label)


def _hit_rate(data: ReportData) -> Picture:
    accesses, of = _accesses(data)
    label = f"Stacked chart of the cache hit rate by the tier that answered, over the accesses{_of(of)}."
    return Picture(plots.hit_rate(accesses, target=_wanted_hit_rate(data.targets), of=of), label)


def _latency(data: ReportData) -> Picture:
    accesses, of = _accesses(data)
    label = f"Cumulative distribution of access times by event and tier on a log scale, with p50, p95 and p99{_of(of)}."
    return Picture(plots.latency(accesses, of=of), label)


def _resources(data: ReportData) -> Picture:
    names = ("cpu_threshold_ratio", "memory_threshold_bytes")
    limits = [_setting(data.info, "resource_monitoring", name) for name in names]
    resources, events, of = _processes(data)
    figure = plots.resources(resources, events, cpu_threshold=limits[0], memory_threshold=limits[1], of=of)
    return Picture(figure, "Line charts of CPU share and of memory growth over the run, with thresholds and events.")


def _optimizations(data: ReportData) -> Picture:
    frame = data.tables["optimizations"]
    counted = Counter(read.texts(frame, "verdict").tolist())
    said = ", ".join(f"{count} {verdict}" for verdict, count in counted.items()) or "none"
    label = f"Dot plot of what each setting that was tried promised and did, with intervals: {said}."
    return Picture(plots.optimizations(frame), label)


def _accesses(data: ReportData) -> tuple[pd.DataFrame, str]:
    return arms.of_cache(data.tables["accesses"], data.tables["samples"])


def _of(of: str) -> str:
    return f" of the {of}" if of else " of the run"


def _processes(data: ReportData) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Return the samples of the host that metrics are of, the events without those of other processes, and of whom."""
    resources, events, samples = (data.tables[name] for name in ("resources", "events", "samples"))
    if not len(samples) or not len(resources):
        return resources, events, ""
    shown = arms.measured(resources, samples)
    hidden = set(read.texts(resources, "run_id")) - set(read.texts(shown, "run_id"))
    kept = [run not in hidden for run in read.texts(events, "run_id")]
    return shown, events[kept], "the timed runs of the optimized arms"


PICTURES: Mapping[str, Callable[[ReportData], Picture]] = {
    "targets": _targets,
    "before_after": _before_after,
    "hit_rate": _hit_rate,
    "latency": _latency,
    "resources": _resources,
    "optimizations": _optimizations,
}
"""Every plot by name."""


def _wanted_hit_rate(targets: pd.DataFrame) -> float | None:
    for record in read.records(targets):
        if record.get("name") == "cache.hit_rate":
            bound = bounds.parse(read.text(record.get("expression")), "ratio")
            return None if bound is None else bound.value
    return None


def _setting(info: Mapping[str, Any], section: str, name: str) -> float | None:
    found: Any = info.get("config")
    for step in (section, name):
        found = found.get(step) if isinstance(found, Mapping) else None
    value = read.number(found)
    return value if math.isfinite(value) else None
