"""Read-through: a missing key is loaded, once for everyone who asks for it, and kept.

In: a key that was missed, and its loader. Out: the loaded value, for all threads, tasks and processes that wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from time import perf_counter
from typing import Any

from perflab.cache.keys import slot_of
from perflab.cache.loading.flight import AsyncSingleFlight, SingleFlight
from perflab.cache.loading.loads import Load
from perflab.cache.loading.refresh import Refreshes, in_thread
from perflab.cache.loading.turns import Turns
from perflab.cache.mapping import MISSING
from perflab.cache.tiers.ahead import Ahead, Reload
from perflab.cache.tiers.moves import Tiers
from perflab.cache.tiers.terms import Terms
from perflab.forked import watch
from perflab.record import Recorder

__all__ = ["LOCKS", "ReadThrough"]

LOCKS = "loads"
"""Folder of the lock files, within the folder of the disk tier."""


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
    spawn
        `spawn(work)` runs a refresh in the background.

    Attributes
    ----------
    before_load
        Called with the key before each loader, as if it were part of it.
    """

    def __init__(
        self, tiers: Tiers, recorder: Recorder, spawn: Callable[[Callable[[], None]], object] = in_thread
    ) -> None:
        self._tiers = tiers
        self._recorder = recorder
        self._flights = SingleFlight()
        self._async_flights = AsyncSingleFlight()
        self._refreshes = Refreshes(spawn)
        self.ahead = Ahead(tiers, recorder)
        self.before_load: Callable[[Hashable], object] = lambda _: None
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}
        l3 = tiers.l3
        self._turns = Turns(l3.folder / LOCKS, self._without_lock) if l3 is not None and l3.shared else None
        watch(self)

    def load(self, key: Hashable, loader: Callable[[], Any], terms: Terms) -> Any:
        """Return the value of a key that was missed; see `TieredCache.get_or_load`."""
        self._refuse_absent(key)
        if terms.side_effect_free:
            self.ahead.reloads.note(key, Reload(loader, terms))
        with self._tiers.loads.join(key) as load:
            return self._flights.run(load, lambda: self._load(load, loader, terms), timeout=terms.timeout)

    async def load_async(self, key: Hashable, loader: Callable[[], Awaitable[Any]], terms: Terms) -> Any:
        """Return the value of a key that was missed; see `TieredCache.aget_or_load`."""
        self._refuse_absent(key)
        with self._tiers.loads.join(key) as load:
            run = self._async_flights.run
            return await run(load, lambda: self._load_async(load, loader, terms), timeout=terms.timeout)

    def is_due(self, key: Hashable, ttl: float, ratio: float) -> bool:
        """Tell if no more than that share of its time to live is left of a key in memory."""
        entry = self._tiers.peek(key)
        return entry is not None and entry.deadline - self._tiers.l1.timer() <= ratio * ttl

    def refresh(self, key: Hashable, loader: Callable[[], Any], terms: Terms) -> None:
        """Load a key anew in the background, unless that is under way."""

        def work() -> None:
            with self._tiers.loads.join(key) as load:
                self._flights.run(load, lambda: self._called(load, loader, terms))

        self._refreshes.start(key, work)

    def refresh_async(self, key: Hashable, loader: Callable[[], Awaitable[Any]], terms: Terms) -> None:
        """Load a key anew in a task of the running loop, unless that is under way."""
        slot = slot_of(key)
        if slot in self._tasks:
            return

        async def work() -> None:
            try:
                with self._tiers.loads.join(key) as load:
                    await self._async_flights.run(load, lambda: self._awaited(load, loader, terms))
            except Exception as error:
                self._refreshes.warn(key, "the value that is there stays until it is due", error)
            finally:
                self._tasks.pop(slot, None)

        self._tasks[slot] = asyncio.get_running_loop().create_task(work())

    def after_fork(self) -> None:
        """Forget, in a forked child, what threads of the parent were doing."""
        self._flights.after_fork()
        self._refreshes.after_fork()
        self._tasks.clear()

    def _load(self, load: Load, loader: Callable[[], Any], terms: Terms) -> Any:
        with self._turn(load.key, terms):
            value = self._found(load.key)
            return self._called(load, loader, terms) if value is MISSING else value

    def _called(self, load: Load, loader: Callable[[], Any], terms: Terms) -> Any:
        start = perf_counter()
        try:
            self.before_load(load.key)
            value = loader()
        except Exception as error:
            return self._failed(load, error, terms, perf_counter() - start)
        self._keep(load, value, terms, perf_counter() - start)
        return value

    async def _load_async(self, load: Load, loader: Callable[[], Awaitable[Any]], terms: Terms) -> Any:
        async with self._turn_async(load.key, terms):
            value = self._found(load.key)
            return await self._awaited(load, loader, terms) if value is MISSING else value

    async def _awaited(self, load: Load, loader: Callable[[], Awaitable[Any]], terms: Terms) -> Any:
        start = perf_counter()
        try:
            self.before_load(load.key)
            value = await loader()
        except Exception as error:
            return self._failed(load, error, terms, perf_counter() - start)
        self._keep(load, value, terms, perf_counter() - start)
        return value

    def _failed(self, load: Load, error: Exception, terms: Terms, duration_s: float) -> Any:
        """Return the value that was due last, or raise what the loader raised."""
        if isinstance(error, terms.absent):
            self._keep_absence(load, error, terms, duration_s)
            raise error
        entry = self._tiers.stale(load.key)
        if entry is None or entry.expires > self._tiers.l1.timer():
            raise error
        self._refreshes.warn(load.key, "the value that was due last is served", error)
        self._recorder.access(load.key, "load", None, entry.nbytes, duration_s, "stale")
        return entry.value

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
