"""A fault: what it does, how it is undone, and how it is known that it happened.

In: a system or the files that an earlier one left. Out: `Fault`, a row of the table.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.errors import PerflabError

if TYPE_CHECKING:
    from perflab.system.performance import PerformanceSystem

__all__ = ["Count", "Fault", "InjectedError", "Within"]


class InjectedError(PerflabError):
    """What a loader raises that was made to fail."""


class Count:
    """How often a fault really happened; threads may count at once."""

    def __init__(self) -> None:
        self.times = 0
        self._lock = threading.Lock()

    def add(self) -> int:
        """Count one more, and return how many there are."""
        with self._lock:
            self.times += 1
            return self.times


Within = Callable[["PerformanceSystem", Count], AbstractContextManager[None]]
"""Causes a fault in a system while the context lasts, counts each time that it happens, and undoes it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes
    ----------
    name
        What it is asked for by.
    causes
        What happens, in words.
    undone
        How it is undone.
    unmet
        Why it may not happen: what the workload would have to do to meet it.
    filled
        Whether the workload has run before, in a system that was closed: then values are on disk, and none in memory.
    within
        Causes it while the workload runs.
    on_disk
        Causes it in the folder of the disk tier before a system opens it, and returns how often; None for none.
    raises
        Errors that the workload may end with: the fault's own, which no cache can keep from its caller. The next run,
        without the fault, must then be right.
    settings
        Settings that it needs.
    """

    name: str
    causes: str
    undone: str
    unmet: str
    within: Within | None = None
    on_disk: Callable[[Path], int] | None = None
    filled: bool = False
    raises: tuple[type[BaseException], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs_disk_tier: bool = True
