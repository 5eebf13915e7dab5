"""`perflab optimize-files`: process files chunk by chunk, and say what each one cost.

In: paths and patterns, an operation. Out: a table, a run folder, and 1 if something failed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from perflab.chunk import OPERATIONS
from perflab.cli.answer import Answer, rows
from perflab.cli.cache import kept_folder
from perflab.cli.codes import Exit
from perflab.config import Config
from perflab.errors import ConfigError
from perflab.present.escape import visible
from perflab.system import PerformanceSystem
from perflab.system.measure import new_run_dir
from perflab.units import format_bytes, format_quantity, format_seconds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["run"]


def run(paths: Sequence[str], files: str | None, operation: str, config_file: Path | None, runs: Path | None) -> Answer:
    """Process the files; the code is 1 if a file or a chunk failed."""
    named = [*paths, *(name.strip() for name in (files or "").split(",") if name.strip())]
    if not named:
        raise ConfigError("no files are named; name some, as in: perflab optimize-files 'src/**/*.py'")
    if operation not in OPERATIONS:
        raise ConfigError(f"--operation is {operation!r}; it must be one of {', '.join(OPERATIONS)}.")
    config = Config.load(config_file)
    runs_dir = runs or config.record.runs_dir
    config = config.replace(cache={"l3_dir": kept_folder(config, runs)})
    folder = new_run_dir(runs_dir, "optimize-files")
    with PerformanceSystem(config, run_dir=folder, label="optimize-files") as system:
        found = system.optimize_files(named, operation, errors="collect", progress=sys.stderr.isatty())
    failed = bool(found["error"].notna().any())
    data = {"run": folder, "operation": operation, "files": rows(found)}
    return Answer(data, [_table(found), *_lines(found, folder)], Exit.FAILED if failed else Exit.DONE)


def _table(found: pd.DataFrame) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("file", overflow="fold")
    for name in ("size", "chunks", "computed", "reused", "failed", "time", "efficiency"):
        table.add_column(name, justify="right")
    for row in found.to_dict("records"):
        table.add_row(*_cells({str(name): value for name, value in row.items()}))
    return table


def _cells(row: dict[str, object]) -> list[Text]:
    name = visible(row["path"])
    if row["nbytes"] != row["nbytes"]:  # a file that could not be read has no figures
        return [Text(name), Text("unreadable", style="red")]
    size, seconds = format_bytes(_number(row["nbytes"])), format_seconds(_number(row["duration_s"]))
    counts = [f"{_number(row[column]):.0f}" for column in ("chunks", "processed", "reused", "failed")]
    ratio = _number(row["efficiency_ratio"])
    return [
        Text(cell) for cell in (name, size, *counts, seconds, "" if ratio != ratio else format_quantity(ratio, "ratio"))
    ]


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _lines(found: pd.DataFrame, folder: Path) -> list[str]:
    errors = [visible(error) for error in found["error"].dropna()]
    counts = found[["chunks", "processed", "reused"]].sum()
    total = f"{len(found)} files, {counts['chunks']:.0f} chunks, {counts['processed']:.0f} computed"
    return [*errors, f"{total}, {counts['reused']:.0f} reused", f"run: {visible(folder)}"]
