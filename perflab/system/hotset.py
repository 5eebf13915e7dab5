"""What memory holds, in a file, for the next start.

In: a system, a path. Out: a snapshot, or what it has in memory again; a row of `optimizations` says what that was.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Protocol

from perflab.cache import TieredCache
from perflab.errors import ConfigError
from perflab.optimize import Warming
from perflab.record import Recorder

__all__ = ["HOT_SET", "HotSet", "hot_set_path"]

HOT_SET = "hot.snapshot"
"""Name of the snapshot in a folder."""


def hot_set_path(path: str | os.PathLike[str] | None, run_dir: Path | None) -> Path:
    """Return the file to write or read: the one that was named, or the one in the folder that was, or in the run's.

    Raises
    ------
    ConfigError
        If nothing was named and there is no run folder.

    Examples
    --------
    >>> str(hot_set_path("hot", None)), hot_set_path(None, Path("run")).name
    ('hot', 'hot.snapshot')
    """
    named = run_dir if path is None else Path(path)
    if named is None:
        raise ConfigError("path is None and the system has no run folder; give the path of the snapshot")
    return named / HOT_SET if path is None or named.is_dir() else named


class System(Protocol):
    """Whose memory it is."""

    cache: TieredCache
    warm: Warming
    _recorder: Recorder


class HotSet:
    """The part of a `PerformanceSystem` that keeps its hot set; its methods are that one's.

    Parameters
    ----------
    system
        Whose memory it is.
    """

    def __init__(self, system: System) -> None:
        self._system = system

    def snapshot(self, path: str | os.PathLike[str] | None = None, *, limit_bytes: float = math.inf) -> Path:
        """Write the hot set to a file, by default in the run folder, and return its path; see `TieredCache.snapshot`.

        Raises
        ------
        ConfigError
            If no path is given and there is no run folder.
        StoreError
            If the file cannot be written.
        """
        target = hot_set_path(path, self._system._recorder.run_dir)
        self._system.cache.snapshot(target, limit_bytes=limit_bytes)
        return target

    def restore(self, path: str | os.PathLike[str], *, limit_bytes: int | None = None) -> int:
        """Take a hot set, from a file or a run folder, into free memory; return how many entries.

        What it brought is a row of `frames.optimizations`. See `TieredCache.restore`.

        Raises
        ------
        StoreError
            If the file is no snapshot, or is damaged; nothing is changed.
        """
        return self._system.warm.restore(hot_set_path(path, None), limit_bytes)
