"""Turns at loading a key among processes that share a folder.

In: a key. Out: the right to load it, for one process at a time; it goes with the process, however that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from perflab.cache.keys import encode_key
from perflab.cache.loading.flight import GaveUpError
from perflab.forked import watch

__all__ = ["NESTED_S", "SWEEP_EVERY", "Turns"]

NESTED_S = 5.0
"""So long does a load wait within a load: two processes that load each other's keys would wait for ever."""

SWEEP_EVERY = 1_024
"""After so many turns the files that killed processes left are looked for again."""

_SHORTEST_S, _LONGEST_S = 0.001, 0.05
_within: ContextVar[bool] = ContextVar("perflab_cache_turn", default=False)


@dataclass(eq=False, slots=True)
class _Caller:
    """One load that has or wants a turn, and the file that stands in its way since it came."""

    inode: int | None = None


@dataclass(slots=True)
class _Held:
    handle: int | None
    callers: set[_Caller] = field(default_factory=set)


class Turns:
    """One locked file for each key that is being loaded; it is removed when the load ends.

    The lock is the kernel's (`flock`), so a killed process holds nothing up, and the file that it leaves is removed by
    the next one's sweep. Loads of one process share its turn: threads and tasks have `flight` to agree among
    themselves. Where no file can be locked (folder read-only, disk full, no handles left) each process loads for
    itself, and so does a load within a load after `NESTED_S` seconds.

    Parameters
    ----------
    folder
        Where the files lie; made with mode 0700 when it is needed.
    report
        `report(key, reason)` hears of a turn that was taken without a lock.
    timer
        Monotonic clock, seconds.
    sleep
        Waits in a thread, seconds.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     turns = Turns(Path(folder, "loads"))
    ...     with turns.take("page"):
    ...         during = len(list(turns.folder.iterdir()))
    ...     during, len(list(turns.folder.iterdir()))
    (1, 0)
    """

    def __init__(
        self,
        folder: Path,
        report: Callable[[Hashable, str], object] = lambda _key, _reason: None,
        *,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.folder = folder
        self._report = report
        self._timer = timer
        self._sleep = sleep
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._taken = 0
        watch(self)

    @contextlib.contextmanager
    def take(self, key: Hashable, timeout: float | None = None) -> Iterator[None]:
        """Wait for the turn of a key and hold it.

        Raises
        ------
        GaveUpError
            If another process loads the key for more than `timeout` seconds; a TimeoutError. Its load counts as hung:
            the next caller, here or elsewhere, begins another one.
        """
        caller, name = _Caller(), _name(key)
        try:
            for pause in self._pauses(key, name, caller, timeout):
                self._sleep(pause)
            with _inside():
                yield
        finally:
            self._release(name, caller)

    @contextlib.asynccontextmanager
    async def take_async(self, key: Hashable) -> AsyncIterator[None]:
        """Do the same without blocking the event loop; whoever waits may be cancelled."""
        caller, name = _Caller(), _name(key)
        try:
            for pause in self._pauses(key, name, caller, None):
                await asyncio.sleep(pause)
            with _inside():
                yield
        finally:
            self._release(name, caller)

    def after_fork(self) -> None:
        """Let go, in a forked child, of the parent's turns; they stay the parent's."""
        held, self._held = self._held, {}
        self._lock = threading.Lock()
        for turn in held.values():
            if turn.handle is not None:
                os.close(turn.handle)

    def sweep(self) -> int:
        """Remove the files of processes that were killed while they loaded; return how many."""
        removed = 0
        for path in list(self.folder.glob("*.lock")):
            with contextlib.suppress(OSError):
                handle = _locked(path, os.O_RDWR)
                if handle is not None:
                    _remove(path, handle)
                    removed += 1
        return removed

    def _pauses(self, key: Hashable, name: str, caller: _Caller, timeout: float | None) -> Iterator[float]:
        """Yield pauses until the turn has come."""
        start, pause = self._timer(), _SHORTEST_S
        while not self._try(key, name, caller):
            waited = self._timer() - start
            if timeout is not None and waited >= timeout:
                self._disown(name, caller)
                raise GaveUpError(f"another process has been loading {key!r} for more than {timeout} s")
            if _within.get() and waited >= NESTED_S:
                self._report(key, "no lock: a load within a load")
                return
            yield pause
            pause = min(2 * pause, _LONGEST_S)

    def _try(self, key: Hashable, name: str, caller: _Caller) -> bool:
        with self._lock:
            held = self._held.get(name)
            if held is None:
                try:
                    handle = self._open(name)
                except OSError as error:
                    handle = None
                    self._report(key, f"no lock: {error.strerror}")
                else:
                    if handle is None:
                        self._meet(name, caller)
                        return False
                held = self._held[name] = _Held(handle)
            held.callers.add(caller)
            return True

    def _open(self, name: str) -> int | None:
        if self._taken % SWEEP_EVERY == 0:
            self.sweep()
        self._taken += 1
        path = self.folder / name
        try:
            return _locked(path, os.O_RDWR | os.O_CREAT)
        except FileNotFoundError:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            return _locked(path, os.O_RDWR | os.O_CREAT)

    def _meet(self, name: str, caller: _Caller) -> None:
        if caller.inode is None:
            caller.inode = _inode(self.folder / name)

    def _disown(self, name: str, caller: _Caller) -> None:
        # Only the load that was waited for all the time: another one that began meanwhile may be well.
        path = self.folder / name
        with contextlib.suppress(OSError):
            if caller.inode is not None and _inode(path) == caller.inode:
                path.unlink()

    def _release(self, name: str, caller: _Caller) -> None:
        with self._lock:
            held = self._held.get(name)
            if held is None or caller not in held.callers:
                return
            held.callers.remove(caller)
            if held.callers:
                return
            del self._held[name]
            if held.handle is not None:
                _remove(self.folder / name, held.handle)


@contextlib.contextmanager
def _inside() -> Iterator[None]:
    before = _within.get()
    _within.set(True)
    try:
        yield
    finally:
        _within.set(before)  # and no reset: a task that nobody finishes is closed in another context


def _name(key: Hashable) -> str:
    return hashlib.blake2b(encode_key(key), digest_size=16).hexdigest() + ".lock"


def _locked(path: Path, flags: int) -> int | None:
    """Return a handle of the file with its lock, or None if another process has it."""
    while True:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            current = os.fstat(handle).st_nlink > 0
        except BlockingIOError:
            os.close(handle)
            return None
        except BaseException:
            os.close(handle)
            raise
        if current:
            return handle
        os.close(handle)  # its owner removed it between the two calls


def _inode(path: Path) -> int | None:
    with contextlib.suppress(OSError):
        return path.stat().st_ino
    return None


def _remove(path: Path, handle: int) -> None:
    # Someone who took this load for hung may have put a file of its own there.
    if os.fstat(handle).st_nlink > 0:
        with contextlib.suppress(OSError):
            path.unlink()
    os.close(handle)
