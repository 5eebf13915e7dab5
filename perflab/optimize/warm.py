"""Fill the memory tiers before anyone asks: from disk, from a snapshot, or by loaders that were registered for it.

In: a tiered cache, and what is known of its keys. Out: those worth most in free memory, with what that took.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from perflab.analyze.metrics import warming
from perflab.cache.tiers.ahead import Reload
from perflab.cache.tiers.terms import Terms
from perflab.cache.tiers.worth import Heat, heat_of, ranked, read_heat, write_heat
from perflab.config import WarmingSettings
from perflab.errors import ConfigError
from perflab.optimize.filling import Filling
from perflab.optimize.idle import Idleness
from perflab.optimize.loaders import check_loader
from perflab.optimize.strategy import Strategy
from perflab.record.arrow import as_text

if TYPE_CHECKING:
    import pandas as pd

    from perflab.cache import TieredCache

__all__ = ["Warming"]

_CLOSE_S = 0.8
_UNREAD = Heat(uses=0.5)


class Warming:
    """Warms a cache in the background, within bounds of bytes, time and load; nothing of it is an access.

    Nothing is evicted for it. What is on disk is copied in the order of the seconds that it is expected to save per
    byte: how often its key was read, here or in the process before, what its load costs, its bytes, and how long ago it
    was read last. Strategies that were registered come after it, and their loaders are called only while the process is
    idle.

    Parameters
    ----------
    cache
        The tiers.
    settings
        What it may cost.
    limit_bytes
        What all strategies may load together, by the memory tiers' weight.
    busy
        Returns the CPU use of the host, ratio of all cores, or None if it is not known.
    keep
        `keep(trigger, rows)` takes the rows of `optimizations` that tell of a strategy that has ended.
    idle
        Returns whether loaders may be called now.
    timer
        Monotonic seconds.

    Examples
    --------
    >>> from perflab.cache import build_tiers
    >>> from perflab.config import Config
    >>> with build_tiers(Config()) as cache:
    ...     warming = Warming(cache)
    ...     warming.register("digits", range(10), str)
    ...     loaded = warming.run()
    ...     loaded, cache.get(7)
    (10, '7')
    """

    def __init__(
        self,
        cache: TieredCache,
        settings: WarmingSettings | None = None,
        *,
        limit_bytes: int = 1 << 50,
        busy: Callable[[], float | None] = lambda: None,
        keep: Callable[[str, list[dict[str, Any]]], object] = lambda _trigger, _rows: None,
        idle: Callable[[], bool] | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = settings or WarmingSettings()
        self._cache, self._keep = cache, keep
        self._limit_bytes = limit_bytes if settings.max_bytes is None else settings.max_bytes
        idle = Idleness(settings.idle_ratio) if idle is None else idle
        self._filling = Filling(cache, settings, self._limit_bytes, busy=busy, idle=idle, timer=timer)
        self._strategies: list[Strategy] = []
        self._lock = threading.Lock()
        self._started = self._working = False
        self._thread: threading.Thread | None = None

    def register(
        self,
        name: str,
        keys: Iterable[Hashable] | Callable[[], Iterable[Hashable]],
        loader: Callable[[Any], Any],
        *,
        ttl: float | None = None,
        cost: float | None = None,
        tier: str = "l3",
    ) -> None:
        """Warm these keys too, in their order: from disk where it has them, else by `loader(key)`.

        Parameters
        ----------
        name
            Of the strategy, in `progress` and in the rows.
        keys
            The keys, most wanted first, or a function that returns them when their turn comes.
        loader
            Returns the value of a key; it is called in a background thread while the process is idle.
        ttl, cost, tier
            Of a loaded value, as for `TieredCache.get_or_load`.

        Raises
        ------
        ConfigError
            If a strategy of this name was registered already, or `keys`, the loader, `ttl`, `cost` or `tier` is not
            allowed.
        """
        if isinstance(keys, str | bytes) or not (callable(keys) or isinstance(keys, Iterable)):
            raise ConfigError(f"keys is {keys!r}; it must be a list of keys, or a function that returns one.")
        check_loader(loader)
        if any(strategy.name == name for strategy in self._strategies):
            raise ConfigError(f"A strategy {name!r} is registered already; choose another name.")
        terms = Terms(ttl=ttl, cost=cost, tier=tier)
        found = keys if callable(keys) else partial(list, keys)
        self._add(Strategy(name, found, lambda key: Reload(partial(loader, key), terms)))

    def start(self, *, from_disk: bool = True) -> None:
        """Begin in the background and return at once; strategies that are registered later are worked off too."""
        with self._lock:
            self._started = True
            if from_disk and self._cache.l3 is not None:
                self._strategies.append(Strategy("l3", self._on_disk))
            if self._strategies and not self._working:
                self._begin()

    def run(self) -> int:
        """Warm here and now, from disk and with all strategies that wait; return how many entries were loaded.

        Who calls it waits for it, so that nothing else is waited for: the host may be busy.
        """
        found = [Strategy("l3", self._on_disk)] if self._cache.l3 is not None else []
        with self._lock:
            found += [strategy for strategy in self._strategies if strategy.state == "waiting"]
            self._strategies += [strategy for strategy in found if strategy not in self._strategies]
            for strategy in found:
                strategy.state = "running"
        for strategy in found:
            self._work(strategy, patient=False)
        return sum(strategy.loaded for strategy in found)

    def __call__(self) -> int:
        """Do the same as `run`."""
        return self.run()

    def restore(self, snapshot: str | os.PathLike[str], limit_bytes: int | None = None) -> int:
        """Take a snapshot into free memory, worth most first; return how many entries.

        Raises
        ------
        StoreError
            If the file is no snapshot, or is damaged; the cache is as it was.
        """
        cache, before = self._cache, self._held()
        strategy = Strategy(f"snapshot {os.fspath(snapshot)}", list)
        strategy.loaded = cache.restore(snapshot, limit_bytes=self._limit_bytes if limit_bytes is None else limit_bytes)
        strategy.total, strategy.nbytes, strategy.state = strategy.loaded, max(0, self._held() - before), "done"
        self._keep("manual", strategy.rows())
        return strategy.loaded

    @property
    def progress(self) -> pd.DataFrame:
        """A row a strategy: `name`, `state`, `total`, `done`, `loaded`, `bytes`, `skipped` (JSON-able, by reason)."""
        import pandas as pd

        rows = [
            (each.name, each.state, each.total, each.done, each.loaded, each.nbytes, dict(each.skipped))
            for each in self._strategies
        ]
        columns = ["name", "state", "total", "done", "loaded", "bytes", "skipped"]
        return pd.DataFrame(rows, columns=columns).astype({"total": "Int64"})

    def report(self) -> pd.DataFrame:
        """Return the metrics `warm.*`, computed from the recorded accesses."""
        from perflab.analyze.metrics import table

        accesses = self._cache.recorder.frames.accesses
        return table(warming(accesses, accesses.head(0)))

    def pause(self) -> None:
        """Load nothing until `resume`."""
        self._filling.paused = True

    def resume(self) -> None:
        """Go on."""
        self._filling.paused = False

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the background thread has nothing left to do; False if it has after so many seconds."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        return thread is None or not thread.is_alive()

    def close(self) -> None:
        """End the thread, within 2 s; a loader that hangs is left behind with a warning. Keep how hot each key was."""
        self._filling.stopping.set()
        if not self.wait(_CLOSE_S):
            warnings.warn("A loader of a warm-up did not end; its thread is left behind.", RuntimeWarning, stacklevel=2)
        l3 = self._cache.l3
        if self._started and l3 is not None and l3.shared:
            write_heat(l3.folder, heat_of(self._cache.recorder.frames.accesses))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _add(self, strategy: Strategy) -> None:
        with self._lock:
            self._strategies.append(strategy)
            if self._started and not self._working:
                self._begin()

    def _begin(self) -> None:
        """Let a thread work off what waits. The caller holds the lock."""
        self._working = True
        self._thread = threading.Thread(target=self._run, name="perflab-warm", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (strategy := self._next()) is not None:
            self._work(strategy, patient=True)

    def _next(self) -> Strategy | None:
        with self._lock:
            waiting = (strategy for strategy in self._strategies if strategy.state == "waiting")
            strategy = next(waiting, None)
            self._working = strategy is not None
            return strategy

    def _work(self, strategy: Strategy, *, patient: bool) -> None:
        try:
            self._filling.fill(strategy, patient=patient)
        except Exception as error:
            strategy.state = "failed"
            warnings.warn(f"Warming {strategy.name!r} failed: {error!r}.", RuntimeWarning, stacklevel=1)
        self._keep("startup" if patient else "manual", strategy.rows())

    def _held(self) -> int:
        return self._cache.l1.nbytes + self._cache.l2.nbytes

    def _on_disk(self) -> list[Hashable]:
        """Return the keys on disk, worth most first; of those that nobody read last time, those stored last."""
        if self._cache.l3 is None:
            return []
        known, stored = read_heat(self._cache.l3.folder), self._cache.l3.costs()
        heats = [known.get(as_text(key) or "", _UNREAD) for key, _ in stored]
        order = ranked([(heat, nbytes) for heat, (_, nbytes) in zip(heats, stored, strict=True)])
        return [stored[place][0] for place in order]
