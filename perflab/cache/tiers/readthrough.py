"""Read-through: a missing key is loaded, once for everyone who asks for it, and kept.

In: a key that was missed, and its loader. Out: the loaded value, for all threads, tasks and processes that wait for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Hashable, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from perflab.cache.entry import Facts, checked_cost, checked_tags, checked_ttl
from perflab.cache.forked import watch
from perflab.cache.loading.flight import AsyncSingleFlight, SingleFlight
from perflab.cache.loading.loads import Load
from perflab.cache.loading.turns import Turns
from perflab.cache.mapping import MISSING
from perflab.cache.tiers.moves import Tiers
from perflab.errors import ConfigError
from perflab.record import Recorder

__all__ = ["LOCKS", "ReadThrough", "Terms"]

LOCKS = "loads"
"""Folder of the lock files, within the folder of the disk tier."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a missing key is loaded and its value kept; the fields are the keywords of `TieredCache.get_or_load`.

    Raises
    ------
    ConfigError
        If a time, or the cost, is no number, NaN or negative, a tag is no text, or there is no such tier.
    """

    ttl: float | None = None
    cost: float | None = None
    timeout: float | None = None
    negative_ttl: float | None = None
    tags: Iterable[str] = ()
    tier: str = "l3"
    missing: type[Exception] | tuple[type[Exception], ...] = KeyError

    def __post_init__(self) -> None:
        checked_ttl(self.ttl)
        checked_tags(self.tags)
        if self.tier not in ("l1", "l3"):
            raise ConfigError(f"tier is {self.tier!r}; it must be 'l1' for memory alone, or 'l3' for disk too")
        checked_cost(self.cost)
        for name in ("timeout", "negative_ttl"):
            number = getattr(self, name)
            if number is not None and not (isinstance(number, int | float) and number >= 0):
                raise ConfigError(f"{name} is {number!r}; it must be a number, 0 or more, or None")

    def ttl_of(self, value: object) -> float | None:
        """Return the time to live of a loaded value."""
        return self.negative_ttl if value is None and self.negative_ttl is not None else self.ttl

    def facts(self, duration_s: float) -> Facts:
        """Return what is told of a value whose load took so many seconds."""
        cost = duration_s if self.cost is None else float(self.cost)
        return Facts(cost=cost, tags=checked_tags(self.tags), memory_only=self.tier == "l1")

    @property
    def absent(self) -> type[Exception] | tuple[type[Exception], ...]:
        """The errors that are remembered."""
        return () if self.negative_ttl is None else self.missing


class ReadThrough:
    """Loads what the tiers miss.

    Threads share a load, and the tasks of one event loop do. If the disk tier's folder is shared, so do processes: one
    of them has the key's turn, and the next one finds on disk what it stored.

    Parameters
    ----------
    tiers
        Where values are looked for and kept.
    recorder
        Where `load` rows go.
    """

    def __init__(self, tiers: Tiers, recorder: Recorder) -> None:
        self._tiers = tiers
        self._recorder = recorder
        self._flights = SingleFlight()
        self._async_flights = AsyncSingleFlight()
        l3 = tiers.l3
        self._turns = Turns(l3.folder / LOCKS, self._without_lock) if l3 is not None and l3.shared else None
        watch(self)

    def load(self, key: Hashable, loader: Callable[[], Any], terms: Terms) -> Any:
        """Return the value of a key that was missed; see `TieredCache.get_or_load`."""
        self._refuse_absent(key)
        with self._tiers.loads.join(key) as load:
            return self._flights.run(load, lambda: self._load(load, loader, terms), timeout=terms.timeout)

    async def load_async(self, key: Hashable, loader: Callable[[], Awaitable[Any]], terms: Terms) -> Any:
        """Return the value of a key that was missed; see `TieredCache.aget_or_load`."""
        self._refuse_absent(key)
        with self._tiers.loads.join(key) as load:
            run = self._async_flights.run
            return await run(load, lambda: self._load_async(load, loader, terms), timeout=terms.timeout)

    def after_fork(self) -> None:
        """Forget, in a forked child, what threads of the parent were doing."""
        self._flights.after_fork()

    def _load(self, load: Load, loader: Callable[[], Any], terms: Terms) -> Any:
        with self._turn(load.key, terms):
            value = self._found(load.key)
            if value is MISSING:
                start = perf_counter()
                try:
                    value = loader()
                except terms.absent as error:
                    self._keep_absence(load, error, terms, perf_counter() - start)
                    raise
                self._keep(load, value, terms, perf_counter() - start)
            return value

    async def _load_async(self, load: Load, loader: Callable[[], Awaitable[Any]], terms: Terms) -> Any:
        async with self._turn_async(load.key, terms):
            value = self._found(load.key)
            if value is MISSING:
                start = perf_counter()
                try:
                    value = await loader()
                except terms.absent as error:
                    self._keep_absence(load, error, terms, perf_counter() - start)
                    raise
                self._keep(load, value, terms, perf_counter() - start)
            return value

    def _turn(self, key: Hashable, terms: Terms) -> AbstractContextManager[None]:
        # Other processes do not see what is in memory alone, and so have nothing to wait for.
        if self._turns is None or terms.tier == "l1":
            return contextlib.nullcontext()
        return self._turns.take(key, terms.timeout)

    def _turn_async(self, key: Hashable, terms: Terms) -> AbstractAsyncContextManager[None]:
        if self._turns is None or terms.tier == "l1":
            return contextlib.nullcontext()
        return self._turns.take_async(key)

    def _found(self, key: Hashable) -> Any:
        """Return what another caller's load, or another process's, stored since this caller's miss."""
        entry, _ = self._tiers.find(key)
        if entry is not None:
            return entry.value
        self._refuse_absent(key)
        return MISSING

    def _refuse_absent(self, key: Hashable) -> None:
        error = self._tiers.absences.find(key)
        if error is not None:
            raise error

    def _keep(self, load: Load, value: object, terms: Terms, duration_s: float) -> None:
        self._recorder.access(load.key, "load", duration_s=duration_s)
        self._tiers.store(load.key, value, terms.ttl_of(value), load, facts=terms.facts(duration_s))
        if self._turns is not None and terms.tier == "l3":
            # Who has the next turn looks on disk.
            self._tiers.writes.publish(load.key)

    def _keep_absence(self, load: Load, error: Exception, terms: Terms, duration_s: float) -> None:
        self._recorder.access(load.key, "load", duration_s=duration_s, reason="absent")
        with self._tiers.guard(load.key):
            if self._tiers.loads.stands(load):
                self._tiers.absences.note(load.key, error, terms.negative_ttl or 0.0)

    def _without_lock(self, key: Hashable, reason: str) -> None:
        self._recorder.access(key, "reject", "l3", reason=reason)
