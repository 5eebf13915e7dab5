"""How much memory and how many cores this process may use.

In: `/proc` and `/sys/fs/cgroup` (versions 1 and 2, every ancestor), the process's rlimits. Out: bytes and cores.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["CGROUP", "memory_bounds", "memory_limit", "usable_cores"]

PROC = Path("/proc")
CGROUP = "cgroup:"
"""What the source of a cgroup's bound begins with; its folder follows."""
_UNLIMITED = 1 << 60
"""cgroup v1 writes "no limit" as a number near 2**63; no machine has an exbibyte."""


@dataclass(frozen=True, slots=True)
class _Mount:
    """One mounted cgroup hierarchy: where it is, and which of its groups is at that place."""

    place: Path
    root: PurePosixPath
    version: int
    options: frozenset[str]

    def holds(self, names: frozenset[str], controller: str) -> bool:
        """Whether a line of `/proc/self/cgroup` with these controllers is about this mount and this controller."""
        if self.version == 2:
            return not names
        return controller in names and controller in self.options


def memory_bounds(proc: Path = PROC) -> dict[str, int]:
    """Return each bound on this process's memory in bytes, by its source.

    Sources are `ram`, `cgroup:<folder>` for every ancestor group with a hard limit (`memory.max` or
    `memory.limit_in_bytes`), `RLIMIT_AS` and `RLIMIT_DATA`. What cannot be read is left out.

    Examples
    --------
    >>> memory_bounds()["ram"] > 0
    True
    """
    return {**_ram(), **_cgroup_memory(proc), **_rlimits()}


def memory_limit(proc: Path = PROC) -> int | None:
    """Return the smallest of the memory bounds in bytes, or None if there is none to be read.

    Examples
    --------
    >>> memory_limit() <= memory_bounds()["ram"]
    True
    """
    return min(memory_bounds(proc).values(), default=None)


def usable_cores(proc: Path = PROC) -> float:
    """Return the cores that this process may use: its affinity, and the CPU quota of every ancestor cgroup.

    Examples
    --------
    >>> 0 < usable_cores() <= (os.cpu_count() or 1)
    True
    """
    quotas = [quota for group in _groups(proc, "cpu") if (quota := _cpu_quota(group)) is not None]
    return min([float(len(os.sched_getaffinity(0))), *quotas])


def _ram() -> dict[str, int]:
    try:
        return {"ram": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")}
    except (OSError, ValueError):
        return {}


def _rlimits() -> dict[str, int]:
    import resource

    soft = {name: resource.getrlimit(getattr(resource, name))[0] for name in ("RLIMIT_AS", "RLIMIT_DATA")}
    return {name: limit for name, limit in soft.items() if limit != resource.RLIM_INFINITY}


def _cgroup_memory(proc: Path) -> dict[str, int]:
    bounds = {}
    for group in _groups(proc, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = _number(_words(group / name), 0)
            if limit is not None and limit < _UNLIMITED:
                bounds[f"{CGROUP}{group}"] = int(limit)
    return bounds


def _cpu_quota(group: Path) -> float | None:
    words = _words(group / "cpu.max")  # v2: quota and period in one file
    if not words:
        words = _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
    quota, period = _number(words, 0), _number(words, 1)
    return quota / period if quota is not None and period is not None and quota > 0 and period > 0 else None


def _groups(proc: Path, controller: str) -> Iterator[Path]:
    """Yield the folder of this process's group and of each ancestor that is visible, in both versions."""
    paths = list(_own_groups(proc))
    for mount in _mounts(proc):
        for names, path in paths:
            if mount.holds(names, controller):
                yield from _ancestors(mount, path)


def _ancestors(mount: _Mount, path: PurePosixPath) -> Iterator[Path]:
    # Inside a container the group's path may lie above what is mounted; then the mount itself is our group.
    inside = path.relative_to(mount.root) if path.is_relative_to(mount.root) else PurePosixPath()
    group = mount.place / inside
    yield group
    for parent in group.parents:
        if not parent.is_relative_to(mount.place):
            return
        yield parent


def _own_groups(proc: Path) -> Iterator[tuple[frozenset[str], PurePosixPath]]:
    for line in _lines(proc / "self/cgroup"):
        fields = line.split(":", 2)
        if len(fields) == 3:
            yield frozenset(fields[1].split(",")) - {""}, PurePosixPath(fields[2])


def _mounts(proc: Path) -> Iterator[_Mount]:
    for line in _lines(proc / "self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) >= 5 and len(kind) >= 3 and kind[0] in ("cgroup", "cgroup2"):
            version = 2 if kind[0] == "cgroup2" else 1
            place = Path(_unescape(fields[4]))
            yield _Mount(place, PurePosixPath(_unescape(fields[3])), version, frozenset(kind[2].split(",")))


def _unescape(field: str) -> str:
    """Undo mountinfo's octal escapes of space, tab, newline and backslash."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return [word for line in _lines(path) for word in line.split()]


def _number(words: list[str], index: int) -> float | None:
    try:
        number = float(words[index])
    except (IndexError, ValueError):  # missing file, or "max"
        return None
    return number if math.isfinite(number) else None
