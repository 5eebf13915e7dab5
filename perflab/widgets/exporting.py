"""A run for others: the page, the tables, the frames, as files.

In: a run, a format, a place. Out: files, and a sentence that says where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.errors import ConfigError
from perflab.present import export

if TYPE_CHECKING:
    from perflab.system import Run

__all__ = ["FORMATS", "export_run"]


def _report(run: Run, target: Path) -> None:
    run.report(target)


def _csv(run: Run, target: Path) -> None:
    export.to_csv(target, run.report_data())


def _parquet(run: Run, target: Path) -> None:
    export.to_parquet(target, run.report_data())


FORMATS: Mapping[str, tuple[str, Callable[[Run, Path], None]]] = {
    "HTML": (".html", _report),
    "Markdown": (".md", _report),
    "JSON": (".json", _report),
    "CSV": ("-csv", _csv),
    "Parquet": ("-parquet", _parquet),
}
"""How each format ends its file's or folder's name, and what writes it."""


def export_run(run: Run, kind: str, place: str) -> Path:
    """Write a run in a format of `FORMATS`; `place` is a path without its ending.

    Raises
    ------
    ConfigError
        If there is no such format.
    RunError
        If it cannot be written.
    """
    if kind not in FORMATS:
        raise ConfigError(f"{kind!r} is no format; the formats are {', '.join(FORMATS)}.")
    ending, write = FORMATS[kind]
    target = Path(f"{place.strip() or 'perflab-report'}{ending}")
    write(run, target)
    return target
