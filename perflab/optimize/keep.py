"""Keep what was applied only as long as it holds: look at it now and then, beside the program.

In: what watches a setting each. Out: the rows of `optimizations` that a look at them gives.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from perflab import forked
from perflab.errors import PerflabError
from perflab.optimize.single import OneAtATime

__all__ = ["Keeper", "Kept"]

_POLL_S = 1.0
Row = dict[str, Any]


class Kept(Protocol):
    """A setting that was applied, and what it is held against."""

    @property
    def watching(self) -> object | None:
        """What is watched at the moment."""

    @property
    def due(self) -> bool:
        """Whether there is enough for a look; costs little."""

    def review(self) -> list[Row]:
        """Look now, if it is due; the caller has the turn. Return the rows of what it found."""

    def forget(self) -> None:
        """Watch nothing any more."""


class Keeper:
    """Looks at what is watched, in a thread that lives as long as there is something to watch.

    Parameters
    ----------
    kept
        What is looked at, in this order.
    single
        The turn to change settings.
    record
        Takes the rows of a look that found something.
    poll_s
        Seconds between questions whether a look is due.
    """

    _state: threading.Lock
    _looking: threading.Lock
    _thread: threading.Thread | None

    def __init__(
        self,
        kept: Sequence[Kept],
        single: OneAtATime,
        record: Callable[[list[Row]], object],
        *,
        poll_s: float = _POLL_S,
    ) -> None:
        self._kept = kept
        self._single = single
        self._record = record
        self._poll_s = poll_s
        self._stopping = threading.Event()
        self._begin()
        forked.watch(self)

    def wake(self) -> None:
        """Look from now on, if there is something to watch."""
        with self._state:
            if self._thread is None and self._watching() and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="perflab-keeper", daemon=True)
                self._thread.start()

    def review(self) -> list[Row]:
        """Look now at all that is due; the caller has the turn."""
        return [row for kept in self._kept for row in kept.review()]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Wait for a look that is under way, and begin none until the block ends: who asks for the turn then has it."""
        with self._looking:
            yield

    def after_fork(self) -> None:
        """Watch nothing in a forked child, in which the thread is not."""
        for kept in self._kept:
            kept.forget()
        self._begin()

    def close(self) -> None:
        """End the thread; nothing is watched any more."""
        with self._state:
            self._stopping.set()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _begin(self) -> None:
        self._state = threading.Lock()
        self._looking = threading.Lock()
        self._thread = None

    def _watching(self) -> bool:
        return any(kept.watching is not None for kept in self._kept)

    def _run(self) -> None:
        warned = False
        while not self._stopping.wait(self._poll_s):
            for kept in self._kept:
                try:
                    self._look(kept)
                except Exception as error:
                    if not warned:
                        warned = True
                        warnings.warn(f"A setting could not be watched: {error!r}.", RuntimeWarning, stacklevel=1)
            with self._state:
                if not self._watching():
                    self._thread = None
                    return

    def _look(self, kept: Kept) -> None:
        if not kept.due:
            return
        with self._looking, ExitStack() as turn:
            try:
                turn.enter_context(self._single.turn())
            except PerflabError:
                return  # an optimization runs, and reviews by itself
            rows = kept.review()
            if rows:
                self._record(rows)
