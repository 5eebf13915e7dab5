"""What a run can be written as, by name.

In: a kind, a path, `ReportData`. Out: a file or a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from perflab.errors import ConfigError
from perflab.present import export, report
from perflab.present.page import save
from perflab.present.prometheus import exposition
from perflab.present.report import ReportData
from perflab.present.workbook import write_workbook

__all__ = ["EXPORTS", "write_export"]


def _write_exposition(path: Path, data: ReportData) -> None:
    save(path, exposition(data))


EXPORTS: Mapping[str, Callable[[Path, ReportData], object]] = {
    "html": report.write,
    "markdown": export.write_markdown,
    "json": export.write_json,
    "xlsx": write_workbook,
    "csv": export.to_csv,
    "parquet": export.to_parquet,
    "prometheus": _write_exposition,
    "events": export.write_events,
}


def write_export(kind: str, path: Path, data: ReportData) -> Path:
    """Write a run as something and return the path.

    Raises
    ------
    ConfigError
        If there is no such kind, or a package that it needs is not installed.
    RunError
        If the path cannot be written.
    """
    if kind not in EXPORTS:
        raise ConfigError(f"{kind!r} is nothing that a run is written as; there are {', '.join(EXPORTS)}.")
    EXPORTS[kind](path, data)
    return path
