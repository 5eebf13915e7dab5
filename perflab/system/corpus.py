"""Many files at once: found by patterns, processed side by side, a row each.

In: paths and patterns, an operation. Out: a frame with a row a file, also for files that failed.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from perflab.errors import PerflabError, SourceError
from perflab.parallel import in_worker
from perflab.record import remote
from perflab.system.files import FileWork, Function, summary

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["expanded", "process_all"]

PathLike = str | os.PathLike[str]

_COLUMNS = (
    "path",
    "nbytes",
    "chunks",
    "processed",
    "reused",
    "failed",
    "duration_s",
    "efficiency_ratio",
    "error",
)


def expanded(paths: PathLike | Iterable[PathLike]) -> list[str]:
    """Return the files that paths and patterns name, each once, those of a pattern in order of their names.

    A path of a file that exists is itself, whatever characters are in it. A pattern may have `*`, `?`, `[abc]`, and
    `**` for folders at any depth.

    Raises
    ------
    SourceError
        If a pattern fits no file.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    return list(dict.fromkeys(path for item in given for path in _files(os.fspath(item))))


def process_all(
    files: FileWork,
    paths: Sequence[str],
    fn: Function,
    name: str | None,
    *,
    at_once: int,
    errors: Literal["raise", "collect"] = "raise",
    output: PathLike | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Process files, up to `at_once` side by side, and return a row each, in the order of the paths.

    With `collect`, a file that cannot be processed is a row with its error, and chunks that fail are counted.
    """
    import pandas as pd

    callers = remote.callers()
    targets = _targets(paths, output)

    def process(path: str) -> dict[str, Any]:
        with remote.on_behalf_of(callers):
            return _row(files, path, fn, name, errors, targets.get(path))

    with ExitStack() as stack:
        # Inside a worker nothing may wait for others: the files follow one another.
        pool = None if in_worker() else stack.enter_context(ThreadPoolExecutor(at_once, "perflab-file"))
        rows = map(process, paths) if pool is None else pool.map(process, paths)
        found = list(_shown(rows, len(paths), progress))
    return pd.DataFrame(found, columns=list(_COLUMNS)).astype({"error": "str", "efficiency_ratio": "float64"})


def _row(
    files: FileWork,
    path: str,
    fn: Function,
    name: str | None,
    errors: Literal["raise", "collect"],
    target: Path | None,
) -> dict[str, Any]:
    try:
        result = files.process(path, fn, name, errors=errors, join=_forget, output=target)
    except PerflabError as error:
        if errors == "raise":
            raise
        return {"path": path, "error": str(error)}
    first = f"{type(result.errors[0]).__name__}: {result.errors[0]}" if result.errors else None
    return {**summary(result), "error": first}


def _forget(values: Iterator[Any]) -> None:
    """Keep no values: a row has none."""
    for _ in values:
        pass


def _shown(rows: Iterator[dict[str, Any]], total: int, progress: bool) -> Iterator[dict[str, Any]]:
    from tqdm.auto import tqdm

    bar: Callable[..., Any] = partial(tqdm, total=total, unit="file", disable=not progress)
    shown: Iterator[dict[str, Any]] = iter(bar(rows))
    return shown


def _targets(paths: Iterable[str], output: PathLike | None) -> dict[str, Path]:
    """Return where each file's output goes: under a folder, below what is common to all paths."""
    if output is None:
        return {}
    absolute = {path: Path(path).absolute() for path in paths}
    base = os.path.commonpath([path.parent for path in absolute.values()]) if absolute else ""
    targets = {path: Path(output) / full.relative_to(base) for path, full in absolute.items()}
    for target in targets.values():
        target.parent.mkdir(parents=True, exist_ok=True)
    return targets


def _files(item: str) -> list[str]:
    if "://" in item or not glob.has_magic(item) or os.path.lexists(item):
        return [item]
    found = sorted(path for path in glob.glob(item, recursive=True) if Path(path).is_file())  # noqa: PTH207 - any root
    if not found:
        raise SourceError(f"{item!r} fits no file; name files or patterns that do")
    return found
