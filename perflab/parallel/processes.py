"""Worker processes as an executor: fresh interpreters, each served by a thread, and nothing else that runs.

In: calls, which travel by cloudpickle. Out: futures; a killed worker is an error, and no process outlives `end`.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from perflab.errors import PerflabError
from perflab.parallel.worker import LENGTH

__all__ = ["ProcessExecutor", "WorkerDiedError"]

P = ParamSpec("P")
R = TypeVar("R")
Spawn = Callable[..., subprocess.Popen[bytes]]

_ROOT = str(Path(__file__).resolve().parents[2])
_START = "import sys; sys.path.insert(0, {root!r}); from perflab.parallel.worker import main; main({descriptor})"
_LOOK_S = 1.0


class WorkerDiedError(PerflabError, BrokenExecutor):
    """A worker process ended in the middle of a call, and with it all that was handed over."""


class ProcessExecutor(Executor):
    """Calls in up to so many processes, each started with the first call that finds no idle one.

    The processes are interpreters of their own, started afresh: no fork of a program with threads, no semaphores, and
    so none of the trackers of such that the standard library starts beside its pools.

    Parameters
    ----------
    workers
        Processes at the most.
    spawn
        Starts one; a `subprocess.Popen`.

    Examples
    --------
    >>> executor = ProcessExecutor(2)
    >>> executor.submit(divmod, 7, 2).result()
    (3, 1)
    >>> executor.end(cancel=False)
    """

    def __init__(self, workers: int, *, spawn: Spawn = subprocess.Popen) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="perflab-process")
        self._spawn = spawn
        self._own = threading.local()
        self._lock = threading.Lock()
        self._processes: dict[int, _Process] = {}
        self._over: BrokenExecutor | None = None
        self._pid = os.getpid()
        # Also for who forgets to end it, and before the interpreter does.
        self._finalizer = weakref.finalize(self, _end_all, self._processes, self._pid)

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Hand over a call.

        Raises
        ------
        BrokenExecutor
            If a worker has died, or this process is a fork of the one whose workers these are.
        """
        import cloudpickle  # type: ignore[import-untyped]  # ships no type information

        if self._over is not None:
            raise self._over
        if os.getpid() != self._pid:
            raise BrokenExecutor(f"these workers are those of process {self._pid}; create new ones after a fork")
        return self._threads.submit(self._in_process, cloudpickle.dumps(partial(fn, *args, **kwargs)))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; the processes end once what was handed over has run."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            self._finalizer()

    def end(self, cancel: bool) -> None:
        """Wait for what was handed over, or kill what runs and cancel the rest; then no process is left."""
        if os.getpid() != self._pid:  # in a fork, whose copies of the locks may never be released
            self._finalizer()
            return
        if cancel:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._give_up(WorkerDiedError("the workers were ended before the call had run"))
        self.shutdown()

    def _in_process(self, call: bytes) -> Any:
        process = self._process()
        try:
            reply = process.answer(call)
        except EOFError:
            raise self._give_up(WorkerDiedError(process.epitaph())) from None
        value, error = pickle.loads(reply)  # noqa: S301  # from our own worker
        if error is not None:
            raise error
        return value

    def _process(self) -> _Process:
        """Return the process of this thread, started if need be."""
        found: _Process | None = getattr(self._own, "process", None)
        with self._lock:
            if self._over is not None:
                raise self._over
            if found is None:
                found = self._own.process = _Process(self._spawn)
                self._processes[found.pid] = found
            return found

    def _give_up(self, reason: BrokenExecutor) -> BrokenExecutor:
        """Kill all processes and return why: the first reason that there was."""
        with self._lock:
            self._over = self._over or reason
            for process in self._processes.values():
                process.kill()
            return self._over


class _Process:
    """One worker, which one thread at a time may ask."""

    def __init__(self, spawn: Spawn) -> None:
        self._wire, theirs = socket.socketpair()
        try:
            with theirs:
                start = _START.format(root=_ROOT, descriptor=theirs.fileno())
                # -P: what lies in the working folder must not stand in for what the worker imports first.
                command = [sys.executable, "-P", "-c", start]
                self._popen = spawn(command, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),))
        except BaseException:
            self._wire.close()
            raise
        with contextlib.suppress(
            EOFError
        ):  # one that died at once is missed by its first call, and waited for as others
            self._send(pickle.dumps([entry or str(Path.cwd()) for entry in sys.path]))

    @property
    def pid(self) -> int:
        return self._popen.pid

    def answer(self, call: bytes) -> bytearray:
        """Return the reply to a call; EOFError if the process ends before it has one."""
        self._send(call)
        (size,) = LENGTH.unpack(self._receive(LENGTH.size))
        return self._receive(size)

    def epitaph(self) -> str:
        try:
            status = self._popen.wait(_LOOK_S)
        except subprocess.TimeoutExpired:
            return "a worker process closed its socket in the middle of a call; calls after this one start a fresh one"
        how = f"was terminated by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
        return f"a worker process {how} in the middle of a call; calls after this one start a fresh one"

    def kill(self) -> None:
        self._popen.kill()

    def end(self) -> None:
        """Let the process end, which has nothing to do, and wait for it."""
        # A fork of this process may hold its end of the socket open.
        if self._popen.poll() is None:
            self._wire.shutdown(socket.SHUT_RDWR)
        self._wire.close()
        self._popen.wait()

    def forget(self) -> None:
        """Close what a fork has of its parent's worker."""
        self._wire.close()
        self._popen.poll()

    def _send(self, data: bytes) -> None:
        self._wire.settimeout(None)
        try:
            self._wire.sendall(LENGTH.pack(len(data)))
            self._wire.sendall(data)
        except OSError as error:
            raise EOFError from error

    def _receive(self, size: int) -> bytearray:
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            rest = rest[self._receive_into(rest) :]
        return data

    def _receive_into(self, rest: memoryview) -> int:
        # What a worker has started may hold its end of the socket open when the worker is gone.
        self._wire.settimeout(_LOOK_S)
        while True:
            try:
                count = self._wire.recv_into(rest)
            except TimeoutError:
                if self._popen.poll() is None:
                    continue
                count = 0
            except OSError:
                count = 0
            if not count:
                raise EOFError
            return count


def _end_all(processes: dict[int, _Process], owner: int) -> None:
    while processes:
        _, process = processes.popitem()
        if os.getpid() == owner:
            process.end()
        else:
            process.forget()
