"""A system in other processes: a function that runs in a worker may record through the system that it closes over.

In: a system inside a closure that travels. Out: the same object in its own process, a `WorkerSystem` in any other.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from perflab.errors import PerflabError
from perflab.record import Operation, Recorder

if TYPE_CHECKING:
    from perflab.system.performance import PerformanceSystem

__all__ = ["NotHereError", "WorkerSystem", "arrive", "enter"]

_systems: weakref.WeakValueDictionary[str, PerformanceSystem] = weakref.WeakValueDictionary()


class NotHereError(PerflabError, AttributeError):
    """Something was asked of a system in a worker process that only the system itself has."""


class WorkerSystem:
    """What stands for a system in a worker process: it records, and its rows come home with the results.

    Caches, workers and frames are the system's own and stay in its process: any other attribute raises
    `NotHereError`, which is a PerflabError and an AttributeError.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def operation(self, name: str, key: object = None) -> Operation:
        """Return a context that records what runs inside it as one operation."""
        return self._recorder.operation(name, key)

    def record_operation(
        self,
        name: str,
        duration_s: float,
        *,
        key: Hashable = None,
        cache_hit: bool | None = None,
        nbytes: int | None = None,
        error: BaseException | str | None = None,
        related_keys: Iterable[Hashable] = (),
    ) -> None:
        """Record an operation that the caller timed; `related_keys` are recorded, and no prefetcher is told of them."""
        self._recorder.record_operation(
            name, duration_s, key=key, cache_hit=cache_hit, nbytes=nbytes, error=error, related_keys=related_keys
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return arrive, (self._recorder,)

    def __getattr__(self, name: str) -> NoReturn:
        raise NotHereError(
            f"A system has no {name!r} in a worker process, where it can only record (operation, record_operation); "
            "its caches, workers and frames are in the process that made it."
        )

    def __repr__(self) -> str:
        return f"<WorkerSystem {self._recorder.run_id}>"


def enter(recorder: Recorder, system: PerformanceSystem) -> None:
    """Make a system known in this process by the recorder that it has."""
    _systems[recorder.address] = system


def arrive(recorder: Recorder) -> PerformanceSystem | WorkerSystem:
    """Return the system that has this recorder if it lives in this process; else what stands for it here."""
    system = _systems.get(recorder.address)
    return WorkerSystem(recorder) if system is None else system


# A forked child has a copy of the system, whose workers and threads are its parent's.
os.register_at_fork(after_in_child=_systems.clear)
