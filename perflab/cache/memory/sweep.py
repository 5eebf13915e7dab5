"""Removing what is due, without anyone asking for it.

In: something with an `expire` method. Out: a call of it now and then, until it is closed or gone.
"""

from __future__ import annotations

import threading
import weakref
from typing import Protocol

from perflab.errors import ConfigError

__all__ = ["Expiring", "Sweep"]


class Expiring(Protocol):
    """Holds entries that may be due."""

    def expire(self) -> int:
        """Remove what is due and return how many entries that were."""


class Sweep:
    """Calls `expire` every `interval_s` seconds in a daemon thread, from now until `close`.

    The thread does not keep its target alive: if that is dropped unclosed, the thread ends at its next turn.

    Raises
    ------
    ConfigError
        If the interval is not above 0.
    """

    def __init__(self, target: Expiring, interval_s: float) -> None:
        if not interval_s > 0:
            raise ConfigError(f"interval_s is {interval_s!r}; it must be seconds, above 0")
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=_run, args=(weakref.ref(target), self._stop, interval_s), name="perflab-cache-sweep", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End the thread and wait for it; a second call does nothing."""
        self._stop.set()
        # The thread itself gets here if it was the last one to let go of a cache that nobody closed.
        if self._thread is not threading.current_thread():
            self._thread.join()


def _run(target: weakref.ref[Expiring], stop: threading.Event, interval_s: float) -> None:
    while not stop.wait(interval_s):
        alive = target()
        if alive is None:
            return
        alive.expire()
        del alive
