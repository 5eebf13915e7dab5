"""Files that are processed again whenever they are saved.

In: paths, and what to do with one. Out: results as they come, until somebody stops it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from perflab.chunk.edits.manifest import content_digest
from perflab.errors import SourceError

__all__ = ["Changes", "watch"]

T = TypeVar("T")

Changes = Callable[[Sequence[str], threading.Event | None], Iterable[set[tuple[Any, str]]]]
"""Tells what changed in folders, in sets of a kind and a path, sometimes an empty one, until the event is set."""

_DEBOUNCE_MS = 50
_STEP_MS = 10


def watch(
    process: Callable[[str], T],
    paths: Sequence[str],
    stop: threading.Event | None = None,
    *,
    changes: Changes | None = None,
) -> Iterator[T]:
    """Yield `process(path)` for each path, and again after each save that changed the file's content.

    The folders are watched and not the files, since editors put a new file in the place of the old one. That something
    happened to a file is taken as a hint alone: its content decides.

    Parameters
    ----------
    process
        What to do with a path; `SourceError` is taken for a file that is gone for a moment.
    stop
        Ends it when set; by default it goes on until the iterator is closed.
    changes
        The source of changes, by default the package watchfiles.
    """
    batches = iter((_folders if changes is None else changes)(_parents(paths), stop))
    next(batches, None)  # so that it has begun before the first look, and no save falls between the two
    named = {name: path for path in paths for name in _names(path)}
    known: dict[str, str] = {}
    yield from _changed(process, paths, known)
    for batch in batches:
        touched = {named[name] for _, name in batch if name in named}
        yield from _changed(process, [path for path in paths if path in touched], known)


def _folders(folders: Sequence[str], stop: threading.Event | None) -> Iterator[set[tuple[Any, str]]]:
    import watchfiles

    yield from watchfiles.watch(
        *folders,
        watch_filter=None,
        stop_event=stop,
        recursive=False,
        debounce=_DEBOUNCE_MS,
        step=_STEP_MS,
        rust_timeout=_DEBOUNCE_MS,
        yield_on_timeout=True,
    )


def _names(path: str) -> tuple[str, str]:
    """Return the names under which a change may be told: the path's own, and that of what it links to."""
    return os.path.abspath(path), os.path.realpath(path)  # noqa: PTH100 - as text, links as they are


def _parents(paths: Iterable[str]) -> list[str]:
    return sorted({str(Path(name).parent) for path in paths for name in _names(path)})


def _changed(process: Callable[[str], T], paths: Iterable[str], known: dict[str, str]) -> Iterator[T]:
    for path in paths:
        try:
            digest = content_digest(path)
            if known.get(path) == digest:
                continue
            result = process(path)
        except SourceError:
            known.pop(path, None)
            continue
        known[path] = digest
        yield result
