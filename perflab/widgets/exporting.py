"""A run for others: which formats a panel offers, and where each goes.

In: a run, a format, a place. Out: a file or a folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.errors import ConfigError

if TYPE_CHECKING:
    from perflab.system import Run

__all__ = ["FORMATS", "export_run"]

FORMATS: Mapping[str, tuple[str, str]] = {
    "HTML": ("html", ".html"),
    "Markdown": ("markdown", ".md"),
    "JSON": ("json", ".json"),
    "Prometheus": ("prometheus", ".prom"),
    "CSV": ("csv", "-csv"),
    "Parquet": ("parquet", "-parquet"),
}
"""Each format as `Run.export` calls it, and the ending of its file or folder."""


def export_run(run: Run, name: str, place: str) -> Path:
    """Write a run in one of `FORMATS`; `place` is a path without its ending.

    Raises
    ------
    ConfigError
        If there is no such format.
    RunError
        If it cannot be written.
    """
    if name not in FORMATS:
        raise ConfigError(f"{name!r} is no format; the formats are {', '.join(FORMATS)}.")
    kind, ending = FORMATS[name]
    return run.export(kind, f"{place.strip() or 'perflab-report'}{ending}")
