"""`perflab lab`: the notebooks in a folder of the user's own, and JupyterLab open on them.

In: a folder. Out: copies of the notebooks and of the data that they read; a copy that somebody edited stays as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import perflab
from perflab.cli.answer import Answer
from perflab.cli.console import aside
from perflab.errors import ConfigError
from perflab.present.escape import visible
from perflab.record.store import write_atomically

__all__ = ["copy_notebooks", "run", "shipped"]

_SHIPPED = {"notebooks": "*.ipynb", "data": "**/*"}  # the pictures are the README's
_KNOWN = ".perflab-copied.json"
_SHARE = "share/perflab/"


def run(
    folder: Path,
    *,
    start: bool = True,
    open_browser: bool = True,
    port: int | None = None,
    execute: Callable[[str, list[str]], object] = os.execv,
) -> Answer:
    """Copy the notebooks and, to `start`, become JupyterLab; `execute` replaces this process by a program."""
    kept = copy_notebooks(folder)
    lines = [*(f"kept as you edited it: {visible(name)}" for name in kept), f"notebooks: {folder / 'notebooks'}"]
    if start:
        _check_installed()
        for line in lines:
            aside.print(line, soft_wrap=True, highlight=False, markup=False)
        arguments = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.resolve()}"]
        arguments += [f"--port={port}"] if port else []
        arguments += [] if open_browser else ["--no-browser"]
        execute(sys.executable, [*arguments, "--LabApp.default_url=/lab/tree/notebooks/00-start-here.ipynb"])
    return Answer({"folder": folder, "copied": sorted(set(shipped()) - set(kept)), "kept": kept}, lines)


def copy_notebooks(folder: Path) -> list[str]:
    """Copy what is shipped into a folder, and return the names of copies that were edited and so left alone.

    Raises
    ------
    ConfigError
        If the folder cannot be written, or the notebooks are not installed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _copied(folder)
    except OSError as error:
        raise ConfigError(f"The folder {str(folder)!r} cannot be written: {error.strerror}; name another.") from error


def shipped() -> dict[str, Path]:
    """Return the files that are copied, by their names in the folder.

    Raises
    ------
    ConfigError
        If they are not installed.
    """
    found = dict(_beside_the_package()) or dict(_installed())
    if not found:
        raise ConfigError(
            "The notebooks are not installed with perflab; install it anew with: pip install 'perflab[lab]'."
        )
    return found


def _copied(folder: Path) -> list[str]:
    known = _copied_before(folder)
    kept = []
    for name, source in shipped().items():
        target = folder / name
        content = source.read_bytes()
        if target.exists() and _digest(target.read_bytes()) not in (known.get(name), _digest(content)):
            kept.append(name)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        known[name] = _digest(content)
    write_atomically(folder / _KNOWN, json.dumps(known, indent=1, sort_keys=True), mode=0o644)
    return kept


def _copied_before(folder: Path) -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((folder / _KNOWN).read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _beside_the_package() -> Iterator[tuple[str, Path]]:
    """Yield the files of a source tree from which perflab is imported."""
    root = Path(perflab.__file__).resolve().parents[1]
    if not (root / "pyproject.toml").is_file():
        return
    for folder, pattern in _SHIPPED.items():
        for path in sorted((root / folder).glob(pattern)):
            if path.is_file() and not any(part.startswith((".", "__")) for part in path.relative_to(root).parts):
                yield path.relative_to(root).as_posix(), path


def _installed() -> Iterator[tuple[str, Path]]:
    """Yield the files that the wheel put under `share`."""
    try:
        listed = files("perflab") or []
    except PackageNotFoundError:
        return
    for path in listed:
        _, found, name = path.as_posix().partition(_SHARE)
        if found:
            yield name, Path(str(path.locate()))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_installed() -> None:
    from importlib.util import find_spec

    if find_spec("jupyterlab") is None:
        raise ConfigError("JupyterLab is not installed; install it with: pip install 'perflab[lab]'.")
