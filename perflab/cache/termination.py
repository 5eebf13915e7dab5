"""What must be done before a process dies of SIGTERM.

In: actions, each for a time. Out: they are done when the signal comes, and the process dies of it as it would have.

Python's own way out (`atexit`, `finally`) is not taken when SIGTERM ends a process by default. A handler stands in the
place of that default only while there are actions, and only in the main thread's program.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
import types
from collections.abc import Callable

__all__ = ["before_sigterm"]

_actions: dict[int, Callable[[], object]] = {}
_numbers = itertools.count()


def before_sigterm(action: Callable[[], object]) -> Callable[[], None]:
    """Do something before SIGTERM ends this process; return what calls it off.

    A program that has a handler of its own, or ignores the signal, is left alone: whether and how it ends is up to it,
    and if it ends as Python programs do, `atexit` is the place. One that installs its handler later, and calls the one
    that it found, ends by that call. Called in another thread than the main one, this helps only if a handler stands
    already. What a forked child inherits, it does as well: an action must look whose process it is in.

    Examples
    --------
    >>> before = signal.getsignal(signal.SIGTERM)
    >>> call_off = before_sigterm(lambda: print("going"))
    >>> call_off()
    >>> signal.getsignal(signal.SIGTERM) is before
    True
    """
    number = next(_numbers)
    _actions[number] = action
    # Of the first process of a container the kernel ignores a signal that has no handler: it would not die of it.
    if _in_main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and os.getpid() != 1:
        signal.signal(signal.SIGTERM, _die)
    return lambda: _call_off(number)


def _call_off(number: int) -> None:
    _actions.pop(number, None)
    # A handler that the program has installed meanwhile stays, and may call this one.
    if not _actions and _in_main_thread() and signal.getsignal(signal.SIGTERM) is _die:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _die(signum: int, frame: types.FrameType | None) -> None:  # noqa: ARG001 - the signature is the signal module's
    for action in list(_actions.values()):
        with contextlib.suppress(Exception):
            action()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
