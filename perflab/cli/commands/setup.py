"""Arguments of the commands that prepare a machine or a folder for work.

In: the arguments of a shell. Out: an answer, printed, and an exit code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perflab.cli.console import ending
from perflab.cli.options import ConfigFile, Force, Json

__all__ = ["deploy", "doctor", "lab"]


def doctor(config: ConfigFile = None, as_json: Json = False) -> None:
    """Say what works on this machine, and what to do where something does not.

    Versions, limits, permissions, disk space, kernel, C modules, browser. Exit code 1 if something fails without which
    perflab cannot work.

    Example: `perflab doctor`
    """
    with ending("doctor", as_json) as give:
        from perflab.cli.doctor import run

        give(run(config))


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
