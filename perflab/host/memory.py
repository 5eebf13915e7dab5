"""Resident memory of a process, now and at its peak, and how much of it is its own.

In: a process id. Out: bytes, from files of `/proc/<pid>`; None where they cannot be read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from perflab.host.proc import read_small

__all__ = ["Footprint", "baseline_rss", "footprint", "peak_rss", "reset_peak"]

PROC = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory of one process in bytes.

    Attributes
    ----------
    rss_bytes
        Resident pages, those that other processes have too counted in full.
    pss_bytes
        The same, each shared page counted as one part in as many as share it: sums over processes are right.
    uss_bytes
        Pages that no other process has: what would be free if this one ended.
    """

    rss_bytes: int
    pss_bytes: int
    uss_bytes: int

    def __add__(self, other: Footprint) -> Footprint:
        return Footprint(
            self.rss_bytes + other.rss_bytes, self.pss_bytes + other.pss_bytes, self.uss_bytes + other.uss_bytes
        )


def baseline_rss(pid: int | str = "self", *, proc: Path = PROC) -> int | None:
    """Return the resident memory of a process now, in bytes: what later growth is measured from.

    It is the cheapest of its kind, some 10 microseconds: one short line of `statm`.

    Examples
    --------
    >>> baseline_rss() > 1_000_000
    True
    """
    pages = _pages(pid, proc)
    return None if pages is None else pages[1]


def mapped(pid: int | str = "self", *, proc: Path = PROC) -> tuple[int, int] | None:
    """Return a process's address space and its writable private part in bytes: what rlimits bound."""
    pages = _pages(pid, proc)
    return None if pages is None else (pages[0], pages[5])


def footprint(pid: int | str = "self", *, proc: Path = PROC) -> Footprint | None:
    """Return what a process holds, shared pages told apart; it takes milliseconds, as every page is looked at.

    Examples
    --------
    >>> found = footprint()
    >>> found is None or 0 < found.uss_bytes <= found.pss_bytes <= found.rss_bytes
    True
    """
    sizes = _sizes(proc / str(pid) / "smaps_rollup")
    try:
        uss = sizes["Private_Clean"] + sizes["Private_Dirty"]
        return Footprint(sizes["Rss"], sizes["Pss"], uss)
    except KeyError:
        return None


def peak_rss(pid: int | str = "self", *, proc: Path = PROC) -> int | None:
    """Return the peak resident memory of a process in bytes, since it started or since `reset_peak`.

    This is `VmHWM`. `ru_maxrss` is not used: it survives exec, so that a child of a big process reports its parent's.

    Examples
    --------
    >>> peak_rss() >= baseline_rss() // 2
    True
    """
    return _sizes(proc / str(pid) / "status").get("VmHWM")


def reset_peak(pid: int | str = "self", *, proc: Path = PROC) -> bool:
    """Set the peak back to the present resident memory; return whether the system allowed it."""
    try:
        (proc / str(pid) / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _pages(pid: int | str, proc: Path) -> list[int] | None:
    content = read_small(f"{proc}/{pid}/statm")
    try:
        return None if not content else [int(word) * _PAGE_BYTES for word in content.split()]
    except ValueError:
        return None


def _sizes(path: Path) -> dict[str, int]:
    """Return the fields of a file that are in kB, in bytes; nothing where it cannot be read."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines if line.endswith(" kB"))
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in fields if words[1].isdigit()}
