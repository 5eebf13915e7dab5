"""Where a system's hot set lies.

In: what the caller said, and the run folder. Out: the path of the snapshot.
"""

from __future__ import annotations

import os
from pathlib import Path

from perflab.errors import ConfigError

__all__ = ["HOT_SET", "hot_set_path"]

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
