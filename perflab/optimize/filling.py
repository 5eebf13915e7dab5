"""Bringing the keys of a strategy into free memory, within bounds of bytes, time and load.

In: a strategy. Out: its keys in memory as far as the bounds allow, and the strategy told of each.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from perflab.config import WarmingSettings
from perflab.optimize.strategy import State, Strategy

if TYPE_CHECKING:
    from perflab.cache import TieredCache

__all__ = ["Filling"]

_WAIT_S = 0.05
_FULL_AFTER = 16
"""Entries in a row that found no room, after which the rest is not fetched in vain."""
_WORDS: dict[State, str] = {"bytes": "no room", "time": "out of time", "closed": "closed"}


class Filling:
    """Fetches keys one after the other; what all strategies load counts against one bound of bytes.

    Parameters
    ----------
    cache, settings, limit_bytes, busy, idle, timer
        As of `perflab.optimize.warm.Warming`.

    Attributes
    ----------
    paused : bool
        Whether to wait before the next key.
    stopping : Event
        Ends it after the present key.
    """

    def __init__(
        self,
        cache: TieredCache,
        settings: WarmingSettings,
        limit_bytes: int,
        *,
        busy: Callable[[], float | None],
        idle: Callable[[], bool],
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cache, self._left = cache, limit_bytes
        self._max_s, self._busy_ratio = settings.max_s, settings.busy_ratio
        self._busy, self._idle, self._timer = busy, idle, timer
        self.paused = False
        self.stopping = threading.Event()

    def fill(self, strategy: Strategy, *, patient: bool) -> None:
        """Fetch the keys of a strategy; a `patient` one waits for calm, and leaves half of the time to the program."""
        strategy.state = "running"
        ends_s = self._timer() + self._max_s
        keys = list(strategy.keys())
        strategy.total = len(keys)
        full = 0
        for key in keys:
            stopped = self._stopped(ends_s) or ("bytes" if full >= _FULL_AFTER or self._is_full(strategy) else None)
            if stopped is None and patient:
                stopped = self._wait_for_calm(ends_s, loads=strategy.loader is not None)
            if stopped is not None:
                strategy.end(stopped, _WORDS[stopped])
                return
            begun_s = self._timer()
            full = full + 1 if self._fetch(strategy, key) == "no room" else 0
            if patient:
                self.stopping.wait(min(_WAIT_S, self._timer() - begun_s))
        strategy.state = "done"

    def _fetch(self, strategy: Strategy, key: Hashable) -> str:
        try:
            reload = None if strategy.loader is None else strategy.loader(key)
            arrived = self._cache.ahead.fetch(key, reload, "warm", self._left)
        except Exception as error:
            reason = f"failed: {type(error).__name__}"
            if reason not in strategy.skipped:
                warnings.warn(f"Warming {key!r} failed: {error!r}; it goes on.", RuntimeWarning, stacklevel=1)
            strategy.skip(reason)
            return reason
        if arrived.outcome == "came":
            strategy.take(arrived.nbytes)
            self._left -= arrived.nbytes
        else:
            strategy.skip(arrived.outcome)
        return arrived.outcome

    def _is_full(self, strategy: Strategy) -> bool:
        """Tell if there is no room for an entry as large as those so far: loading it would be in vain."""
        cache = self._cache
        room = min(self._left, max(tier.max_bytes - tier.nbytes for tier in (cache.l1, cache.l2)))
        return room <= 0 or (strategy.loaded > 0 and room < strategy.nbytes / strategy.loaded)

    def _stopped(self, ends_s: float) -> State | None:
        if self.stopping.is_set():
            return "closed"
        return "time" if self._timer() > ends_s else None

    def _wait_for_calm(self, ends_s: float, *, loads: bool) -> State | None:
        """Wait while the host is busy, or while the process is if loaders may be called; return what ends the wait."""
        while self.paused or self._is_busy() or (loads and not self._idle()):
            stopped = self._stopped(ends_s)
            if stopped is not None:
                return stopped
            self.stopping.wait(_WAIT_S)
        return None

    def _is_busy(self) -> bool:
        use = self._busy()
        return use is not None and use > self._busy_ratio
