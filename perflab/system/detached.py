"""A benchmark in a process of its own, which outlives the kernel that began it.

In: what to measure, a run folder. Out: `Detached`: how far it is, and a way to cancel it; the folder is all it needs.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import perflab
from perflab.errors import BenchmarkError, RunError
from perflab.owned import make_folder
from perflab.record.store import is_run, read_info, write_atomically
from perflab.regular import read_regular

if TYPE_CHECKING:
    import psutil

__all__ = ["Detached", "Progress", "last_begun", "start"]

_WORKER = "worker.json"
_PROGRESS = "progress.json"
_MODULE = "perflab.system.detached"
_MOST_BYTES = 1_000_000
_GRACE_S = 0.6
"""How long a cancelled worker may take to write what it has; then it is ended."""

_EACH_S = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a benchmark is.

    Attributes
    ----------
    status : str
        `starting`, `running`, `finished`, `cancelled`, `failed`, or `unfinished` for a worker that died.
    what : str
        What is going on, or went wrong.
    done, total : int
        Samples; `total` is 0 until it is known.
    remaining_s : float or None
        Seconds that remain; None if unknown.
    """

    status: str
    what: str = ""
    done: int = 0
    total: int = 0
    remaining_s: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.status not in ("starting", "running")


class Detached:
    """A benchmark that runs, or ran, in a worker process.

    Attributes
    ----------
    folder : pathlib.Path
        Its run folder, which `perflab.open_run` opens at any moment.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def pid(self) -> int:
        """Number of the worker process."""
        return int(_read(self.folder / _WORKER).get("pid", 0))

    def progress(self) -> Progress:
        """Return how far it is."""
        # The worker is looked for first: what it wrote before it went is then there.
        is_alive = self._worker() is not None
        found = _read(self.folder / _PROGRESS)
        known: dict[str, Any] = {name: found.get(name) for name in ("done", "total")}
        counts = {name: int(value or 0) for name, value in known.items()}
        status, error = self._status(is_alive)
        what = error or str(found.get("what", ""))
        return Progress(status, what, **counts, remaining_s=found.get("remaining_s"))

    def cancel(self) -> None:
        """End the worker and all that it started; what was measured is kept. Returns when they are gone."""
        import psutil

        worker = self._worker()
        if worker is None:
            return
        write_atomically(self.folder / _WORKER, json.dumps({**_read(self.folder / _WORKER), "cancelled": True}))
        with contextlib.suppress(psutil.Error):
            children = worker.children(recursive=True)
            worker.send_signal(signal.SIGTERM)
            _, left = psutil.wait_procs([worker, *children], timeout=_GRACE_S)
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(left, timeout=_GRACE_S)
        _reap()

    def wait(self, timeout_s: float) -> Progress:
        """Wait until it is over, and return how it ended.

        Raises
        ------
        BenchmarkError
            If it takes longer.
        """
        end = time.monotonic() + timeout_s
        while not (found := self.progress()).is_over:
            if time.monotonic() > end:
                raise BenchmarkError(f"The benchmark in {str(self.folder)!r} is not over after {timeout_s:g} s.")
            time.sleep(_EACH_S)
        return found

    def _status(self, is_alive: bool) -> tuple[str, str]:
        if not is_run(self.folder):
            failed = str(_read(self.folder / _WORKER).get("error", ""))
            was_cancelled = bool(_read(self.folder / _WORKER).get("cancelled"))
            return "starting" if is_alive else "cancelled" if was_cancelled else "failed", failed
        try:
            info = read_info(self.folder)
        except RunError as damage:
            return "failed", str(damage)
        status, error = str(info.get("status")), str(info.get("error") or "")
        if status == "unfinished":
            was_cancelled = bool(_read(self.folder / _WORKER).get("cancelled"))
            status = "cancelled" if was_cancelled and not is_alive else "running" if is_alive else "unfinished"
        return status, error

    def _worker(self) -> psutil.Process | None:
        """Return the worker if it lives; a number that another process has, or that somebody planted, is not it."""
        import psutil

        _reap()
        known = _read(self.folder / _WORKER)
        try:
            process = psutil.Process(int(known.get("pid", 0)))
            line = process.cmdline()  # empty for a moment while it starts
            is_it = abs(process.create_time() - float(known.get("created", 0))) < 1.0 and (not line or _MODULE in line)
            return process if is_it and process.status() != psutil.STATUS_ZOMBIE else None
        except (psutil.Error, ValueError):
            return None


def start(
    folder: Path,
    options: Mapping[str, Any],
    *,
    spawn: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen,
) -> Detached:
    """Begin a benchmark in a worker process and return at once.

    Parameters
    ----------
    folder
        A new run folder.
    options
        Keywords of `perflab.benchmark`, without `run_dir` and `on_step`; functions of a notebook may be among them.
    spawn
        Starts the process; a `subprocess.Popen`.

    Raises
    ------
    RunError
        If the folder cannot be made.
    BenchmarkError
        If a function cannot travel to another process.
    """
    import psutil

    try:
        make_folder(folder)
    except OSError as error:
        raise RunError(f"The run folder {str(folder)!r} cannot be made: {error.strerror}; choose another.") from error
    with tempfile.TemporaryFile() as stdin:
        stdin.write(_packed(folder, options))
        stdin.seek(0)
        process = spawn(
            [sys.executable, "-m", _MODULE],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,  # a kernel that restarts ends its own group alone
        )
    facts = {"pid": process.pid, "created": psutil.Process(process.pid).create_time()}
    write_atomically(folder / _WORKER, json.dumps(facts))
    _started.append(process)
    return Detached(folder)


_started: list[subprocess.Popen[bytes]] = []
"""Workers of this process that have not ended; whoever looks at one by its folder sees its end too."""


def _reap() -> None:
    _started[:] = [process for process in list(_started) if process.poll() is None]


def last_begun(runs_dir: Path) -> Detached | None:
    """Return the benchmark that was begun last in a folder of runs, of those that go on if there is one; or None."""
    notes = list(runs_dir.glob(f"*/{_WORKER}")) if runs_dir.is_dir() else []
    begun = [Detached(note.parent) for note in sorted(notes, key=lambda note: note.stat().st_mtime)]
    going_on = [one for one in begun if not one.progress().is_over]
    return next(reversed(going_on or begun), None)


def _packed(folder: Path, options: Mapping[str, Any]) -> bytes:
    import cloudpickle  # type: ignore[import-untyped]  # ships no type information

    try:
        job: bytes = cloudpickle.dumps((folder, dict(options)))
    except Exception as error:
        raise BenchmarkError(f"What is to be measured cannot travel to another process: {error}.") from error
    return pickle.dumps([entry or str(Path.cwd()) for entry in sys.path]) + job


def _environment() -> dict[str, str]:
    root = str(Path(perflab.__file__).resolve().parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_regular(path, _MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@contextlib.contextmanager
def _cancellable() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C: the run is closed as cancelled, with what it has."""

    def cancel(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, cancel)
    yield


def _work() -> int:
    """Measure what standard input says."""
    sys.path[:] = pickle.load(sys.stdin.buffer)  # noqa: S301  # written by our own parent process
    folder, options = pickle.load(sys.stdin.buffer)  # noqa: S301  # as above
    from perflab.system.measure import benchmark

    told = 0.0

    def step(what: str, done: int, total: int, remaining_s: float | None) -> None:
        nonlocal told
        if done < total and time.monotonic() - told < _EACH_S:
            return
        told = time.monotonic()
        facts = {"what": what, "done": done, "total": total, "remaining_s": remaining_s}
        write_atomically(folder / _PROGRESS, json.dumps(facts))

    try:
        with _cancellable():
            benchmark(**options, run_dir=folder, on_step=step)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        write_atomically(folder / _WORKER, json.dumps({**_read(folder / _WORKER), "error": str(error)}))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(_work())
