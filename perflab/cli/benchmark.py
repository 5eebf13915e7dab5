"""`perflab benchmark`: measure, print the verdicts, write the report.

In: workloads and their scale. Out: a run folder, a report, and the exit code of the verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from perflab.cli.console import out
from perflab.cli.verdicts import verdict_table
from perflab.config import Config
from perflab.system.measure import benchmark_workloads, new_run_dir
from perflab.system.result import BenchmarkResult
from perflab.system.run import check_report_path
from perflab.units import format_seconds
from perflab.workloads.suite import WORKLOADS, Scale

__all__ = ["run"]


def run(
    workloads: Sequence[str],
    source: Path | None,
    pairs: int | None,
    report: Path | None,
    quick: bool,
    config_file: Path | None,
    runs: Path | None,
) -> int:
    """Measure the workloads and return 0, 1 or 3 by the verdicts."""
    config = Config.load(config_file)
    names = tuple(dict.fromkeys(workloads)) or tuple(WORKLOADS)
    folder = new_run_dir(runs or config.record.runs_dir, "quick" if quick else "benchmark")
    path = check_report_path(report or folder / "report.html")
    try:
        result = _measured(names, config, source, Scale.of(config, source, pairs=pairs, quick=quick), folder)
    except KeyboardInterrupt:
        out.print(f"What was measured until now is kept; read it with: perflab report {folder}", soft_wrap=True)
        raise
    result.run.report(path)
    _print(result, path, out)
    return result.exit_code


def _measured(
    names: tuple[str, ...], config: Config, source: Path | None, scale: Scale, folder: Path
) -> BenchmarkResult:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[left]}"), console=out, transient=True) as progress:
        task = progress.add_task("starting", total=None, left="")

        def step(what: str, done: int, total: int, remaining_s: float | None) -> None:
            left = "" if remaining_s is None else f"{format_seconds(remaining_s)} left"
            progress.update(task, description=what, completed=done, total=total or None, left=left)

        return benchmark_workloads(names, config=config, source=source, scale=scale, folder=folder, on_step=step)


def _print(result: BenchmarkResult, report: Path, console: Console) -> None:
    console.print(verdict_table(result.run.targets()))
    console.print(f"run:    {result.folder}", soft_wrap=True, highlight=False)
    console.print(f"report: {report}", soft_wrap=True, highlight=False)
