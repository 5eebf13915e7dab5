"""The processes below this one.

In: `/proc`. Out: their ids, children of children included; None where they cannot be told.
"""

from __future__ import annotations

import os
from pathlib import Path

from perflab.host.proc import read_small

__all__ = ["descendants"]

PROC = Path("/proc")


def descendants(pid: int | None = None, *, proc: Path = PROC) -> list[int] | None:
    """Return the ids of all processes below one, by default this.

    Where the kernel lists the children of a thread, only this family's files are read; elsewhere psutil looks at every
    process of the host.

    Examples
    --------
    >>> descendants() is not None
    True
    """
    root = os.getpid() if pid is None else pid
    if not (proc / str(root) / "task" / str(root) / "children").exists():
        return _searched(root)
    found: list[int] = []
    waiting = [root]
    while waiting:
        children = _children(f"{proc}/{waiting.pop()}/task")
        found += children
        waiting += children
    return found


def _children(tasks: str) -> list[int]:
    """Return the children of all threads of a process; none if it has ended."""
    try:
        threads = os.listdir(tasks)  # noqa: PTH208 - names are enough
    except OSError:
        return []
    return [int(word) for thread in threads for word in (read_small(f"{tasks}/{thread}/children") or b"").split()]


def _searched(root: int) -> list[int] | None:
    import psutil

    try:
        return [child.pid for child in psutil.Process(root).children(recursive=True)]
    except (psutil.Error, OSError):
        return None
