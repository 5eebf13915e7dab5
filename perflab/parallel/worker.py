"""The process of one worker: `main` with the descriptor of a socket.

In: pickled calls, each behind its length. Out: what each gave, pickled; the process ends with its caller's socket.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, Final

__all__ = ["LENGTH", "main"]

LENGTH: Final = struct.Struct("<Q")
"""Stands before each call and each reply."""


def main(descriptor: int) -> None:
    """Answer calls, the first of which is the import path, until nobody sends any more."""
    # Processes that a call starts must not hold this end, and an interrupt from the keyboard is the caller's to handle.
    os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGINT, lambda *_: None)
    _leave_shared_memory_alone()
    with socket.socket(fileno=descriptor) as wire, wire.makefile("rb") as calls:
        sys.path[:] = pickle.loads(_next(calls) or pickle.dumps(sys.path))  # noqa: S301  # from our own caller
        while (call := _next(calls)) is not None:
            reply = _answered(call)
            del call
            wire.sendall(LENGTH.pack(len(reply)))
            wire.sendall(reply)
            del reply


def _next(calls: BinaryIO) -> bytes | None:
    """Return the next call, or None once the caller has closed its end."""
    try:
        head = calls.read(LENGTH.size)
        data = calls.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else None
    except ConnectionError:
        return None
    return data or None


def _answered(data: bytes) -> bytes:
    """Run a call and return its value, or the error, pickled: the errors of items are values already."""
    try:
        call: Callable[[], Any] = pickle.loads(data)  # noqa: S301  # from our own caller
        return _dumped((call(), None))
    except BaseException as error:
        from perflab.parallel.task import with_traceback

        return _dumped((None, with_traceback(error)))


def _dumped(reply: tuple[Any, BaseException | None]) -> bytes:
    try:
        return pickle.dumps(reply, pickle.HIGHEST_PROTOCOL)
    except Exception:
        # Closures and classes that came with the call; the import takes a tenth of a worker's start.
        import cloudpickle  # type: ignore[import-untyped]  # ships no type information

        dumped: bytes = cloudpickle.dumps(reply)
        return dumped


def _leave_shared_memory_alone() -> None:
    """Keep shared memory when this process ends: its own resource tracker would unlink what others still use."""
    from multiprocessing import resource_tracker

    resource_tracker.register = resource_tracker.unregister = lambda *_: None
