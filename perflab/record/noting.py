"""Noting one event of a cache.

In: what happened. Out: an entry on the caller's tape, in Python or, where it was built, by `perflab._writes`.
"""

from __future__ import annotations

from abc import abstractmethod
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

__all__ = ["Events", "PythonEvents"]


class PythonEvents:
    """`perflab._writes.Events` in Python, where that was not built."""

    def access(
        self,
        key: object,
        event: str,
        tier: str | None = None,
        nbytes: int | None = None,
        duration_s: float | None = None,
        reason: str | None = None,
    ) -> None:
        """Record one cache event; `event` is one of `frames.ACCESS_EVENTS`."""
        self._access_slowly(key, event, tier, nbytes, duration_s, reason)

    def _note_on(self, current: ContextVar[Any], tape: type, stride: int, full: int, /) -> None:
        """Do nothing: `_access_slowly` knows the tapes."""

    @abstractmethod
    def _access_slowly(self, *facts: Any) -> None:
        """Note an event, given as `access` is, whatever the caller's context has."""


if TYPE_CHECKING:
    Events = PythonEvents
else:
    try:
        from perflab._writes import Events
    except ImportError:
        Events = PythonEvents
