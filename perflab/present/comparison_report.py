"""The report that holds runs against one of them: what was set differently, beside what came out differently.

In: the runs, and for each but the first what sets it apart and its metrics beside the first's. Out: one HTML file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.present import read
from perflab.present.page import Page, Part, plotted, save, tabled
from perflab.present.picture import Picture
from perflab.present.report import ReportData
from perflab.present.run_ratios import run_ratios
from perflab.present.tables import Cell, Table, table
from perflab.present.theme import VERDICTS
from perflab.present.verdicts import humanize, rows
from perflab.units import format_quantity

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

__all__ = ["Against", "write_comparison"]

_ROLES = {"lower": "changed", "higher": "changed", "within noise": "", "no interval": "absent"}


@dataclass(frozen=True)
class Against:
    """A run beside the first one.

    Attributes
    ----------
    name : str
        What the report calls it: B, C, and so on.
    run : ReportData
        The run.
    differences : pandas.DataFrame
        kind (`source`, `host` or `settings`), name, a, b: what the two do not share.
    metrics : pandas.DataFrame
        See `perflab.analyze.runs.compare_metrics`.
    """

    name: str
    run: ReportData
    differences: pd.DataFrame
    metrics: pd.DataFrame


def write_comparison(path: Path, first: ReportData, others: Sequence[Against]) -> Path:
    """Write the page and return its path.

    Raises
    ------
    RunError
        If the path is a folder or cannot be written.
    """
    parts = [_runs(first, others), _set(others), _metrics(others), _targets(first, others), _rest(others)]
    runs = {"A": first, **{other.name: other.run for other in others}}
    facts = [(f"run {name}", _named(run.info)) for name, run in runs.items()]
    footer = "Made by perflab from the recorded frames of these runs. This file loads nothing and runs no script."
    page = Page(f"perflab: {len(runs)} runs compared", facts, [_sentence(other) for other in others], parts, footer)
    save(path, page.html())
    return path


def _named(info: Mapping[str, Any]) -> str:
    return " · ".join(filter(None, (read.text(info.get(name)) for name in ("label", "run_id"))))


def _sentence(other: Against) -> str:
    counts = other.metrics["verdict"].value_counts()
    said = ", ".join(f"{counts[v]} {v}" for v in ("lower", "higher", "within noise", "no interval") if v in counts)
    apart = list(dict.fromkeys(other.differences["kind"]))
    why = f"Not one series: {' and '.join(apart)} differ." if apart else "Source, host and settings are the same."
    return f"Run {other.name} against run A: of {len(other.metrics)} metrics, {said or 'none in both'}. {why}"


def _runs(first: ReportData, others: Sequence[Against]) -> Part:
    runs = [("A", first), *((other.name, other.run) for other in others)]
    body: list[tuple[Cell | str, ...]] = [
        (name, *(read.text(run.info.get(fact)) or "–" for fact in ("label", "run_id", "started")), run.status)
        for name, run in runs
    ]
    return Part("runs", "The runs", "", (tabled(table("Runs", ("called", "label", "run", "started", "status"), body)),))


def _set(others: Sequence[Against]) -> Part:
    """Return what was set or found differently, a row a name and a column a run."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for other in others:
        for row in read.records(other.differences):
            values = found.setdefault((read.text(row["kind"]), read.text(row["name"])), {"A": _value(row["a"])})
            values[other.name] = _value(row["b"])
    names = [other.name for other in others]
    body: list[tuple[Cell | str, ...]] = [
        (name, kind, values["A"], *(values.get(n, values["A"]) for n in names))
        for (kind, name), values in found.items()
    ]
    lead = "Only runs of the same source, on the same host, with the same settings differ by time alone."
    shown = table("Set or found differently", ("what", "kind", "A", *names), body)
    same = Part("settings", "What differs in the runs themselves", "Source, host and settings are the same.", ())
    return Part(same.identifier, same.heading, lead, (tabled(shown),)) if body else same


def _metrics(others: Sequence[Against]) -> Part:
    lead = (
        "A metric is lower or higher only if the two 95 % intervals share no value. The ratio's interval has the "
        "quotients of the bounds. What a run read or counted once has no interval."
    )
    label = "Dot plot of each metric's ratio to run A with its interval. The tables have the values."
    drawn = plotted(Picture(run_ratios({other.name: other.metrics for other in others}), label))
    return Part("metrics", "What came out differently", lead, (drawn, *_tables(others, ("lower", "higher"))))


def _rest(others: Sequence[Against]) -> Part:
    lead = "Where the intervals share a value, what differs is not told from noise; without an interval nothing is."
    shown = ("within noise", "no interval", "only in A", "only in B")
    return Part("rest", "Every other metric", lead, tuple(_tables(others, shown)))


def _tables(others: Sequence[Against], verdicts: Sequence[str]) -> Iterator[Markup]:
    for other in others:
        yield tabled(_beside(other, verdicts))


def _beside(other: Against, verdicts: Sequence[str]) -> Table:
    chosen = [row for row in read.records(other.metrics) if row["verdict"] in verdicts]
    body: list[tuple[Cell | str, ...]] = [
        (
            humanize(read.text(row["name"])),
            *(format_quantity(read.number(row[side]), read.text(row["unit"])) for side in ("a", "b")),
            _ratio(row["ratio"]),
            _interval(row),
            Cell(read.text(row["verdict"]), _ROLES.get(row["verdict"], "absent")),
        )
        for row in sorted(chosen, key=lambda row: verdicts.index(row["verdict"]))
    ]
    heads = ("metric", "A", other.name, f"{other.name} / A", "95 % interval", "verdict")
    return table(f"Run {other.name} against run A", heads, body, numeric=heads[1:4])


def _targets(first: ReportData, others: Sequence[Against]) -> Part:
    judged = {
        name: {row.name: row for row in rows(run.targets)}
        for name, run in [("A", first), *((other.name, other.run) for other in others)]
    }
    names = dict.fromkeys(name for found in judged.values() for name in found)
    body: list[tuple[Cell | str, ...]] = []
    for name in names:
        known = [found.get(name) for found in judged.values()]
        wanted = next(row.wanted for row in known if row is not None)
        cells = [
            Cell(f"{row.mark} {row.value}", f"v {VERDICTS[row.verdict][1]}") if row is not None else Cell("–", "absent")
            for row in known
        ]
        body.append((humanize(name), wanted, *cells))
    lead = "The same target may have another bound in another run; the first one is shown."
    return Part("targets", "Targets", lead, (tabled(table("Verdicts", ("target", "bound", *judged), body)),))


def _finite(*values: Any) -> bool:
    return all(math.isfinite(read.number(value)) for value in values)


def _interval(row: Mapping[Any, Any]) -> str:
    known = row["verdict"] != "no interval" and _finite(row["low"], row["high"])
    return f"{_ratio(row['low'])} to {_ratio(row['high'])}" if known else "–"


def _ratio(value: Any) -> str:
    return f"{value:.3f}" if _finite(value) else "–"


def _value(value: object) -> str:
    return "–" if value is None else read.text(value) or "–"
