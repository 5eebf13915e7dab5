"""Arguments of the commands that read stored runs.

In: the arguments of a shell. Out: an answer, printed, and an exit code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perflab.cli.console import ending
from perflab.cli.options import ConfigFile, Force, Json, Runs

__all__ = ["compare", "export", "history", "report", "status"]


def status(
    fresh: Annotated[
        float | None,
        typer.Option("--fresh", min=0, help="Exit code 1 if no running run has written for so many seconds."),
    ] = None,
    config: ConfigFile = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Say what the last run found, what is running and what the disk tier holds, from run folders alone.

    Exit code 1 if the last run failed or died, for health checks.

    Examples: `perflab status`, `perflab status --fresh 60 --json`
    """
    with ending("status", as_json) as give:
        from perflab.cli.status import run

        give(run(config, runs, fresh))


def report(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File (.html, .md, .json); by default report.html in the run.")
    ] = None,
    into: Annotated[
        Path | None, typer.Option("--into", help="Markdown document whose marked place gets the table of results.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write the report of a run folder, also of a cancelled or crashed run, or put its result into a document.

    Examples: `perflab report RUN`, `perflab report RUN --output report.md`, `perflab report RUN --into README.md`
    """
    with ending("report", as_json) as give:
        from perflab.cli.report import fill
        from perflab.cli.report import run as write

        give(write(run, output, force=force) if into is None else fill(run, into))


def export(
    run: Annotated[Path | None, typer.Argument(help="A run folder; by default that of the last run.")] = None,
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help="Print text for Prometheus, such as for its textfile collector.")
    ] = False,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="File to write, for pull requests.")] = None,
    json: Annotated[Path | None, typer.Option("--json-file", help="File to write, of schema perflab.run/1.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Folder for one CSV file a frame.")] = None,
    parquet: Annotated[Path | None, typer.Option("--parquet", help="Folder for one Parquet file a frame.")] = None,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", help="Workbook with a sheet a frame.")] = None,
    events: Annotated[Path | None, typer.Option("--events", help="File for the events as JSON lines.")] = None,
    config: ConfigFile = None,
    runs: Runs = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write a run for other programs.

    Examples: `perflab export --prometheus`, `perflab export RUN --csv frames --events events.jsonl`
    """
    asked = {"markdown": markdown, "json": json, "csv": csv, "parquet": parquet, "xlsx": xlsx, "events": events}
    with ending("export", as_json) as give:
        from perflab.cli.export import run as write

        give(write(run, prometheus, asked, config, runs, force=force))


def compare(
    run_a: Annotated[Path, typer.Argument(help="The run to compare with.")],
    run_b: Annotated[Path, typer.Argument(help="The run that is compared.")],
    fail_if: Annotated[
        list[str] | None, typer.Option("--fail-if", help="Condition for exit code 1, such as 'time_ratio > 1.10'.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="HTML file that shows the runs side by side.")] = None,
    also: Annotated[list[Path] | None, typer.Option("--also", help="One more run for the report; repeat.")] = None,
    force: Force = False,
    everything: Annotated[bool, typer.Option("--all", help="Show metrics within noise too.")] = False,
    as_json: Json = False,
) -> None:
    """Hold a run against another: what was set differently, beside what came out differently.

    Examples: `perflab compare RUN_A RUN_B --fail-if "time_ratio > 1.10"`,
    `perflab compare RUN_A RUN_B --also RUN_C --report comparison.html`
    """
    with ending("compare", as_json) as give:
        from perflab.cli.compare import Report, run_compare

        asked = None if report is None else Report(report, tuple(also or ()), force)
        give(run_compare(run_a, run_b, fail_if or [], everything, asked))


def history(
    metric: Annotated[list[str] | None, typer.Option("--metric", help="Name of a metric; repeat for more.")] = None,
    config: ConfigFile = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Show what stored runs measured, and where a series of thirty or more changed its level.

    Example: `perflab history --metric document_creation.time`
    """
    with ending("history", as_json) as give:
        from perflab.cli.compare import run_history

        give(run_history(runs, metric or [], config))
