"""The events of a tape.

In: events as tuples. Out: the same in order; in C, where that was built, each takes 64 bytes and no object of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

__all__ = ["Event", "EventRows", "PythonEventRows", "rows_of"]

Event = tuple[int, float, Any, str, str | None, int | None, float | None, str | None]
"""A cache event other than a hit in the first tier: how many hits stood on the tape before it, time in seconds, key,
event, tier, bytes, duration in seconds, reason."""


class PythonEventRows(list[Event]):
    """`perflab._writes.EventRows` in Python, where that was not built."""

    @overload
    def __getitem__(self, place: SupportsIndex) -> Event: ...
    @overload
    def __getitem__(self, place: slice) -> PythonEventRows: ...
    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return PythonEventRows(found) if isinstance(place, slice) else found

    def counted(self) -> Mapping[Any, int]:
        """Return how many there are of each kind of event."""
        return Counter(event[3] for event in self)


if TYPE_CHECKING:
    EventRows = PythonEventRows
else:
    try:
        from perflab._writes import EventRows
    except ImportError:
        EventRows = PythonEventRows


def rows_of(events: Iterable[Event]) -> EventRows:
    """Return events as a tape has them.

    Examples
    --------
    >>> rows = rows_of([(0, 1.5, "key", "miss", None, None, None, None)])
    >>> len(rows), rows[0][2], dict(rows.counted())
    (1, 'key', {'miss': 1})
    """
    rows = EventRows()
    for event in events:
        rows.append(event)
    return rows
