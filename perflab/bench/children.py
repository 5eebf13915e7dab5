"""Memory and CPU time of the processes that an arm starts.

In: this process's living descendants. Out: their CPU seconds, and the sum of each one's own peak memory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from perflab.host import baseline_rss, peak_rss

if TYPE_CHECKING:
    import psutil

__all__ = ["PeakWatch", "living_cpu_s"]

_INTERVAL_S = 0.01


def living_cpu_s() -> float:
    """Return the CPU seconds of living descendants, with those of their own ended children.

    When a descendant is waited for, its time moves to its parent's count of ended children and none is lost.
    """
    return sum(_cpu_s(process) for process in _descendants())


class PeakWatch:
    """Watches the peak memory of all descendants while the arm runs, every 10 ms.

    A process's peak is kept by the kernel, so that only one that lives less than 10 ms can be missed. It falls where a
    process becomes another program: what was seen before was its parent's memory, which it shared until then. A process
    that was seen and whose memory was never read makes the sum unknown, rather than smaller than it was.
    """

    def __init__(self) -> None:
        self.started_with: dict[int, int | None] = {}
        self._peaks: dict[int, int | None] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="perflab-peak-watch", daemon=True)

    def __enter__(self) -> Self:
        self.started_with = {process.pid: baseline_rss(process.pid) for process in _alive()}
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    @property
    def peak_bytes(self) -> int | None:
        """Sum over the descendants of each one's own peak, also if these were at different times; None if unknown."""
        return _total(self._peaks.values())

    @property
    def start_bytes(self) -> int | None:
        """Memory of the descendants that were there before; None if unknown."""
        return _total(self.started_with.values())

    def _watch(self) -> None:
        while not self._stop.wait(_INTERVAL_S):
            self._look()

    def _look(self) -> None:
        for process in _alive():
            peak = peak_rss(process.pid)
            self._peaks[process.pid] = self._peaks.get(process.pid) if peak is None else peak


def _total(figures: Iterable[int | None]) -> int | None:
    known = list(figures)
    return None if None in known else sum(figure for figure in known if figure is not None)


def _alive() -> list[psutil.Process]:
    # What has ended and was not waited for has no memory left, and the kernel tells no figure of it.
    import psutil

    def ended(process: psutil.Process) -> bool:
        try:
            return process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return [process for process in _descendants() if not ended(process)]


def _descendants() -> list[psutil.Process]:
    import psutil

    try:
        return psutil.Process().children(recursive=True)
    except psutil.Error:
        return []


def _cpu_s(process: psutil.Process) -> float:
    import psutil

    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system
