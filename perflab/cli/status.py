"""`perflab status`: what the last run found.

In: the folder of runs. Out: its state, its verdicts and where it lies.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from perflab.cli.console import out
from perflab.config import Config
from perflab.errors import RunError
from perflab.record.store import is_run, read_info, read_table

__all__ = ["last_run", "run"]


def run(config_file: Path | None, runs: Path | None) -> int:
    """Print the last run; a folder without runs says so and is no error."""
    folder = runs or Config.load(config_file).record.runs_dir
    last = last_run(folder)
    if last is None:
        out.print(f"No run in {folder} yet; make one with: perflab benchmark --quick", soft_wrap=True, highlight=False)
        return 0
    for name, value in _lines(*last):
        out.print(f"{name:<8} {value}", soft_wrap=True, highlight=False, markup=False)
    return 0


def last_run(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the run of a folder of runs that began last, with its facts; None if it holds none."""
    runs = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if is_run(path):
            try:
                runs.append((path, read_info(path)))
            except RunError as error:
                out.print(f"passed over: {error}", soft_wrap=True, highlight=False, markup=False)
    return max(runs, key=lambda run: str(run[1].get("started", "")), default=None)


def _lines(folder: Path, info: dict[str, Any]) -> list[tuple[str, str]]:
    verdicts = Counter(str(verdict) for verdict in read_table(folder, "targets")["verdict"].to_pylist())
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    report = folder / "report.html"
    return [
        ("run", str(info.get("run_id"))),
        ("label", str(info.get("label") or "none")),
        ("status", str(info.get("status"))),
        *([("error", str(info["error"]))] if info.get("error") else []),
        ("started", str(info.get("started"))),
        ("targets", counts or "not judged"),
        ("folder", str(folder)),
        ("report", str(report) if report.is_file() else f"none; write one with: perflab report {folder}"),
    ]
