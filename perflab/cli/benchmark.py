"""`perflab benchmark`: measure, print the verdicts, write the report.

In: workloads and their scale, or two things of the user's own. Out: a run folder, a report, and the exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from perflab.analyze.targets import Target
from perflab.bench import Command
from perflab.cli.answer import Answer, rows
from perflab.cli.console import aside
from perflab.cli.output import writable
from perflab.cli.verdicts import verdict_table
from perflab.config import Config
from perflab.errors import BenchmarkError
from perflab.record.store import read_info
from perflab.system.measure import benchmark, benchmark_workloads, new_run_dir
from perflab.system.own_targets import read_targets
from perflab.system.result import BenchmarkResult
from perflab.system.run import check_report_path
from perflab.units import format_seconds
from perflab.workloads.staging import Scale, known_workloads
from perflab.workloads.suite import OnStep

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Asked", "progress", "run"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be measured: workloads, or the two `sides` of a comparison."""

    workloads: tuple[str, ...] = ()
    source: Path | None = None
    pairs: int | None = None
    quick: bool = False
    sides: tuple[str | None, str | None] | None = None
    shell: bool = False
    budget_s: float | None = None
    memory: bool = False
    targets: Path | None = None
    resume: Path | None = None
    files: int | None = None
    documents: int | None = None
    defects: int | None = None

    @property
    def label(self) -> str:
        """Part of the run folder's name."""
        return "quick" if self.quick else "benchmark"


def run(asked: Asked, report: Path | None, config_file: Path | None, runs: Path | None, *, force: bool) -> Answer:
    """Measure what is asked for; the code is 0, 1 or 3 by the verdicts."""
    config = Config.load(config_file)
    targets = read_targets(asked.targets) if asked.targets else ()
    folder = new_run_dir(runs or config.record.runs_dir, asked.label)
    path = folder / "report.html" if report is None else writable(check_report_path(report), force=force)
    try:
        with progress() as step:
            measure = _workloads if asked.sides is None else _sides
            result = measure(asked, config, targets, folder, step)
    except KeyboardInterrupt:
        for line in (
            f"What was measured until now is kept; read it with: perflab report {folder}",
            f"Go on with: perflab benchmark --resume {folder}",
        ):
            aside.print(line, soft_wrap=True, highlight=False, markup=False)
        raise
    result.run.report(path)
    return _answer(result, path)


@contextmanager
def progress() -> Iterator[OnStep]:
    """Show a bar, and give the function that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns, TextColumn("{task.fields[left]}"), console=aside, transient=True, disable=not aside.is_terminal
    ) as bar:
        task = bar.add_task("starting", total=None, left="")

        def step(what: str, done: int, total: int, remaining_s: float | None) -> None:
            left = "" if remaining_s is None else f"{format_seconds(remaining_s)} left"
            bar.update(task, description=what, completed=done, total=total or None, left=left)

        yield step


def _workloads(
    asked: Asked, config: Config, targets: tuple[Target, ...], folder: Path, step: OnStep
) -> BenchmarkResult:
    _refuse(asked, "budget_s", "memory", "shell", why="of --baseline and --optimized; add these, or leave it out")
    before: dict[str, Any] = {} if asked.resume is None else dict(read_info(asked.resume).get("asked") or {})
    if asked.resume is not None and not before:
        raise BenchmarkError(f"The run {str(asked.resume)!r} measured no workload; resume it as it was started.")
    source = Path(before["source"]) if before.get("source") else asked.source
    sizes = {"files": asked.files, "documents": asked.documents, "defects": asked.defects}
    asked_for = partial(Scale.of, config, source, pairs=asked.pairs, quick=asked.quick, **sizes)
    scale = Scale(**before["scale"]) if before else asked_for()
    return benchmark_workloads(
        known_workloads(before.get("workloads") or asked.workloads),
        config=config,
        source=source,
        scale=scale,
        folder=folder,
        resume=asked.resume,
        targets=targets,
        on_step=step,
    )


def _sides(asked: Asked, config: Config, targets: tuple[Target, ...], folder: Path, step: OnStep) -> BenchmarkResult:
    baseline, optimized = asked.sides or (None, None)
    if baseline is None or optimized is None:
        raise BenchmarkError("Only one side of a comparison is given; give both --baseline and --optimized.")
    why = "of the built-in workloads; leave it out beside --baseline"
    _refuse(asked, "workloads", "source", "quick", "files", "documents", "defects", why=why)
    for side in (baseline, optimized):
        if not asked.shell and ":" not in side:
            raise BenchmarkError(f"{side!r} names no function; write module:function, or add --shell for a command.")
    sys.path.insert(0, str(Path.cwd()))  # where the modules are that are named, as for `python -m`
    return benchmark(
        Command(baseline) if asked.shell else baseline,
        Command(optimized) if asked.shell else optimized,
        config=config,
        pairs=asked.pairs,
        budget_s=asked.budget_s,
        memory=asked.memory,
        targets=targets,
        run_dir=folder,
        resume=asked.resume,
        on_step=step,
    )


def _refuse(asked: Asked, *options: str, why: str) -> None:
    for name in options:
        value = getattr(asked, name)
        if value is not None and value is not False and value != ():
            option = {"workloads": "workload", "budget_s": "budget"}.get(name, name)
            raise BenchmarkError(f"--{option} is {why}.")


def _answer(result: BenchmarkResult, report: Path) -> Answer:
    targets = result.run.targets()
    data = {
        "run": result.folder,
        "report": report,
        "targets": rows(targets),
        "comparisons": rows(result.frame()) if result.benches else [],
    }
    return Answer(data, [*_lines(result, targets), f"run:    {result.folder}", f"report: {report}"], result.exit_code)


def _lines(result: BenchmarkResult, targets: pd.DataFrame) -> Iterator[str | Table]:
    if len(targets):
        yield verdict_table(targets)
    if len(result.benches) == 1:
        yield from _said(result)


def _said(result: BenchmarkResult) -> Iterator[str]:
    if not result.benches[0].comparisons:
        return
    low, high = result.interval
    yield (
        f"{result.verdict}: ratio {result.ratio:.3f} ({low:.3f} to {high:.3f}), noise floor {result.noise_floor:.1%}"
    )
    if result.doubts:
        yield f"may be unstable: {'; '.join(result.doubts)}"
