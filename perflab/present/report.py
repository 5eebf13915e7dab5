"""The report of a run.

In: `ReportData`, a run's facts, metrics, targets and frames. Out: the page's text, the same bytes for the same run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.analyze.next_steps import next_steps
from perflab.present import arms, benchmark_tables, cache_tables, facts, read, sections, summary, theme
from perflab.present.page import Page, Part, plotted, save, tabled
from perflab.present.picture import picture
from perflab.present.verdicts import counts
from perflab.present.what_if import what_if_picture
from perflab.record.frames import FRAMES, columns
from perflab.units import format_seconds

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

    from perflab.analyze.curve import Curve
    from perflab.trace import Setting, Trace

__all__ = ["STATUS_NOTES", "Curves", "ReportData", "render", "write"]

#: What a reader must know of a run that did not finish.
STATUS_NOTES = {
    "cancelled": "This run was cancelled. Every figure is of what was done until then.",
    "running": "This run is still going on. Every figure is of what was recorded so far.",
    "failed": "This run ended with an error. Every figure is of what was recorded until then.",
    "unfinished": "This run is unfinished: it is still going on, or its process ended early. Every figure is of what "
    "was recorded so far.",
}


@dataclass(frozen=True)
class Curves:
    """What other sizes and policies of the cache would have done with the run's accesses.

    Attributes
    ----------
    curves, trace, current
        As for `what_if.what_if_picture`.
    target : float, optional
        Hit rate that is wanted.
    """

    curves: Sequence[Curve]
    trace: Trace
    current: Setting | None
    target: float | None


def _none() -> Curves | None:
    return None


@dataclass(frozen=True)
class ReportData:
    """Everything that a report shows.

    Parameters
    ----------
    info
        What `run.json` holds: run_id, status, label, started, finished, versions, host, config; with
        `config_defaults` the report marks the settings that differ.
    metrics
        Columns name, value, low, high, unit, how, method, n.
    targets
        The `targets` frame.
    frames
        Frames by name, as in `perflab.record.frames`; any may be missing.
    what_if
        Called, by reports alone, for the curves; None where there is nothing to say.
    """

    info: Mapping[str, Any]
    metrics: pd.DataFrame
    targets: pd.DataFrame
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    what_if: Callable[[], Curves | None] = _none

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every frame once, an empty one with its columns where it is missing; `targets` are the judged ones."""
        import pandas as pd

        found = {name: self.frames.get(name) for name in FRAMES}
        whole = {
            name: frame if frame is not None else pd.DataFrame(columns=[column.name for column in columns(name)])
            for name, frame in found.items()
        }
        return {**whole, "targets": self.targets}

    @property
    def title(self) -> str:
        """The run's label, or its identifier."""
        named = read.text(self.info.get("label")) or read.text(self.info.get("run_id"))
        return f"perflab: {named}" if named else "perflab report"

    @property
    def status(self) -> str:
        """`finished`, `cancelled`, `unfinished` or what else the run says of itself."""
        return read.text(self.info.get("status")) or "unfinished"


def render(data: ReportData, *, title: str | None = None) -> str:
    """Return the report as HTML text.

    Parameters
    ----------
    data
        The run.
    title
        Heading of the page; by default the run's label or identifier.
    """
    return Page(
        title or data.title,
        _facts(data.info),
        summary.sentences(data.targets, data.metrics),
        _parts(data),
        "Made by perflab from the recorded frames of one run. This file loads nothing and runs no script.",
        data.status,
        _status_note(data.status),
        [(*theme.VERDICTS[verdict], verdict, number) for verdict, number in counts(data.targets).items()],
    ).html()


def write(path: str | Path, data: ReportData, *, title: str | None = None) -> Path:
    """Write the report to a file; a reader sees the old file or the new one, never a part.

    Raises
    ------
    RunError
        If the path is a folder or cannot be written.
    """
    target = Path(path)
    save(target, render(data, title=title))
    return target


def _parts(data: ReportData) -> list[Part]:
    made = (_targets, _before_after, _cache, _what_if, _ahead, _resources, _activity, _advice, _origin, _setting)
    return [make(data) for make in made]


def _targets(data: ReportData) -> Part:
    lead = (
        "A target passes or fails only if the whole 95 % interval of the measured value does; otherwise it is "
        "unclear. What was not measured does not pass. Where there are too few runs for an interval, their range is "
        "told, and called so."
    )
    blocks = (_plot("targets", data), tabled(sections.targets(data.targets)))
    return Part("targets", "Targets", lead, blocks)


def _before_after(data: ReportData) -> Part:
    samples = data.tables["samples"]
    if not len(samples):
        return Part("before-after", "Before and after", "This run holds no benchmark, so nothing was compared.", ())
    lead = "Baseline and optimized code ran in interleaved pairs, so that what else the host does meets both alike."
    tables = (benchmark_tables.improvements(samples), benchmark_tables.memory(samples), benchmark_tables.work(samples))
    blocks = (_plot("before_after", data), *map(tabled, tables))
    return Part("before-after", "Before and after", lead, blocks)


