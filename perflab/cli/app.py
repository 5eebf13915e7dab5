"""The commands that there are, in the order of `perflab --help`.

In: the arguments of a shell. Out: an exit code.
"""

from __future__ import annotations

import typer

from perflab.cli.chaos import ChaosCommand
from perflab.cli.codes import epilog
from perflab.cli.commands.disk import cache
from perflab.cli.commands.measuring import benchmark, optimize, optimize_files, whatif
from perflab.cli.commands.runs import compare, export, history, report, status
from perflab.cli.commands.setup import deploy, doctor, lab

__all__ = ["app", "main"]

app = typer.Typer(
    name="perflab",
    help="Measure caches, chunkers and workloads; every figure comes from recorded frames.",
    epilog=epilog(),
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.add_typer(cache, name="cache")
app.command(cls=ChaosCommand)(benchmark)
for command in (
    optimize,
    optimize_files,
    status,
    report,
    export,
    compare,
    history,
    whatif,
    doctor,
    deploy,
    lab,
):
    app.command()(command)


def main() -> None:
    """Run the command line."""
    app()
