"""Faults of loaders, of worker processes, of the process's own bounds, and of the recorder's disk.

In: a system. Out: the fault, while its context lasts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import threading
import time
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from perflab.system.faults.fault import Count, InjectedError

if TYPE_CHECKING:
    from perflab.system.performance import PerformanceSystem

__all__ = ["fail_loader", "fill_memory", "fill_recorders_disk", "kill_worker", "slow_loaders", "use_up_handles"]

_SLOW_S = 0.2
_SLOW_LOADS = 10
_LOOK_S = 0.005
_BALLAST = 64_000_000
_BALLASTS = 8
_NOTICED_S = 15.0
_WORKER = "perflab.parallel.worker"


@contextlib.contextmanager
def fail_loader(system: PerformanceSystem, count: Count) -> Iterator[None]:
    """Let the first loader raise."""

    def act(key: Hashable) -> None:
        if not count.times:
            count.add()
            raise InjectedError(f"the loader of {key!r} was made to fail")

    with system.cache.before_loads(act):
        yield


@contextlib.contextmanager
def slow_loaders(system: PerformanceSystem, count: Count) -> Iterator[None]:
    """Let the first loaders take a fifth of a second more."""

    def act(_: Hashable) -> None:
        if count.times < _SLOW_LOADS:
            count.add()
            time.sleep(_SLOW_S)

    with system.cache.before_loads(act):
        yield


@contextlib.contextmanager
def kill_worker(_: PerformanceSystem, count: Count) -> Iterator[None]:
    """Kill the first worker process that shows up."""
    over = threading.Event()
    before = {process.pid for process in _workers()}

    def watch() -> None:
        import psutil

        while not over.wait(_LOOK_S):
            for process in _workers():
                if process.pid not in before:
                    with contextlib.suppress(psutil.Error):
                        process.kill()
                        count.add()
                        return

    thread = threading.Thread(target=watch, name="perflab-chaos", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _workers() -> list[Any]:
    import psutil

    found = []
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if _WORKER in " ".join(process.cmdline()):
                found.append(process)
    return found


@contextlib.contextmanager
def use_up_handles(_: PerformanceSystem, count: Count) -> Iterator[None]:
    """Let this process open no more files: its soft limit becomes what it has open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = max(int(name) for name in os.listdir("/proc/self/fd")) + 1  # noqa: PTH208 - names alone
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(open_now, soft), hard))
    try:
        _probe(count, open_now)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _probe(count: Count, most: int) -> None:
    """Take the handles below the limit that are free, and count if one more is refused."""
    taken: list[int] = []
    try:
        taken.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(most + 1))
    except OSError as error:
        if error.errno == errno.EMFILE:
            count.add()
    finally:
        for handle in taken:
            os.close(handle)


@contextlib.contextmanager
def fill_memory(system: PerformanceSystem, count: Count) -> Iterator[None]:
    """Take more memory than the settings allow, and wait until the system has noticed."""
    noticed = threading.Event()

    def hear(_: object) -> None:
        count.add()
        noticed.set()

    end = system.on("memory_warning", hear)
    ballast: list[bytearray] = []
    try:
        # Meanwhile a large program may give back more than one ballast weighs.
        while len(ballast) < _BALLASTS and not noticed.is_set():
            ballast.append(bytearray(os.urandom(1)) * _BALLAST)
            noticed.wait(_NOTICED_S / _BALLASTS)
        yield
    finally:
        end()
        ballast.clear()


@contextlib.contextmanager
def fill_recorders_disk(system: PerformanceSystem, count: Count) -> Iterator[None]:
    """Let the run folder take no more rows."""

    def refuse(*_: Any, **__: Any) -> None:
        count.add()
        raise OSError(errno.ENOSPC, "No space left on device")

    def change(folder: Any) -> None:
        folder.write = folder.finish = refuse

    system._recorder.change_folder(change)
    yield
    system._recorder.flush()
