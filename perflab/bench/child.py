"""The measuring process as its parent sees it.

In: a job. Out: its messages one by one, or a `ChildError` that says why there are no more; nothing outlives `close`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import perflab
from perflab.bench.job import Job, dump
from perflab.bench.words import LastWords

__all__ = ["Child", "ChildError"]

_GRACE_S = 2.0
_GROUP_GRACE_S = 0.5
_POLL_S = 0.2
_START_S = 60.0


class ChildError(Exception):
    """The process hung, or ended before it had sent everything."""


class Child:
    """A fresh Python process, in a process group of its own, that runs one job.

    Parameters
    ----------
    job
        What it measures.
    hash_seed
        Its PYTHONHASHSEED.
    spawn
        Starts the process; a `subprocess.Popen`.
    """

    def __init__(
        self, job: Job, hash_seed: int, *, spawn: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen
    ) -> None:
        self._pipe, write = os.pipe()
        heard, errors = os.pipe()
        self._words = LastWords(heard)
        try:
            with tempfile.TemporaryFile() as stdin:
                stdin.write(dump(job, [entry or str(Path.cwd()) for entry in sys.path]))
                stdin.seek(0)
                self._process = spawn(
                    [sys.executable, "-m", "perflab.bench.worker", str(write)],
                    stdin=stdin,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    pass_fds=(write,),
                    env=_environment(hash_seed),
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(write)
            os.close(errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(at_once=kind is not None)

    def messages(self, timeout_s: float | None = None) -> Iterator[dict[str, Any]]:
        """Yield messages until the last one; each may take so many seconds, the first one a minute at least.

        The process starts before its first message, and on a busy host that is no fault of the arm.

        Raises
        ------
        ChildError
            If the process hangs, or ends before `done`.
        """
        buffer = b""
        bound = None if timeout_s is None else max(timeout_s, _START_S)
        deadline = _deadline(bound)
        while True:
            line, newline, rest = buffer.partition(b"\n")
            if not newline:
                buffer += self._read(deadline, bound)
                continue
            buffer = rest
            message: dict[str, Any] = json.loads(line)
            if message["event"] == "done":
                return
            yield message
            bound = timeout_s
            deadline = _deadline(bound)

    def close(self, *, at_once: bool = False) -> None:
        """End the process and everything that it started; `at_once` does not wait for it to end by itself."""
        if at_once or not self._ends_within(_GRACE_S):
            self._signal(signal.SIGTERM)
            if not self._ends_within(_GRACE_S):
                self._signal(signal.SIGKILL)
                self._process.wait()
        self._end_group()
        os.close(self._pipe)
        self._words.close()

    def _read(self, deadline: float, bound_s: float | None) -> bytes:
        while True:
            ended = self._process.poll() is not None
            wait_s = 0.0 if ended else max(0.0, min(_POLL_S, deadline - time.monotonic()))
            if select.select([self._pipe], [], [], wait_s)[0]:
                data = os.read(self._pipe, 65_536)
                if data:
                    return data
                ended = True
            if ended:
                raise ChildError(self._epitaph())
            if time.monotonic() >= deadline:
                raise ChildError(f"it did not finish within {bound_s:g} s and was ended")

    def _epitaph(self) -> str:
        try:
            status = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return "it closed its result pipe and went on"
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        last = self._words.line()
        return f"its process ended with {how} before it returned{f', last words: {last}' if last else ''}"

    def _ends_within(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _end_group(self) -> None:
        # Resource trackers of process pools clean up and end by themselves a moment after the process.
        deadline = time.monotonic() + _GROUP_GRACE_S
        while self._signal(0) and time.monotonic() < deadline:
            time.sleep(0.005)
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> bool:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def _environment(hash_seed: int) -> dict[str, str]:
    root = str(Path(perflab.__file__).resolve().parents[1])
    path = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": os.pathsep.join(path)}


def _deadline(timeout_s: float | None) -> float:
    return float("inf") if timeout_s is None else time.monotonic() + timeout_s
