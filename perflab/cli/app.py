"""The commands and their arguments.

In: the arguments of a shell. Out: an exit code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perflab.cli.codes import epilog
from perflab.cli.console import ending

__all__ = ["app", "main"]

app = typer.Typer(
    name="perflab",
    help="Measure caches, chunkers and workloads; every figure comes from recorded frames.",
    epilog=epilog(),
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
cache = typer.Typer(no_args_is_help=True, help="Look at and clean the disk tier of programs, from outside.")
app.add_typer(cache, name="cache")

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else, also for an error.")]
Force = Annotated[bool, typer.Option("--force", help="Write over existing files without asking.")]
CacheFolder = Annotated[
    Path | None, typer.Argument(help="Folder of the disk tier; by default the config's, or that of optimize-files.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Runs = Annotated[Path | None, typer.Option("--runs", help="Folder of run folders; by default that of the config.")]


@app.command()
def optimize(
    source: Annotated[
        Path | None, typer.Argument(help="A run folder, or a trace file; by default the run that was started last.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file with settings; by default those of the run.")
    ] = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Say what an optimization would do: tried on recorded accesses, in a system of its own; nothing is changed.

    Examples: `perflab optimize`, `perflab optimize RUN`, `perflab optimize trace.csv.gz --config perflab.toml --json`
    """
    with ending("optimize", as_json) as give:
        from perflab.cli.optimize import run

        give(run(source, config, runs))


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
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Run the built-in workloads, naive against optimized, or two things of your own, and judge the targets.

    Examples: `perflab benchmark --quick`, `perflab benchmark --workload document-creation --source src`,
    `perflab benchmark --baseline mod:slow --optimized mod:fast`, `perflab benchmark --self-check`
    """
    with ending("benchmark", as_json) as give:
        from perflab.cli.benchmark import Asked, run
        from perflab.cli.extras import count_edits, load_levels, trust

        if self_check:
            give(trust())
        if concurrency:
            give(load_levels(workload or [], source, config))
        if edits:
            give(count_edits(workload or [], source, config))
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
        give(run(asked, report, config, runs, force=force))


@app.command()
def optimize_files(
    paths: Annotated[list[str] | None, typer.Argument(help="Files and patterns, such as 'src/**/*.py'.")] = None,
    files: Annotated[str | None, typer.Option("--files", help="The same as one list, with commas between.")] = None,
    operation: Annotated[str, typer.Option("--operation", help="parse, analyze or index.")] = "analyze",
    config: ConfigFile = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Process files chunk by chunk, in parallel; chunks that did not change since the last time are not computed again.

    Examples: `perflab optimize-files big.py 'src/**/*.ts'`, `perflab optimize-files --files="a.py,b.md"`
    """
    with ending("optimize-files", as_json) as give:
        from perflab.cli.files import run

        give(run(paths or [], files, operation, config, runs))


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Say what every cache size and policy would have done with a recorded trace, and which to take.

    Example: `perflab whatif trace.csv.gz --target 0.90 --policies lru,s3fifo --report out.html`
    """
    with ending("whatif", as_json) as give:
        from perflab.cli.whatif import run

        give(run(trace, target, policies, by, current, kind, times, report, force=force))


@cache.command("inspect")
def inspect_cache(folder: CacheFolder = None, config: ConfigFile = None, as_json: Json = False) -> None:
    """Say how much lies in a disk tier; nothing is changed. l1 and l2 live only in the memory of a running program.

    Example: `perflab cache inspect .perflab/cache`
    """
    with ending("cache-inspect", as_json) as give:
        from perflab.cli.cache import disk_folder, inspect

        give(inspect(disk_folder(folder, config)))


@cache.command("clear")
def clear_cache(
    tier: Annotated[str, typer.Argument(help="l3; l1 and l2 live only in the memory of a running program.")],
    folder: CacheFolder = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Remove every value from a disk tier.

    Example: `perflab cache clear l3`
    """
    with ending("cache-clear", as_json) as give:
        from perflab.cli.cache import clear, disk_folder

        give(clear(tier, disk_folder(folder, config)))


@cache.command("verify")
def verify_cache(folder: CacheFolder = None, config: ConfigFile = None, as_json: Json = False) -> None:
    """Hold every value of a disk tier against its checksum; exit code 1 if one is damaged. Nothing is changed.

    Example: `perflab cache verify`
    """
    with ending("cache-verify", as_json) as give:
        from perflab.cli.cache import disk_folder, run_verify

        give(run_verify(disk_folder(folder, config)))


@cache.command("prune")
def prune_cache(
    folder: CacheFolder = None,
    keep: Annotated[
        str | None, typer.Option("--keep", help="Remove the oldest values too, until so much is left, such as 100MB.")
    ] = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Remove from a disk tier what nobody will read: what is due, damaged, left by killed programs or put aside.

    Example: `perflab cache prune --keep 100MB`
    """
    with ending("cache-prune", as_json) as give:
        from perflab.cli.cache import disk_folder, run_prune

        give(run_prune(disk_folder(folder, config), keep))


@app.command()
def doctor(config: ConfigFile = None, as_json: Json = False) -> None:
    """Say what works on this machine, and what to do where something does not.

    Versions, limits, permissions, disk space, kernel, C modules, browser. Exit code 1 if something fails without which
    perflab cannot work.

    Example: `perflab doctor`
    """
    with ending("doctor", as_json) as give:
        from perflab.cli.doctor import run

        give(run(config))


@app.command()
def deploy(
    folder: Annotated[Path, typer.Argument(help="Where to; it is made if it is missing.")],
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write the files that a deployment starts from: Dockerfile, compose, settings, systemd unit, Grafana dashboard.

    Example: `perflab deploy deployment`
    """
    with ending("deploy", as_json) as give:
        from perflab.cli.deploy import run

        give(run(folder, force=force))


@app.command()
def lab(
    folder: Annotated[Path, typer.Argument(help="Working folder; it is made if it is missing.")] = Path("perflab-lab"),
    port: Annotated[int | None, typer.Option("--port", help="Port of the server.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    as_json: Json = False,
) -> None:
    """Copy the notebooks into a folder and open JupyterLab on them; a notebook that you edited is left alone.

    With `--json` they are copied, and JupyterLab is not opened. Example: `perflab lab my-notebooks`
    """
    with ending("lab", as_json) as give:
        from perflab.cli.lab import run

        give(run(folder, start=not as_json, open_browser=browser, port=port))


def main() -> None:
    """Run the command line."""
    app()
