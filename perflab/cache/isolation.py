"""A cache of this process alone.

In: a config. Out: the three tiers over a folder that no other process uses and that goes with this one.
"""

from __future__ import annotations

import functools
import os
import shutil
import weakref
from pathlib import Path
from typing import Any

from perflab.cache.build import build_tiers
from perflab.cache.disk.tier import DiskCache
from perflab.cache.termination import before_sigterm
from perflab.cache.tiers.tiered import TieredCache
from perflab.config import Config
from perflab.record import Recorder

__all__ = ["isolated_cache"]


def isolated_cache(config: Config | None = None, *, recorder: Recorder | None = None) -> TieredCache:
    """Return a cache whose disk tier is a folder of this process alone; several processes, or caches, never meet.

    The folder is in the temporary one, has a unique name and mode 0700, and is removed by `close`, when the cache is
    forgotten, when the process ends, and when SIGTERM ends it, of which it still dies. What a killed process left, the
    next one removes that makes such a folder. A forked child uses the folder, and leaves it to its parent.

    Until `close`, SIGTERM has a handler, if it had none and this is called in the main thread; for programs that have
    one see `termination.before_sigterm`.

    Parameters
    ----------
    config
        Settings of the tiers; `cache.l3_dir` and `cache.l3_enabled` do not count.
    recorder
        Where its rows go; by default one of its own, in memory.

    Examples
    --------
    >>> with isolated_cache() as cache:
    ...     cache.set("page", "text"), cache.l3.folder.is_dir()
    (True, True)
    >>> cache.l3.folder.exists()
    False
    """
    config = (config or Config()).replace(cache={"l3_enabled": True, "l3_dir": None})
    return build_tiers(config, recorder or Recorder(settings=config.record), disk=_IsolatedDisk)


class _IsolatedDisk(DiskCache):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        call_off = before_sigterm(functools.partial(_remove, self.folder, os.getpid()))
        self._call_off = weakref.finalize(self, call_off)
        self._call_off.atexit = False

    def close(self) -> None:
        """Close the database and remove the folder; a second call does nothing."""
        super().close()
        self._call_off()


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
