"""Arguments of the commands that measure something or compute it anew.

In: the arguments of a shell. Out: an answer, printed, and an exit code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perflab.cli.console import ending
from perflab.cli.options import ConfigFile, Force, Json, Runs

__all__ = ["benchmark", "optimize", "optimize_files", "whatif"]


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
    chaos: Annotated[
        str | None,
        typer.Option(
            "--chaos",
            metavar="[NAMES]",
            help="Cause faults instead, all or those named (disk-full,worker-killed), and say what was survived.",
        ),
    ] = None,
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
        if chaos is not None:
            from perflab.cli.chaos import run as cause

            give(cause(chaos, workload or [], source, baseline, config))
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