def _cache(data: ReportData) -> Part:
    accesses, samples = data.tables["accesses"], data.tables["samples"]
    lead = "An access is one read by the program; a hit was answered by a tier."
    _, of = arms.of_cache(accesses, samples)
    if of:
        lead += f" The plots, and the metrics of the cache, are of the {of}."
    tables = [cache_tables.by_tier(accesses, samples), *filter(None, [cache_tables.by_workload(accesses, samples)])]
    return Part("cache", "Cache", lead, (*map(tabled, tables), _plot("hit_rate", data), _plot("latency", data)))


def _what_if(data: ReportData) -> Part:
    found = data.what_if()
    if found is None:
        lead = (
            "Every measured arm began with caches of its own, so their accesses are no trace of one cache."
            if len(data.tables["samples"])
            else "Too few accesses, or no key wanted twice: no size or policy can be told from another."
        )
        return Part("what-if", "Another cache", lead, ())
    lead = "The run's own accesses, answered by every size and policy; belady, where it is shown, knows the future."
    return Part(
        "what-if",
        "Another cache",
        lead,
        (plotted(what_if_picture(found.curves, found.trace, found.current, found.target)),),
    )


def _ahead(data: ReportData) -> Part:
    """Return what came into memory before anyone asked for it, and what that was worth."""
    pairs = zip(read.texts(data.metrics, "name"), read.texts(data.metrics, "how"), strict=True)
    measured = data.metrics[[n.startswith(("prefetch.", "warm.")) and how != "unavailable" for n, how in pairs]]
    if not len(measured):
        return Part("ahead", "Ahead of time", "Nothing was prefetched and nothing was warmed.", ())
    lead = "Entries that were fetched before they were read: how many were, how many of them for nothing."
    return Part("ahead", "Ahead of time", lead, (tabled(sections.metrics(measured, "Prefetched and warmed")),))


def _advice(data: ReportData) -> Part:
    wanted = _mapping(_mapping(data.info, "config"), "cache_targets")
    hit_rate, limit = read.number(wanted.get("hit_rate")), read.number(wanted.get("max_memory_bytes"))
    if len(data.tables["samples"]) or not math.isfinite(hit_rate + limit):
        return Part("advice", "What to do next", "A benchmark's rows are of many arms, so they recommend nothing.", ())
    found = next_steps(data.tables, hit_rate=hit_rate, limit_bytes=int(limit))
    lead = "Each recommendation names the rows that it rests on: the frame, and the filter that gives them."
    return Part("advice", "What to do next", lead, (tabled(sections.recommendations(found)),))


def _resources(data: ReportData) -> Part:
    lead = "Memory is the growth above what the process held before the work began."
    return Part("resources", "CPU and memory", lead, (_plot("resources", data),))


def _activity(data: ReportData) -> Part:
    frames = data.tables
    tables = (
        sections.slowest(frames["operations"], frames["samples"]),
        sections.slowest_keys(frames["accesses"], frames["samples"]),
        sections.events(frames["events"]),
        sections.optimizations(frames["optimizations"]),
        sections.effects(frames["optimizations"]),
    )
    tried = (_plot("optimizations", data),) if frames["optimizations"]["measured"].notna().any() else ()
    return Part("activity", "What happened", "", (*map(tabled, tables), *tried))


def _origin(data: ReportData) -> Part:
    lead = (
        "Measured: counted or timed in this run. Estimated: by the method that is named. Unavailable: for the "
        "reason that is named; never replaced by a number."
    )
    return Part("origin", "How each figure was obtained", lead, (tabled(sections.metrics(data.metrics)),))


def _setting(data: ReportData) -> Part:
    config, defaults = _mapping(data.info, "config"), data.info.get("config_defaults")
    tables = (
        facts.facts(_mapping(data.info, "host"), "Host"),
        facts.facts(_mapping(data.info, "versions"), "Versions"),
        facts.configuration(config, defaults if isinstance(defaults, Mapping) else None),
    )
    return Part("setting", "Host, versions and configuration", "", tuple(map(tabled, tables)))


def _mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _facts(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    import pandas as pd

    said = [
        ("run", read.text(info.get("run_id"))),
        *((name, _moment(info.get(name))) for name in ("started", "finished")),
    ]
    found = [(name, value) for name, value in said if value]
    try:
        lasted = (pd.Timestamp(info["finished"]) - pd.Timestamp(info["started"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return found
    return [*found, ("lasted", format_seconds(lasted))] if math.isfinite(lasted) else found


def _moment(value: object) -> str:
    """Return a time as `2026-03-01 12:00:00 UTC`, or what else the run says."""
    import pandas as pd

    text = read.text(value)
    try:
        moment = pd.Timestamp(text)
    except ValueError:
        return text
    zoned = isinstance(moment, pd.Timestamp) and moment.tzinfo is not None
    return f"{moment.tz_convert('UTC'):%Y-%m-%d %H:%M:%S} UTC" if zoned else text


def _status_note(status: str) -> str:
    if status == "finished":
        return ""
    return STATUS_NOTES.get(status, f"This run says of itself that it is {status}.")


def _plot(name: str, data: ReportData) -> Markup:
    return plotted(picture(name, data))
