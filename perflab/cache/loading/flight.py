"""Single-flight: many callers of one missing key cause one load.

In: a key and a function that loads it, from many threads or tasks. Out: the one result, or the one error, for all.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from perflab.errors import StoreError

__all__ = ["AsyncSingleFlight", "GaveUpError", "SingleFlight"]

T = TypeVar("T")


class GaveUpError(TimeoutError):
    """Who was to load has waited too long for another process; those who wait for it have their own patience."""


@dataclass(slots=True)
class _Flight:
    owner: int
    finished: threading.Event = field(default_factory=threading.Event)
    abandoned: bool = False
    value: Any = None
    error: Exception | None = None


class SingleFlight:
    """Shares one running load among threads; nothing is kept after it.

    Examples
    --------
    >>> SingleFlight().run("key", lambda: 42)
    42
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Hashable, _Flight] = {}
        self._waits: dict[int, _Flight] = {}

    def run(self, key: Hashable, load: Callable[[], T], *, timeout: float | None = None) -> T:
        """Return what `load` returns: called by the first caller, awaited by those that come while it runs.

        An exception of the load reaches every caller. If the loading thread is interrupted (`KeyboardInterrupt`,
        `SystemExit`) or gives up, one of the waiting callers loads instead.

        Parameters
        ----------
        timeout
            Seconds to wait for another caller's load; None waits as long as it takes. A load that outlasts it counts as
            hung: the next caller begins another one.

        Raises
        ------
        TimeoutError
            If the other caller's load takes longer.
        StoreError
            If the load would wait for itself, directly or through loads of other threads.
        """
        while True:
            flight, mine = self._join(key)
            if mine:
                return self._lead(key, flight, load)
            self._wait(key, flight, timeout)
            if flight.error is not None:
                raise flight.error
            if not flight.abandoned:
                value: T = flight.value
                return value

    def after_fork(self) -> None:
        """Forget, in a forked child, what threads of the parent were doing."""
        me = threading.get_ident()
        self._lock = threading.Lock()
        self._flights = {key: flight for key, flight in self._flights.items() if flight.owner == me}
        self._waits = {}

    def _join(self, key: Hashable) -> tuple[_Flight, bool]:
        me = threading.get_ident()
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                flight = self._flights[key] = _Flight(me)
                return flight, True
            if self._waits_for(flight, me):
                raise StoreError(f"The load of {key!r} waits for itself; a loader must not ask for its own key.")
            self._waits[me] = flight
            return flight, False

    def _waits_for(self, flight: _Flight | None, thread: int) -> bool:
        while flight is not None:
            if flight.owner == thread:
                return True
            flight = self._waits.get(flight.owner)
        return False

    def _lead(self, key: Hashable, flight: _Flight, load: Callable[[], T]) -> T:
        try:
            value = load()
            flight.value = value
        except GaveUpError:
            flight.abandoned = True
            raise
        except Exception as error:
            flight.error = error
            raise
        except BaseException:
            flight.abandoned = True
            raise
        finally:
            self._leave(key, flight)
            flight.finished.set()
        return value

    def _leave(self, key: Hashable, flight: _Flight) -> None:
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]

    def _wait(self, key: Hashable, flight: _Flight, timeout: float | None) -> None:
        try:
            finished = flight.finished.wait(timeout)
        finally:
            with self._lock:
                self._waits.pop(threading.get_ident(), None)
        if not finished:
            self._leave(key, flight)
            raise TimeoutError(f"another caller has been loading {key!r} for more than {timeout} s")


@dataclass(slots=True)
class _Shared:
    task: asyncio.Task[Any]
    waiters: int = 0


@dataclass(slots=True)
class _Loop:
    running: dict[Hashable, _Shared] = field(default_factory=dict)
    waits: dict[asyncio.Task[Any] | None, _Shared] = field(default_factory=dict)


class AsyncSingleFlight:
    """Shares one running load among the tasks of an event loop; each loop has loads of its own."""

    def __init__(self) -> None:
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = weakref.WeakKeyDictionary()

    async def run(
        self, key: Hashable, load: Callable[[], Coroutine[Any, Any, T]], *, timeout: float | None = None
    ) -> T:
        """Return what `load` returns. A cancelled caller leaves the others waiting; the last one ends the load.

        Parameters
        ----------
        timeout
            Seconds that this caller waits, whoever began the load; None waits as long as it takes. A load that outlasts
            it counts as hung: the next caller begins another one.

        Raises
        ------
        TimeoutError
            If the load takes longer.
        StoreError
            If the load would wait for itself, directly or through loads of other tasks.
        """
        event_loop, me = asyncio.get_running_loop(), asyncio.current_task()
        loop = self._loops.setdefault(event_loop, _Loop())
        shared = loop.running.get(key)
        if shared is None:
            shared = loop.running[key] = _Shared(event_loop.create_task(load()))
            shared.task.add_done_callback(lambda _: _remove(loop, key, shared))
        elif _waits_for(loop, shared, me):
            raise StoreError(f"The load of {key!r} waits for itself; a loader must not ask for its own key.")
        loop.waits[me] = shared
        shared.waiters += 1
        try:
            async with asyncio.timeout(timeout) as patience:
                value: T = await asyncio.shield(shared.task)
                return value
        except TimeoutError as error:
            if not patience.expired():
                raise  # the load's own
            _remove(loop, key, shared)
            raise TimeoutError(f"{key!r} has been loading for more than {timeout} s") from error
        finally:
            del loop.waits[me]
            shared.waiters -= 1
            if not shared.waiters and not shared.task.done():
                _remove(loop, key, shared)
                shared.task.cancel()


def _waits_for(loop: _Loop, shared: _Shared | None, task: asyncio.Task[Any] | None) -> bool:
    while shared is not None:
        if shared.task is task:
            return True
        shared = loop.waits.get(shared.task)
    return False


def _remove(loop: _Loop, key: Hashable, shared: _Shared) -> None:
    if loop.running.get(key) is shared:
        del loop.running[key]
