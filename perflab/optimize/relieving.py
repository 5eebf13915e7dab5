"""Act on levels of memory use in the background, step by step, and put everything back afterwards.

In: how full memory is, sample by sample. Out: steps taken and ended, one level at a time; their rows.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Literal

from perflab import forked
from perflab.optimize.ladder import Ladder
from perflab.optimize.single import CLOSE_S, OneAtATime
from perflab.optimize.steps import Rows, Step

__all__ = ["Relieving"]

What = Literal["run", "settle", "end"]


class Relieving:
    """Steps by level. A short-lived thread does what is due, so that whoever takes samples goes on with that.

    Parameters
    ----------
    steps
        Those of each level of the ladder.
    ladder
        Says which level is due.
    single
        The turn that optimizations have: relief has it before anything else, and waits for an optimization to end.
    record
        Called with the rows of what was done.
    spawn
        Starts a thread that calls a function, and returns it.

    Notes
    -----
    An exception of a step is one warning; the level counts as acted on, and the cool-down runs as usual.

    Examples
    --------
    >>> relieving = Relieving([[]], Ladder([0.5], samples=1), OneAtATime(), print)
    >>> relieving.look(0.7)
    >>> relieving.close()
    """

    def __init__(
        self,
        steps: Sequence[Sequence[Step]],
        ladder: Ladder,
        single: OneAtATime,
        record: Callable[[Rows], object],
        *,
        spawn: Callable[[Callable[[], None]], threading.Thread] | None = None,
    ) -> None:
        self._steps, self._ladder, self._single, self._record = steps, ladder, single, record
        self._spawn = spawn or _in_thread
        self._state = threading.Lock()
        self._thread: threading.Thread | None = None
        self._unsettled: set[int] = set()
        self._closed = False
        self._warned = False
        forked.watch(self)

    def look(self, ratio: float | None) -> None:
        """Take the next sample of how full memory is, and have done in a thread what is due."""
        with self._state:
            if self._closed:
                return
            busy = self._thread is not None and self._thread.is_alive()
            if not busy:
                self._ladder.see(ratio)
            due = None if busy else self._due()
            if due is not None:
                what, level = due
                self._thread = self._spawn(lambda: self._do(what, level))

    def close(self, wait_s: float = CLOSE_S) -> None:
        """Take no further step, wait for the one under way, and put back what is changed."""
        with self._state:
            if self._closed:
                return
            self._closed = True
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(wait_s)
        rows = [row for level in reversed(self._ladder.in_force) for row in self._guarded("end", level)]
        if rows:
            self._record(rows)

    def after_fork(self) -> None:
        """Do nothing any more in a forked child: workers and settings are its parent's."""
        self._state = threading.Lock()
        self._thread, self._closed = None, True

    def _due(self) -> tuple[What, int] | None:
        settling = next((level for level in sorted(self._unsettled) if self._ladder.cooled(level)), None)
        if settling is not None:
            return "settle", settling
        acting, ending = self._ladder.to_act(), self._ladder.to_end()
        if acting is not None:
            return "run", acting
        return None if ending is None else ("end", ending)

    def acted(self, level: int) -> None:
        """Take note that somebody else has done the steps of a level; its cool-down begins."""
        with self._state:
            self._ladder.acted(level)

    def is_cooling(self, level: int) -> bool:
        """Tell whether the last change of a level was so lately that it is not acted on again."""
        with self._state:
            return not self._ladder.cooled(level)

    @property
    def in_force(self) -> bool:
        """Whether any level was acted on and has not ended."""
        with self._state:
            return bool(self._ladder.in_force)

    def _do(self, what: What, level: int) -> None:
        rows: Rows = []
        with self._single.urgent() as mine:
            if mine:
                rows = self._guarded(what, level)
        if rows:  # who hears of them may close the system, which waits for the turn
            self._record(rows)

    def _guarded(self, what: What, level: int) -> Rows:
        again = what == "run" and level in self._ladder.in_force
        try:
            rows = [row for step in self._steps[level] for row in getattr(step, what)()]
            # While memory stays short the same is tried again and again; that there is nothing to do was said once.
            return [row for row in rows if not again or row["verdict"] != "no change"]
        except Exception as error:
            if not self._warned:
                self._warned = True
                warnings.warn(f"Relief of memory failed: {error!r}; it goes on.", RuntimeWarning, stacklevel=2)
            return []
        finally:
            self._done(what, level)

    def _done(self, what: What, level: int) -> None:
        with self._state:
            self._unsettled.discard(level)
            if what == "run":
                self._ladder.acted(level)
                self._unsettled.add(level)
            elif what == "end":
                self._ladder.ended(level)


def _in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name="perflab-relief", daemon=True)
    thread.start()
    return thread
