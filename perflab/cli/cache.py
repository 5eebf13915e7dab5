"""`perflab cache`: the disk tier of programs, looked at and cleaned from outside.

In: a folder. Out: what lies in it, what is damaged, what was removed.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

from perflab.cache.disk.survey import Survey, prune, survey, verify
from perflab.cli.answer import Answer
from perflab.cli.codes import Exit
from perflab.config import Config
from perflab.errors import ConfigError
from perflab.present.escape import visible
from perflab.units import format_bytes, parse_bytes

__all__ = ["clear", "disk_folder", "inspect", "kept_folder", "run_prune", "run_verify"]

_SHOWN = 20


def disk_folder(folder: Path | None, config_file: Path | None) -> Path:
    """Return the folder that is meant: the one that is named, or that of commands."""
    return folder if folder is not None else kept_folder(Config.load(config_file))


def kept_folder(config: Config, runs: Path | None = None) -> Path:
    """Return the folder in which commands keep what they computed: the config's, or one beside the runs."""
    return config.cache.l3_dir or (runs or config.record.runs_dir).parent / "cache"


def inspect(folder: Path) -> Answer:
    """Tell what lies in a disk tier."""
    found = survey(folder)
    lines = [
        f"folder    {visible(folder)}{'' if folder.is_dir() else ' (not there yet)'}",
        f"entries   {found.entries:,}, {format_bytes(found.nbytes)}",
        f"due       {found.due:,} past their time to live",
        f"on disk   {format_bytes(found.disk_bytes)} in files",
        f"put aside {found.put_aside:,} damaged databases",
        *([f"problem   the database cannot be read: {found.problem}"] if found.problem else []),
    ]
    return Answer(_data(found), lines, Exit.FAILED if found.problem else Exit.DONE)


def clear(tier: str, folder: Path) -> Answer:
    """Remove everything from a tier on disk.

    Raises
    ------
    ConfigError
        If the tier is in memory, where no other process can reach it, or there is no such tier.
    """
    if tier in ("l1", "l2"):
        raise ConfigError(
            f"{tier} lives only in the memory of a running program; clear it there, with system.clear_caches({tier!r})."
        )
    if tier != "l3":
        raise ConfigError(f"{tier!r} is no tier; choose l3, which is on disk.")
    before, after = prune(folder, keep_bytes=0)
    data = {"before": _data(before), "after": _data(after)}
    return Answer(data, [f"{before.entries - after.entries:,} entries were removed from {visible(folder)}"])


def run_verify(folder: Path) -> Answer:
    """Hold every value on disk against its checksum; the code is 1 if one is damaged."""
    count, damages = verify(folder)
    lines = [f"damaged: {visible(damage.key)}: {damage.reason}" for damage in damages[:_SHOWN]]
    said = f"{count:,} values, {len(damages):,} damaged"
    remedy = [f"They count as misses; remove them with: perflab cache prune {visible(folder)}"] if damages else []
    data = {"folder": folder, "values": count, "damaged": [asdict(damage) for damage in damages]}
    return Answer(data, [*lines, said, *remedy], Exit.FAILED if damages else Exit.DONE)


def run_prune(folder: Path, keep: str | None) -> Answer:
    """Remove what nobody will read, and with `keep` the oldest values until so many bytes are left."""
    try:
        bound = math.inf if keep is None else float(parse_bytes(keep))
    except ValueError as error:
        raise ConfigError(f"--keep is {keep!r}: {error}.") from error
    before, after = prune(folder, bound)
    freed = format_bytes(max(0, before.disk_bytes - after.disk_bytes))
    gone = before.entries + before.due - after.entries - after.due
    line = f"{gone:,} values and {before.put_aside - after.put_aside:,} damaged databases were removed, {freed} freed"
    return Answer({"before": _data(before), "after": _data(after)}, [line])


def _data(found: Survey) -> dict[str, object]:
    return {**asdict(found), "exists": found.folder.is_dir()}
