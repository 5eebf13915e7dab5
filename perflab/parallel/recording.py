"""What recorders need of a hand-over: under which operations it is, and their rows on the way back.

In: nothing, in the caller; what the caller gave, in the worker. Out: values that travel with the batch and its outcome.

All of it is `perflab.record.remote`, which is not imported for it: settings and all, that would take most of a worker's
start. A process that has not imported it has no recorder.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

__all__ = ["callers", "carried", "on_behalf_of"]

_REMOTE = "perflab.record.remote"


def callers() -> tuple[Any, ...]:
    """Return the operations that the caller is in, for `on_behalf_of`."""
    remote = sys.modules.get(_REMOTE)
    return () if remote is None else remote.callers()


def on_behalf_of(given: tuple[Any, ...]) -> AbstractContextManager[None]:
    """Be in the operations of the caller while its work is done."""
    remote = sys.modules.get(_REMOTE)
    return nullcontext() if remote is None else remote.on_behalf_of(given)


def carried() -> Any:
    """Return what the outcome is to carry home; None if nothing can have been recorded for another process."""
    remote = sys.modules.get(_REMOTE)
    return None if remote is None else remote.carried()
