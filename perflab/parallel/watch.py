"""Watch what is registered with one resource tracker, and end it when that is nothing.

In: the module of a tracker that does not run yet. Out: the tracker ended, or left as it is because something needs it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Iterator
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

__all__ = ["Watch", "watch_here"]

_NEEDED = ("_fd", "_pid", "_lock", "_send")


class Watch:
    """A log of what this process, its forks and our workers tell one tracker.

    A tracker cannot be asked what it holds. So every message to it is noted in a file that lives in memory, which forks
    inherit and to which workers are connected; the file needs no lock, so that a finalizer may interrupt anything here.

    Parameters
    ----------
    module
        Where `_resource_tracker` is.
    log
        Descriptor of the file. All processes share one open file, hence one position: each writes behind the others.
    """

    def __init__(self, module: str, log: int) -> None:
        self._module = module
        self._log = log
        self._tracker = _find(module)
        self._before = vars(self._tracker).get("_send")
        self._forward = self._tracker._send
        self._pid: int | None = None
        self._tracker._send = self._send

    @classmethod
    def unless_running(cls, module: str) -> Watch | None:
        """Return a watch from the tracker's start on; None if it runs already or is not of the kind known here."""
        tracker = _find(module)
        known = all(hasattr(tracker, name) for name in _NEEDED) and hasattr(os, "memfd_create")
        if not known or tracker._fd is not None:
            return None
        return cls(module, os.memfd_create("perflab-tracker-log"))

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to a worker that is being started; there the log is the same open file."""
        return _watch_by, (self._module, DupFd(self._log))

    def end(self) -> bool:
        """End the tracker unless something needs it; return whether this watch is over."""
        tracker, size = self._tracker, self._size()
        if self._registered(size) or _held_elsewhere(tracker._fd, tracker._pid):
            return False
        # Under the tracker's lock no other thread can start it or be told that it runs. A thread that registers has
        # noted so before it asks: either the log has grown, or it asks when the tracker has ended and starts a new one.
        with tracker._lock:
            wrapped_by_others = vars(tracker).get("_send") != self._send
            if wrapped_by_others or self._size() != size:
                return False
            pipe, self._pid = tracker._fd, tracker._pid
            tracker._fd = tracker._pid = None
            self._stop_watching()
            if pipe is not None:
                os.close(pipe)
        return True

    def reap(self) -> bool:
        """Return whether the process of the ended tracker is gone."""
        if self._pid is None:
            return True
        try:
            return os.waitpid(self._pid, os.WNOHANG)[0] == self._pid
        except ChildProcessError:
            return True

    def _send(self, cmd: str, name: str, rtype: str) -> None:
        # Noted before a registration and after a removal, so that the log never knows of less than the tracker.
        if cmd == "REGISTER":
            self._note(cmd, name, rtype)
        self._forward(cmd, name, rtype)
        if cmd != "REGISTER":
            self._note(cmd, name, rtype)

    def _note(self, *message: str) -> None:
        # Who closed all descriptors of a fork can still register.
        with contextlib.suppress(OSError):
            os.write(self._log, f"{json.dumps(message)}\n".encode())

    def _size(self) -> int:
        return os.lseek(self._log, 0, os.SEEK_CUR)

    def _registered(self, size: int) -> bool:
        counts: dict[tuple[str, ...], int] = {}
        for line in os.pread(self._log, size, 0).splitlines():
            cmd, *resource = json.loads(line)
            count = counts.pop(tuple(resource), 0)
            left = {"REGISTER": count + 1, "MAYBE_UNLINK": count - 1}.get(cmd, 0)
            if left > 0:
                counts[tuple(resource)] = left
        return bool(counts)

    def _stop_watching(self) -> None:
        del self._tracker._send
        if self._before is not None:
            self._tracker._send = self._before
        # Forgotten before it is closed: another thread may be about to write, and the number may be used again.
        log, self._log = self._log, -1
        os.close(log)


def watch_here(*_: Watch) -> None:
    """Initialize a worker: the watches began when they were unpickled."""


def _watch_by(module: str, log: Any) -> Watch:
    return Watch(module, log.detach())


def _find(module: str) -> Any:
    return getattr(importlib.import_module(module), "_resource_tracker", None)


def _held_elsewhere(pipe: int | None, tracker_pid: int | None) -> bool:
    """Return whether a process beside this one can write to the pipe; True where the system does not tell."""
    if pipe is None:
        return False
    proc = Path("/proc")
    try:
        wanted = (proc / "self" / "fd" / str(pipe)).readlink()
    except OSError:
        return True
    others = (entry for entry in proc.iterdir() if entry.name.isdigit())
    return any(wanted in _open_files(entry) for entry in others if int(entry.name) not in (os.getpid(), tracker_pid))


def _open_files(process: Path) -> Iterator[Path]:
    """Yield what the descriptors of a process lead to; nothing for a process of another user or one that has ended."""
    with contextlib.suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield descriptor.readlink()
