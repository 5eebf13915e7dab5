"""The run folder of a program that goes on.

In: what is to be done with the folder, now and then or at the end. Out: it is done, or given up with one warning.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from perflab.record.flight import RING, FlightRing
from perflab.record.store import RunFolder

__all__ = ["GOES_ON", "LOST", "RunningFolder"]

LOST = "run_folder_lost"
"""The event of a run folder that takes no more rows."""
GOES_ON = "recording goes on in memory; free space, allow writing, or name another folder for the next run."


class RunningFolder:
    """A run folder with its flight ring, and a thread that has new rows brought into it.

    Parameters
    ----------
    path, facts
        As for `RunFolder`.
    flush
        Brings all rows into the folder. It is called every `interval_s` seconds until the end, and once more when the
        interpreter ends, for the program that closes nothing.
    interval_s
        Seconds between flushes.
    tell
        Called once with the reason when the folder is given up.

    Raises
    ------
    RunError
        If the folder cannot be used.
    """

    def __init__(
        self,
        path: Path,
        facts: Mapping[str, Any],
        flush: Callable[[], object],
        interval_s: float,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._path = path
        self._tell = tell
        self._folder: RunFolder | None = RunFolder(path, facts)
        self.ring = FlightRing(path / RING)
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._ending = False
        self._flush = flush
        self._thread = threading.Thread(target=self._work, args=(interval_s,), name="perflab-recorder", daemon=True)
        self._thread.start()
        atexit.register(self._flush_once)

    def use(self, action: Callable[[RunFolder], object]) -> None:
        """Do something with the folder unless it was given up; an error gives it up, with one warning."""
        folder = self._here()
        if folder is None:
            return
        try:
            action(folder)
        except Exception as error:  # whatever is wrong with the folder, the program goes on
            self._give_up(folder, error)

    def finish(self, action: Callable[[RunFolder], object]) -> None:
        """Do something with the folder for the last time; the ring stays if that fails."""
        self._stop()
        folder = self._here()  # the last flush may have given it up
        if folder is None:
            return
        self._ending = True
        try:
            action(folder)
            self.ring.close()
        except Exception as error:  # as above
            self._note(error)
            self._warn(error)
        except BaseException:  # a second Ctrl-C; what is left can be finished once more
            self._ending = False
            raise
        self._folder = None
        atexit.unregister(self._flush_once)
        folder.release()

    def _here(self) -> RunFolder | None:
        return self._folder if os.getpid() == self._pid and not self._ending else None

    def _flush_once(self) -> None:
        if self._here() is not None:
            self._flush()

    def _work(self, interval_s: float) -> None:
        while not self._closing.wait(interval_s):
            self._flush_once()

    def _stop(self) -> None:
        self._closing.set()
        if self._thread is not threading.current_thread() and os.getpid() == self._pid:
            self._thread.join()

    def _give_up(self, folder: RunFolder, error: Exception) -> None:
        with self._lock:  # other threads may be about to meet the same error
            known, self._folder = self._folder is None, None
        self._closing.set()
        self._note(error)
        # The folder may have room if only what failed was too large.
        with contextlib.suppress(Exception):
            folder.update(given_up=_reason(error))
        folder.release()
        if not known:
            self._warn(error)

    def _note(self, error: Exception) -> None:
        # The ring has room also on a full disk.
        self.ring.write("event", f"the run folder cannot be written: {_reason(error)}")

    def _warn(self, error: Exception) -> None:
        self._tell(_reason(error))
        warnings.warn(
            f"The run folder {str(self._path)!r} cannot be written ({_reason(error)}); {GOES_ON}",
            RuntimeWarning,
            stacklevel=5,
        )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        # Arrow's own text is longer than a slot of the ring, and tells the reason last.
        return os.strerror(error.errno) if error.errno else str(error)
    return f"{type(error).__name__}: {error}"
