"""The commands and their arguments.

In: the arguments of a shell. Out: an exit code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perflab.cli.console import ending

__all__ = ["app", "main"]

app = typer.Typer(
    name="perflab",
    help="Measure caches, chunkers and workloads; every figure comes from recorded frames.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)

ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Runs = Annotated[Path | None, typer.Option("--runs", help="Folder of run folders; by default that of the config.")]


@app.command()
def benchmark(
    workload: Annotated[
        list[str] | None,
        typer.Option("--workload", help="document-creation, cross-validation, prefetch, warm or tune; repeatable."),
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--source", help="Source tree to work on; by default the standard library.")
    ] = None,
    pairs: Annotated[int | None, typer.Option("--pairs", min=1, help="Interleaved pairs of samples.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Where to write the HTML report.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A small part of the source and two pairs: under a minute, no intervals.")
    ] = False,
    files: Annotated[
        int | None, typer.Option("--files", min=1, help="At most so many source files, instead of the default size.")
    ] = None,
    documents: Annotated[
        int | None, typer.Option("--documents", min=7, help="At most so many documents, three a feature and four more.")
    ] = None,
    defects: Annotated[
        int | None, typer.Option("--defects", min=0, max=1000, help="Planted defects of each rule; by default 3.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="A function module:function, or a command with --shell.")
    ] = None,
    optimized: Annotated[str | None, typer.Option("--optimized", help="What is held against --baseline.")] = None,
    shell: Annotated[bool, typer.Option("--shell", help="--baseline and --optimized are command lines.")] = False,
    budget: Annotated[
        float | None, typer.Option("--budget", min=0, help="Seconds after which no pair is begun; for --baseline.")
    ] = None,
    memory: Annotated[bool, typer.Option("--memory", help="Measure peak memory too; for --baseline.")] = False,
    targets: Annotated[Path | None, typer.Option("--targets", help="TOML file with a list `targets`.")] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="An interrupted run: what it measured is not measured again.")
    ] = None,
    concurrency: Annotated[
        bool, typer.Option("--concurrency", help="Measure 1, 2, 4, 8 and 16 simultaneous requests instead.")
    ] = False,
    edits: Annotated[
        bool, typer.Option("--edits", help="Count what each kind of edit computes anew, on a small source, instead.")
    ] = False,
    self_check: Annotated[
        bool, typer.Option("--self-check", help="Say whether results can be trusted on this machine, instead.")
    ] = False,
    config: ConfigFile = None,
    runs: Runs = None,
) -> None:
    """Run the built-in workloads, naive against optimized, or two things of your own, and judge the targets.

    Examples: `perflab benchmark --quick`, `perflab benchmark --workload document-creation --source src`,
    `perflab benchmark --baseline mod:slow --optimized mod:fast`, `perflab benchmark --self-check`
    """
    from perflab.cli.benchmark import Asked, run
    from perflab.cli.extras import count_edits, load_levels, trust

    with ending():
        if self_check:
            raise typer.Exit(trust())
        if concurrency:
            raise typer.Exit(load_levels(workload or [], source, config))
        if edits:
            raise typer.Exit(count_edits(workload or [], source, config))
        sides = (baseline, optimized) if baseline is not None or optimized is not None else None
        asked = Asked(
            tuple(workload or ()),
            source,
            pairs,
            quick,
            sides,
            shell,
            budget,
            memory,
            targets,
            resume,
            files,
            documents,
            defects,
        )
        raise typer.Exit(run(asked, report, config, runs))


@app.command()
def optimize_files(
    paths: Annotated[list[str] | None, typer.Argument(help="Files and patterns, such as 'src/**/*.py'.")] = None,
    files: Annotated[str | None, typer.Option("--files", help="The same as one list, with commas between.")] = None,
    operation: Annotated[str, typer.Option("--operation", help="parse, analyze or index.")] = "analyze",
    config: ConfigFile = None,
    runs: Runs = None,
) -> None:
    """Process files chunk by chunk, in parallel; chunks that did not change since the last time are not computed again.

    Examples: `perflab optimize-files big.py 'src/**/*.ts'`, `perflab optimize-files --files="a.py,b.md"`
    """
    from perflab.cli.files import run

    with ending():
        raise typer.Exit(run(paths or [], files, operation, config, runs))


@app.command()
def status(config: ConfigFile = None, runs: Runs = None) -> None:
    """Say what the last run found: its state, its targets, where it lies."""
    from perflab.cli.status import run

    with ending():
        raise typer.Exit(run(config, runs))


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File (.html, .md, .json); by default report.html in the run.")
    ] = None,
    into: Annotated[
        Path | None, typer.Option("--into", help="Markdown document whose marked place gets the table of results.")
    ] = None,
) -> None:
    """Write the report of a run folder, also of a cancelled or crashed run, or put its result into a document."""
    from perflab.cli.report import fill
    from perflab.cli.report import run as write

    with ending():
        raise typer.Exit(write(run, output) if into is None else fill(run, into))


@app.command()
def export(
    run: Annotated[Path | None, typer.Argument(help="A run folder; by default that of the last run.")] = None,
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help="Print text for Prometheus, such as for its textfile collector.")
    ] = False,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="File to write, for pull requests.")] = None,
    json: Annotated[Path | None, typer.Option("--json-file", help="File to write, of schema perflab.report/1.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Folder for one CSV file a frame.")] = None,
    parquet: Annotated[Path | None, typer.Option("--parquet", help="Folder for one Parquet file a frame.")] = None,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", help="Workbook with a sheet a frame.")] = None,
    events: Annotated[Path | None, typer.Option("--events", help="File for the events as JSON lines.")] = None,
    config: ConfigFile = None,
    runs: Runs = None,
) -> None:
    """Write a run for other programs.

    Examples: `perflab export --prometheus`, `perflab export RUN --csv frames --events events.jsonl`
    """
    from perflab.cli.export import run as write

    asked = {"markdown": markdown, "json": json, "csv": csv, "parquet": parquet, "xlsx": xlsx, "events": events}
    with ending():
        raise typer.Exit(write(run, prometheus, asked, config, runs))


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(help="The run to compare with.")],
    run_b: Annotated[Path, typer.Argument(help="The run that is compared.")],
    fail_if: Annotated[
        list[str] | None, typer.Option("--fail-if", help="Condition for exit code 1, such as 'time_ratio > 1.10'.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show metrics within noise too.")] = False,
) -> None:
    """Hold a run against another: what was set differently, beside what came out differently.

    Example: `perflab compare RUN_A RUN_B --fail-if "time_ratio > 1.10"`
    """
    from perflab.cli.compare import run_compare

    with ending():
        raise typer.Exit(run_compare(run_a, run_b, fail_if or [], everything))


@app.command()
def history(
    metric: Annotated[list[str] | None, typer.Option("--metric", help="Name of a metric; repeat for more.")] = None,
    config: ConfigFile = None,
    runs: Runs = None,
) -> None:
    """Show what stored runs measured, and where a series of thirty or more changed its level.

    Example: `perflab history --metric document_creation.time`
    """
    from perflab.cli.compare import run_history

    with ending():
        raise typer.Exit(run_history(runs, metric or [], config))


@app.command()
def whatif(
    trace: Annotated[Path, typer.Argument(help="A run folder, or a trace file.")],
    target: Annotated[float, typer.Option("--target", min=0, max=1, help="Hit rate that is wanted, 0..1.")] = 0.9,
    policies: Annotated[
        str, typer.Option("--policies", help="Names with commas between.")
    ] = "lru,fifo,sieve,s3fifo,tinylfu,belady",
    by: Annotated[str | None, typer.Option("--by", help="bytes, if sizes are known, or entries.")] = None,
    current: Annotated[str | None, typer.Option("--current", help="The cache as it is now, such as lru:50MB.")] = None,
    kind: Annotated[str | None, typer.Option("--format", help="Format of the file, if its name does not tell.")] = None,
    times: Annotated[bool, typer.Option(help="Use the times of the file; they must not go back.")] = True,
    report: Annotated[Path | None, typer.Option("--report", help="Where to write an HTML report.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Say what every cache size and policy would have done with a recorded trace, and which to take.

    Example: `perflab whatif trace.csv.gz --target 0.90 --policies lru,s3fifo --report out.html`
    """
    from perflab.cli.whatif import run

    with ending():
        raise typer.Exit(run(trace, target, policies, by, current, kind, times, report, as_json))


@app.command()
def lab(
    folder: Annotated[Path, typer.Argument(help="Working folder; it is made if it is missing.")] = Path("perflab-lab"),
    port: Annotated[int | None, typer.Option("--port", help="Port of the server.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Copy the notebooks into a folder and open JupyterLab on them; a notebook that you edited is left alone.

    Example: `perflab lab my-notebooks`
    """
    from perflab.cli.lab import run

    with ending():
        raise typer.Exit(run(folder, open_browser=browser, port=port))


def main() -> None:
    """Run the command line."""
    app()
