"""A run for other programs: Markdown, JSON, folders of CSV or Parquet files.

In: `ReportData`. Out: text, or files; whatever keys and file names hold is inert in each of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.errors import RunError
from perflab.present import benchmark_tables, cache_tables, escape, read, sections, summary
from perflab.present.page import save
from perflab.present.report import STATUS_NOTES, ReportData
from perflab.present.tables import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "JSON_SCHEMA",
    "inert",
    "to_csv",
    "to_json",
    "to_markdown",
    "to_parquet",
    "write_events",
    "write_json",
    "write_markdown",
]

#: Name and version of the JSON document; the number grows when a reader of the old one would go wrong.
JSON_SCHEMA = "perflab.run/1"
_WHOLE = ("samples", "optimizations", "events")


def to_markdown(data: ReportData) -> str:
    """Return the run's summary and tables as GitHub's Markdown."""
    note = STATUS_NOTES.get(data.status, "" if data.status == "finished" else f"Status: {data.status}.")
    head = [f"# {escape.markdown(data.title)}", *([f"**{escape.markdown(note)}**"] if note else [])]
    said = [escape.markdown(sentence) for sentence in summary.sentences(data.targets, data.metrics)]
    parts = [
        part for table in _tables(data) if table for part in (f"## {escape.markdown(table.caption)}", table.markdown())
    ]
    return "\n\n".join([*head, *said, *parts]) + "\n"


def to_json(data: ReportData) -> str:
    """Return facts, summary, targets, metrics and the small frames as JSON, as `present/run.schema.json` describes it.

    Values keep the frames' units; what is missing or not finite is null, times are ISO 8601. Of the other frames the
    number of rows is told: Parquet is the format for those.
    """
    document = {
        "schema": JSON_SCHEMA,
        "info": _plain(dict(data.info)),
        "summary": list(summary.sentences(data.targets, data.metrics)),
        "targets": _plain(read.records(data.targets)),
        "metrics": _plain(read.records(data.metrics)),
        "rows": {name: len(frame) for name, frame in data.tables.items()},
        "frames": {name: _plain(read.records(data.tables[name])) for name in _WHOLE},
    }
    return json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n"


def write_markdown(path: str | Path, data: ReportData) -> Path:
    """Write `to_markdown` to a file; RunError if that fails."""
    save(Path(path), to_markdown(data))
    return Path(path)


def write_json(path: str | Path, data: ReportData) -> Path:
    """Write `to_json` to a file; RunError if that fails."""
    save(Path(path), to_json(data))
    return Path(path)


def write_events(path: str | Path, data: ReportData) -> Path:
    """Write the events as JSON lines, oldest first: `t`, `run_id`, `name` and the `payload`; RunError if that fails."""
    lines = [
        json.dumps({**_plain(event), "payload": _plain(json.loads(payload or "null"))}, sort_keys=True)
        for event in read.records(data.tables["events"])
        for payload in [event.pop("payload", None)]
    ]
    save(Path(path), "".join(f"{line}\n" for line in lines))
    return Path(path)


def to_csv(folder: str | Path, data: ReportData) -> list[Path]:
    """Write one CSV file a frame, and one of the metrics, into a folder; return the files.

    Text that a spreadsheet would take for a formula starts with `'`; control characters are written as escapes.

    Raises
    ------
    RunError
        If the folder cannot be made or written.
    """

    def write(frame: pd.DataFrame, path: Path) -> None:
        save(path, inert(frame, escape.csv_cell).to_csv(index=False, lineterminator="\n"))

    return _each(Path(folder), data, "csv", write)


def to_parquet(folder: str | Path, data: ReportData) -> list[Path]:
    """Write one Parquet file a frame, and one of the metrics, into a folder; return the files.

    Raises
    ------
    RunError
        If the folder cannot be made or written.
    """

    def write(frame: pd.DataFrame, path: Path) -> None:
        hidden = path.with_name(f".{path.name}.part")
        inert(frame, escape.storable).to_parquet(hidden, index=False, compression="zstd")
        hidden.replace(path)

    return _each(Path(folder), data, "parquet", write)


def _tables(data: ReportData) -> Iterable[Table]:
    frames = data.tables
    yield sections.targets(data.targets)
    yield benchmark_tables.improvements(frames["samples"])
    yield benchmark_tables.memory(frames["samples"])
    yield benchmark_tables.work(frames["samples"])
    yield cache_tables.by_tier(frames["accesses"], frames["samples"])
    yield cache_tables.by_workload(frames["accesses"], frames["samples"])
    yield sections.slowest(frames["operations"], frames["samples"])
    yield sections.slowest_keys(frames["accesses"], frames["samples"])
    yield sections.events(frames["events"])
    yield sections.optimizations(frames["optimizations"])
    yield sections.effects(frames["optimizations"])
    yield sections.metrics(data.metrics)


def _each(folder: Path, data: ReportData, suffix: str, write: Callable[[pd.DataFrame, Path], None]) -> list[Path]:
    shown = escape.shorten(folder, 200)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, frame in {**data.tables, "metrics": data.metrics}.items():
            paths.append(folder / f"{name}.{suffix}")
            write(frame, paths[-1])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RunError(f"The folder '{shown}' cannot be written: {reason}; choose another folder.") from error
    return paths


def inert(frame: pd.DataFrame, clean: Callable[[str], str]) -> pd.DataFrame:
    """Return the frame with every text cell cleaned; numbers, times and missing values stay as they are."""
    import pandas as pd

    def cell(value: object) -> object:
        return clean(value) if isinstance(value, str) else value

    def column(values: pd.Series) -> pd.Series:
        if isinstance(values.dtype, pd.CategoricalDtype):
            names = {name: cell(name) for name in values.cat.categories}
            # Two names may become one: the text is cleaned, not the categories.
            return values.astype(object).map(names, na_action="ignore").astype("str")
        return values.map(cell, na_action="ignore") if pd.api.types.is_string_dtype(values.dtype) else values

    return pd.DataFrame({clean(str(name)): column(frame[name]) for name in frame.columns})


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; text is made visible, so that no reader of the raw file is fooled."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return escape.visible(value)
    if isinstance(value, Mapping):
        return {escape.visible(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, int):
        return value
    number = read.number(value)
    if math.isnan(number) and not isinstance(value, float):
        return escape.visible(value) if read.text(value) else None
    return number if math.isfinite(number) else None
