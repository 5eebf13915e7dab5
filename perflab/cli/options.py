"""Arguments and options that several commands take.

In: nothing. Out: types for the parameters of commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["CacheFolder", "ConfigFile", "Force", "Json", "Runs"]

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else, also for an error.")]
Force = Annotated[bool, typer.Option("--force", help="Write over existing files without asking.")]
CacheFolder = Annotated[
    Path | None, typer.Argument(help="Folder of the disk tier; by default the config's, or that of optimize-files.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Runs = Annotated[Path | None, typer.Option("--runs", help="Folder of run folders; by default that of the config.")]
