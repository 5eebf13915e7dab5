"""Arguments of the commands under `perflab cache`.

In: the arguments of a shell. Out: an answer, printed, and an exit code.
"""

from __future__ import annotations

from typing import Annotated

import typer

from perflab.cli.console import ending
from perflab.cli.options import CacheFolder, ConfigFile, Json

__all__ = ["cache"]

cache = typer.Typer(no_args_is_help=True, help="Look at and clean the disk tier of programs, from outside.")


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
