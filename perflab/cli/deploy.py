"""`perflab deploy`: the files that a deployment starts from.

In: a folder. Out: copies of what lies in `perflab/deploy`.
"""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from perflab.cli.answer import Answer
from perflab.cli.output import writable
from perflab.present.escape import visible

__all__ = ["run"]


def run(folder: Path, *, force: bool) -> Answer:
    """Copy the files; none is written if one of them exists and nobody agreed to write over it."""
    with as_file(files("perflab.deploy")) as source:
        found = sorted(path for path in source.iterdir() if path.is_file() and path.suffix not in (".py", ".pyc"))
        targets = [writable(folder / path.name, force=force) for path in found]
        folder.mkdir(parents=True, exist_ok=True)
        for path, target in zip(found, targets, strict=True):
            shutil.copyfile(path, target)
    lines = [f"written: {visible(target)}" for target in targets]
    return Answer({"folder": folder, "written": targets}, [*lines, "What each is for stands at its top."])
