"""The result of one call, as its caller waits for it.

In: the future of an `Outcome`. Out: a future of the value, or of the error, that is in it.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

from perflab.parallel.task import Outcome

__all__ = ["Reply"]

R = TypeVar("R")


class Reply(Future[R]):
    """The future of a call's value; rows that were recorded in the call are home before it is done."""

    def __init__(self, outcome: Future[Outcome]) -> None:
        super().__init__()
        self._outcome: Future[Outcome] | None = outcome
        outcome.add_done_callback(self._settle)

    def cancel(self) -> bool:
        """Cancel the call if it does not run yet; return whether it is cancelled."""
        outcome = self._outcome
        return self.cancelled() if outcome is None else outcome.cancel()

    def running(self) -> bool:
        """Return whether the call is being executed."""
        outcome = self._outcome
        return outcome is not None and outcome.running()

    def _settle(self, future: Future[Outcome]) -> None:
        self._outcome = None  # each would keep the other, and so the value, until the next garbage collection
        if future.cancelled():
            super().cancel()
            self.set_running_or_notify_cancel()
        elif (error := future.exception()) is not None:
            self.set_exception(error)
        else:
            self._take(future.result())

    def _take(self, outcome: Outcome) -> None:
        try:
            outcome.deliver()
        finally:  # a warning may be an error here, and somebody waits
            if outcome.error is None:
                self.set_result(outcome.results[0])
            else:
                self.set_exception(outcome.error)
