"""Threads of panels, which end before the interpreter does.

In: work. Out: a thread that is waited for when the program ends.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections.abc import Callable

__all__ = ["begin"]

_LONGEST_S = 5.0

_stops: weakref.WeakKeyDictionary[threading.Thread, Callable[[], object]] = weakref.WeakKeyDictionary()


def begin(work: Callable[[], object], name: str, stop: Callable[[], object] = lambda: None) -> threading.Thread:
    """Start a thread that ends with its work; `stop` asks it to end when the program does."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    _stops[thread] = stop
    thread.start()
    return thread


@atexit.register
def _end() -> None:
    # One that is inside of Arrow when the interpreter ends would abort the process, or keep it for ever.
    until = time.monotonic() + _LONGEST_S
    at_work = list(_stops.items())
    for _, stop in at_work:
        stop()
    for thread, _ in at_work:
        thread.join(max(0.0, until - time.monotonic()))
