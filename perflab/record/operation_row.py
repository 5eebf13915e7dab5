"""Operations as rows.

In: an operation that has ended. Out: its row of `operations`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from perflab.record.arrow import as_text
from perflab.record.log import Row
from perflab.record.operation import Operation

__all__ = ["operation_row"]


def operation_row(operation: Operation, run_id: str, ns: Callable[[float], int]) -> Row:
    """Return values in the order of the frame's columns; `ns(seconds)` is the time of day, of the recorder's timer."""
    related = _texts(operation.related_keys)
    return (
        run_id,
        ns(operation.ended_s or 0.0),
        operation.number,
        operation.parent,
        operation.name,
        operation.key,
        operation.duration_s,
        operation.nbytes,
        operation.error is None,
        operation.error,
        operation.cache_hit,
        json.dumps(related) if related else None,
        operation.stream,
    )


def _texts(keys: object) -> list[str | None]:
    if keys is None:
        return []
    if isinstance(keys, Iterable) and not isinstance(keys, str | bytes):
        return [as_text(key) for key in keys]
    return [as_text(keys)]
