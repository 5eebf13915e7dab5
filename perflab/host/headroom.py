"""How full each bound on memory is.

In: the bounds of `limits`, `/proc`, cgroup files. Out: use, limit and their ratio; the fullest of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from perflab.host.limits import CGROUP, memory_bounds
from perflab.host.memory import mapped

__all__ = ["GROWTH", "Headroom", "Use", "fullest", "uses"]

PROC = Path("/proc")
GROWTH = "growth"
"""The bound on what the program itself took since the baseline."""
_BOUNDS_S = 10.0
"""Bounds change seldom, and to look for them takes as long as half of a sample."""
_USED = ("memory.current", "memory.usage_in_bytes")
_CACHE = ("inactive_file", "total_inactive_file")


@dataclass(frozen=True, slots=True)
class Use:
    """What is used of one bound.

    Attributes
    ----------
    of
        `growth`, `ram`, `cgroup:<folder>`, `RLIMIT_AS` or `RLIMIT_DATA`.
    used_bytes, limit_bytes
        Bytes.
    """

    of: str
    used_bytes: int
    limit_bytes: int

    @property
    def ratio(self) -> float:
        """Used by limit; 1 where nothing is allowed."""
        return self.used_bytes / self.limit_bytes if self.limit_bytes else 1.0


class Headroom:
    """The use of all bounds on memory: the hard limits, and growth within a budget.

    Parameters
    ----------
    budget_bytes
        Growth that counts as full; None for none.
    bounds
        Returns the hard limits by source, in bytes.
    clock
        Monotonic seconds.

    Examples
    --------
    >>> Headroom(100, bounds=dict).fullest(growth_bytes=60).ratio
    0.6
    """

    def __init__(
        self,
        budget_bytes: int | None = None,
        *,
        bounds: Callable[[], Mapping[str, int]] = memory_bounds,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget_bytes, self._find, self._clock = budget_bytes, bounds, clock
        self._bounds: Mapping[str, int] = {}
        self._found_s: float | None = None

    @property
    def limit_bytes(self) -> int | None:
        """The smallest of the hard limits."""
        return min(self._known().values(), default=None)

    def fullest(self, growth_bytes: int | None, resident_bytes: int | None = None) -> Use | None:
        """Return the use of the bound that is nearest to being full; None where nothing can be read."""
        found = uses(self._known(), resident_bytes)
        if growth_bytes is not None and self._budget_bytes is not None:
            found.append(Use(GROWTH, growth_bytes, self._budget_bytes))
        return fullest(found)

    def _known(self) -> Mapping[str, int]:
        now = self._clock()
        if self._found_s is None or now - self._found_s >= _BOUNDS_S:
            self._bounds, self._found_s = self._find(), now
        return self._bounds


def uses(bounds: Mapping[str, int], resident_bytes: int | None, *, proc: Path = PROC) -> list[Use]:
    """Return the use of each bound that can be read.

    Of a cgroup it is what its out-of-memory killer looks at: all of the group's processes, file pages that can be
    dropped at once left out. Of RAM it is the resident memory of this process and its children, since what other
    programs take is not in its power. Of rlimits it is the address space, or the private writable part.

    Parameters
    ----------
    bounds
        From `memory_bounds`.
    resident_bytes
        Resident memory of this process and its children; None if that is not known.

    Examples
    --------
    >>> from perflab.host.limits import memory_bounds
    >>> all(use.ratio > 0 for use in uses(memory_bounds(), 1_000_000))
    True
    """
    found = ((of, _used(of, resident_bytes, proc), limit) for of, limit in bounds.items())
    return [Use(of, used, limit) for of, used, limit in found if used is not None]


def fullest(found: Iterable[Use]) -> Use | None:
    """Return the use with the greatest ratio, or None without any.

    Examples
    --------
    >>> fullest([Use("ram", 1, 4), Use("growth", 1, 2)]).of
    'growth'
    """
    return max(found, key=lambda use: use.ratio, default=None)


def _used(of: str, resident_bytes: int | None, proc: Path) -> int | None:
    if of.startswith(CGROUP):
        return _of_group(Path(of.removeprefix(CGROUP)))
    if of == "ram":
        return resident_bytes
    sizes = mapped(proc=proc)
    return None if sizes is None else sizes[of == "RLIMIT_DATA"]


def _of_group(group: Path) -> int | None:
    for name in _USED:
        try:
            used = int((group / name).read_text())
        except (OSError, ValueError):
            continue
        return max(0, used - _droppable(group))
    return None


def _droppable(group: Path) -> int:
    try:
        lines = (group / "memory.stat").read_text().splitlines()
        counts = {name: int(count) for name, _, count in (line.partition(" ") for line in lines)}
    except (OSError, ValueError):
        return 0
    # Version 1 tells both; there the group's own number leaves out the groups below it.
    return counts.get(_CACHE[1], counts.get(_CACHE[0], 0))
