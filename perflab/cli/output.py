"""Files that a command is asked to write.

In: a path. Out: the same path, if it may be written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import typer

from perflab.errors import RunError

__all__ = ["writable", "writable_folder"]


def writable(path: Path, *, force: bool, ask: Callable[[str], bool] | None = None) -> Path:
    """Return a path that a file may be written to, before any work is done for it.

    Parameters
    ----------
    path
        The file; its folder is made when it is written.
    force
        Write over an existing file without asking.
    ask
        `ask(question)` tells whether to write over it; by default the person at the terminal, if there is one.

    Raises
    ------
    RunError
        If it is a folder, cannot be written, or exists and nobody agreed to write over it.
    """
    if path.is_dir():
        raise RunError(f"{str(path)!r} is a folder; name a file in it.")
    if path.exists() and not force and not (ask or _ask)(f"{path} exists. Write over it?"):
        raise RunError(f"{str(path)!r} exists already; name another file, or add --force to write over it.")
    return _within_reach(path)


def writable_folder(path: Path, *, force: bool, ask: Callable[[str], bool] | None = None) -> Path:
    """Return a path that files may be written into: a folder that is empty, or missing, or agreed to.

    Raises
    ------
    RunError
        As for `writable`, or if it is a file.
    """
    if path.exists() and not path.is_dir():
        raise RunError(f"{str(path)!r} is a file; name a folder.")
    if path.is_dir() and any(path.iterdir()) and not force and not (ask or _ask)(f"{path} has files. Write over them?"):
        raise RunError(f"{str(path)!r} holds files already; name another folder, or add --force to write over them.")
    return _within_reach(path)


def _within_reach(path: Path) -> Path:
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise RunError(f"{str(path)!r} cannot be written, as {str(above)!r} takes no files; name another place.")
    return path


def _ask(question: str) -> bool:
    at_terminal = sys.stdin.isatty() and sys.stderr.isatty()
    return at_terminal and typer.confirm(question, err=True)
