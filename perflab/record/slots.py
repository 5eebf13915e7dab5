"""The slots of a flight ring: filling one, so quickly that each operation can do so twice.

In: an event. Out: the next slot of the mapped file holds it. `perflab._operations` does the same in C; it is used where
it was built.
"""

from __future__ import annotations

import itertools
import mmap
import struct
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perflab.record.operation import Operation

__all__ = ["CODES", "KINDS", "TEXT_ROOM_LESS", "PythonSlots", "Slots", "slot_struct"]

KINDS: tuple[str, ...] = ("begin", "end", "failed", "event", "warning")
CODES = {kind: code for code, kind in enumerate(KINDS, 1)}
TEXT_ROOM_LESS = 42
"""Bytes of a slot that are not text."""


def slot_struct(slot_bytes: int) -> struct.Struct:
    """Return the layout of a slot: number of the event, t, operation, duration, kind, text, number of the event."""
    # `pack_into` clears the slot and fills it from front to back: one whose two numbers differ was not finished.
    return struct.Struct(f"<QqqdB{slot_bytes - TEXT_ROOM_LESS + 1}pQ")


class PythonSlots:
    """`perflab._operations.Slots` in Python, where that was not built."""

    missed = 0
    _view: mmap.mmap | None = None
    _places: Iterator[tuple[int, int]]

    @property
    def on(self) -> bool:
        """Whether events are written."""
        return self._view is not None

    def began(self, operation: Operation, /) -> None:
        """Write that an operation began."""
        self._began_slowly(operation)

    def ended(self, operation: Operation, /) -> None:
        """Write that an operation ended, or failed."""
        self._ended_slowly(operation)

    def _map(
        self, view: mmap.mmap, first: int, slots: int, slot_bytes: int, clock: Callable[[], int] | None, /
    ) -> None:
        """Write to a mapped file from now on."""
        self._clock = clock or time.time_ns
        self._pack = slot_struct(slot_bytes).pack_into
        starts = itertools.cycle(range(first, first + slots * slot_bytes, slot_bytes))
        self._places = zip(itertools.count(1), starts)
        self._view = view

    def _unmap(self) -> None:
        """Write no more."""
        # Not closed: another thread may be about to write, and the last reference to the mapping closes it.
        self._view = None

    def _put(self, code: int, text: bytes, number: int, duration_s: float, /) -> None:
        """Fill the next slot."""
        view, now = self._view, self._clock()
        if view is None:
            return
        # Not `next`: CPython switches threads after calls and at backward jumps. From here to the end of `_pack`
        # there is none, so no thread can be overtaken by a turn of the ring and put an old event over a new one.
        for sequence, offset in self._places:  # noqa: B007
            break
        self._pack(view, offset, sequence, now, number, duration_s, code, text, sequence)

    @abstractmethod
    def _began_slowly(self, operation: Operation) -> None:
        """Write that an operation began, whatever its name and key are."""

    @abstractmethod
    def _ended_slowly(self, operation: Operation) -> None:
        """Write that an operation ended, whatever its name is."""


if TYPE_CHECKING:
    Slots = PythonSlots
else:
    try:
        from perflab._operations import Slots
    except ImportError:
        Slots = PythonSlots
