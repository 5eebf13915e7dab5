"""Recorders in other processes: what is recorded there comes home with the results of the work.

In: a recorder inside a closure that travels. Out: the same object in its own process, one that stands for it in any
other; the rows of those that stand for others, for their homes.
"""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
import weakref
from collections.abc import Iterator, Sequence
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from perflab.record.arrow import as_text
from perflab.record.frames import FRAMES
from perflab.record.operation import Operation, number_from
from perflab.record.wire import Packed, packed, unpacked

if TYPE_CHECKING:
    from perflab.config import RecordSettings
    from perflab.record.recorder import Recorder

__all__ = ["Caller", "WorkerRows", "arrive", "callers", "carried", "enter", "on_behalf_of", "stream_here"]

Caller = tuple[str, str | None, int]
"""Of an operation that work is handed out in: its recorder's address, its name, its number."""

_NUMBER_BITS = 52
"""Numbers of operations stay below 2**53, so that they survive as float64."""

_known: weakref.WeakValueDictionary[str, Recorder] = weakref.WeakValueDictionary()
_away: dict[str, Recorder] = {}
_lock = threading.RLock()


def enter(recorder: Recorder) -> None:
    """Make a recorder known in this process by its address."""
    with _lock:
        _known[recorder.address] = recorder


def arrive(kind: type[Recorder], address: str, run_id: str, settings: RecordSettings) -> Recorder:
    """Return the recorder of an address if it lives in this process; else the one that stands for it here.

    The one that stands for it has no folder, the same run_id and settings, and names its stream after the process.
    There is one a process; what it records waits for the next `WorkerRows`.
    """
    with _lock:
        found = _known.get(address)
        if found is not None:
            return found
        if not _away:
            number_from(_first_number())
        worker = kind(None, settings, run_id=run_id, stream=stream_here())
        del _known[worker.address]
        worker.address = address
        enter(worker)
        _away[address] = worker
        return worker


def stream_here() -> str:
    """Return the name of the streams of a worker process."""
    return f"process-{os.getpid()}"


def callers() -> tuple[Caller, ...]:
    """Return the operations that the caller is in, at most one of each recorder."""
    found = []
    for recorder in _living():
        current: Any = recorder.current.get(None)
        operation: Operation | None = getattr(current, "operation", current)
        if operation is not None:
            found.append((recorder.address, as_text(operation.name), operation.number))
    return tuple(found)


@contextlib.contextmanager
def on_behalf_of(given: Sequence[Caller]) -> Iterator[None]:
    """Be in the operations that work was handed out in, as `callers` named them.

    What is recorded inside is theirs: an operation has the one given as its parent, an access carries its name and
    number. The thread, or the fork, that does the work may have come out of another operation, which then does not
    count.
    """
    names = {address: (name, number) for address, name, number in given}
    stood_in = [
        (recorder, *_stand_in(recorder, names.get(recorder.address)))
        for recorder in _living()
        if recorder.address in names or recorder.address in _away
    ]
    try:
        yield
    finally:
        for recorder, operation, token in stood_in:
            if operation is not None and operation.tape is not None:
                recorder.tapes.cut(operation.tape)
                operation.tape = None
            recorder.current.reset(token)


class WorkerRows:
    """The rows of a worker process on their way home.

    They are taken from the recorders at the moment at which this is pickled, which should be after the results that
    they travel with: with results that cannot be pickled nothing goes home, and the rows wait for the next ones.
    """

    __slots__ = ("_failures", "_parcels")

    def __init__(self, parcels: Sequence[tuple[str, str, Packed]] = (), failures: Sequence[str] = ()) -> None:
        self._parcels = parcels
        self._failures = failures

    def __reduce__(self) -> tuple[Any, ...]:
        if not self._parcels and not self._failures:
            return WorkerRows, _take_all()
        return WorkerRows, (self._parcels, self._failures)

    def deliver(self) -> None:
        """Give the rows to the recorders that they belong to, once; those of recorders that are gone are dropped.

        Nothing is raised: the results that came with the rows are worth more. One warning tells what went wrong.
        """
        parcels, failures = self._parcels, list(self._failures)
        self._parcels = self._failures = ()
        for address, frame, parcel in parcels:
            home = _known.get(address)
            if home is not None:
                with _failing_into(failures):
                    home.receive(frame, unpacked(parcel))
        if failures:
            warnings.warn(f"Rows that workers recorded are lost: {'; '.join(failures)}.", RuntimeWarning, stacklevel=2)


def carried() -> WorkerRows | None:
    """Return what results are to carry home from here; None if no recorder here stands for another."""
    return WorkerRows() if _away else None


def _take_all() -> tuple[list[tuple[str, str, Packed]], list[str]]:
    parcels: list[tuple[str, str, Packed]] = []
    failures: list[str] = []
    with _lock:
        for address, recorder in _away.items():
            with _failing_into(failures):
                recorder.clock.anchor()
                for frame in FRAMES:
                    taken = recorder.take(frame)
                    if any(taken):
                        parcels.append((address, frame, packed(frame, taken)))
    return parcels, failures


@contextlib.contextmanager
def _failing_into(failures: list[str]) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # recording must not cost anybody a result
        failures.append(f"{type(error).__name__}: {error}")


def _living() -> list[Recorder]:
    found = (reference() for reference in _known.valuerefs())  # a copy, unlike the other views
    return [recorder for recorder in found if recorder is not None]


def _stand_in(recorder: Recorder, caller: tuple[str | None, int] | None) -> tuple[Operation | None, Token[Any]]:
    current: ContextVar[Any] = recorder.current
    if caller is None:
        return None, current.set(None)
    operation = Operation(caller[0] or "", None, recorder)
    operation.number = caller[1]
    return operation, current.set(operation)


def _first_number() -> int:
    return 2**32 + (int.from_bytes(os.urandom(8)) >> (64 - _NUMBER_BITS))


def _move_out() -> None:
    """Make every recorder of a forked child one that stands for its parent's."""
    global _lock
    _lock = threading.RLock()
    number_from(_first_number())
    for recorder in _living():
        recorder.forget()
        _away[recorder.address] = recorder


os.register_at_fork(after_in_child=_move_out)
