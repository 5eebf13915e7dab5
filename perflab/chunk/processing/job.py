"""What a worker does with one chunk.

In: a function and a chunk. Out: an `Outcome` that finds its way back from another process, whatever happened.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from perflab.chunk.chunk import Chunk
from perflab.parallel import portable

__all__ = ["Job", "Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker sends back: a value or an error, and how long it took."""

    value: Any
    error: BaseException | None
    trace: str
    duration_s: float
    stream: str
    pid: int

    @property
    def is_home(self) -> bool:
        """Tell whether the work was done in this process."""
        return self.pid == os.getpid()


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker runs: the function, timed, its exception turned into a result.

    `home` is the process that the outcome goes to.
    """

    fn: Callable[[Chunk], Any]
    timer: Callable[[], float]
    home: int

    def __call__(self, chunk: Chunk) -> Outcome:
        """Compute the value of one chunk."""
        began = self.timer()
        value, error, trace = None, None, ""
        try:
            value = self.fn(chunk)
        except Exception as raised:
            trace = traceback.format_exc()
            error = raised if os.getpid() == self.home else portable(raised)
        elapsed = self.timer() - began
        pid = os.getpid()
        stream = threading.current_thread().name if pid == self.home else f"process-{pid}"
        return Outcome(value, error, trace, elapsed, stream, pid)
