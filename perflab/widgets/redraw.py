"""Redrawing that keeps up: of many wishes only the latest is drawn.

In: wishes, from any thread. Out: calls of one function in one background thread, never two at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from perflab.widgets.background import begin

__all__ = ["Latest"]

T = TypeVar("T")


class Latest(Generic[T]):
    """Hands the latest wish to a function; wishes that a later one overtook are dropped.

    Parameters
    ----------
    draw
        Called in the background with a wish; guarded, as nobody would hear of what it raises.
    start
        Starts a thread for a function; a test may call the function at once.

    Examples
    --------
    >>> drawn = []
    >>> latest = Latest(drawn.append, start=lambda work: work())
    >>> latest.want(1)
    >>> latest.want(2)
    >>> drawn
    [1, 2]
    """

    def __init__(
        self,
        draw: Callable[[T], object],
        *,
        start: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self._draw = draw
        self._start = partial(begin, name="perflab-redraw") if start is None else start
        self._lock = threading.Lock()
        self._wishes: list[T] = []
        self._is_drawing = False
        self._idle = threading.Event()
        self._idle.set()

    def want(self, wish: T) -> None:
        """Draw this soon, unless a later wish comes before it is begun."""
        with self._lock:
            self._wishes = [wish]
            if self._is_drawing:
                return
            self._is_drawing = True
            self._idle.clear()
        self._start(self._work)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing is left to draw; return whether that is so."""
        return self._idle.wait(timeout_s)

    def _work(self) -> None:
        while (wish := self._next()) is not None:
            self._draw(wish[0])

    def _next(self) -> list[T] | None:
        with self._lock:
            wishes, self._wishes = self._wishes, []
            if not wishes:
                self._is_drawing = False
                self._idle.set()
                return None
            return wishes
