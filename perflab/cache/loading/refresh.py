"""Loading values anew before they are due, while the old ones are still served.

In: keys with work to do. Out: the work done in the background, once at a time a key; errors become warnings.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Hashable

from perflab.cache.keys import slot_of

__all__ = ["Refreshes", "in_thread"]


def in_thread(work: Callable[[], None]) -> None:
    """Run work in a daemon thread of its own."""
    threading.Thread(target=work, name="perflab-cache-refresh", daemon=True).start()


class Refreshes:
    """The refreshes of one cache that are under way.

    Parameters
    ----------
    spawn
        `spawn(work)` runs work, now or in the background.

    Examples
    --------
    >>> refreshes = Refreshes(lambda work: work())
    >>> refreshes.start("page", lambda: print("loaded"))
    loaded
    """

    def __init__(self, spawn: Callable[[Callable[[], None]], object]) -> None:
        self._spawn = spawn
        self._lock = threading.Lock()
        self._running: set[Hashable] = set()

    def start(self, key: Hashable, work: Callable[[], None]) -> None:
        """Begin a refresh of a key, unless one is under way."""
        slot = slot_of(key)
        with self._lock:
            if slot in self._running:
                return
            self._running.add(slot)
        try:
            self._spawn(lambda: self._run(key, slot, work))
        except RuntimeError as error:  # no thread can be started
            self._running.discard(slot)
            self.warn(key, "it was not refreshed", error)

    def warn(self, key: Hashable, outcome: str, error: Exception) -> None:
        """Say that a loader failed, and what comes of it."""
        message = f"The loader of the key {key!r} failed; {outcome}: {error!r}"
        warnings.warn(message, RuntimeWarning, stacklevel=2)

    def after_fork(self) -> None:
        """Forget what is under way: its threads are the parent's."""
        self._lock = threading.Lock()
        self._running.clear()

    def _run(self, key: Hashable, slot: Hashable, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self.warn(key, "the value that is there stays until it is due", error)
        finally:
            self._running.discard(slot)
