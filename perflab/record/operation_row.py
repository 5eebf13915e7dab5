"""Operations as rows and columns.

In: operations that have ended, and rows that are rows already. Out: rows, or columns, of `operations`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from perflab.record.arrow import as_text
from perflab.record.log import Row
from perflab.record.operation import Operation

__all__ = ["operation_columns", "operation_rows"]

NO_KEYS = ()
"""CPython has one empty tuple; were there more, these would be listed, and come out the same."""


def operation_columns(recorded: Sequence[Operation | Row], run_id: str, zero_ns: int) -> Sequence[Sequence[object]]:
    """Return values in the order of the frame's columns; `zero_ns` is the time of day at the timer's zero."""
    found = [row for row in recorded if isinstance(row, Operation)]
    if len(found) < len(recorded):
        return list(zip(*operation_rows(recorded, run_id, zero_ns), strict=True))
    # Column by column, since a tuple for each row would have the garbage collector look at all of them.
    return [
        [run_id] * len(found),
        [zero_ns + int((row.ended_s or 0.0) * 1e9) for row in found],
        [row.number for row in found],
        [row.parent for row in found],
        [row.name for row in found],
        [row.key for row in found],
        [row.duration_s for row in found],
        [row.nbytes for row in found],
        [row.error is None for row in found],
        [row.error for row in found],
        [row.cache_hit for row in found],
        [None if row.related_keys is NO_KEYS else _listed(row.related_keys) for row in found],
        [row.stream for row in found],
    ]


def operation_rows(recorded: Sequence[Operation | Row], run_id: str, zero_ns: int) -> list[Row]:
    """Return the same as rows."""
    return [
        row if isinstance(row, tuple) else tuple(value for (value,) in operation_columns([row], run_id, zero_ns))
        for row in recorded
    ]


def _listed(keys: object) -> str | None:
    texts = _texts(keys)
    return json.dumps(texts) if texts else None


def _texts(keys: object) -> list[str | None]:
    if keys is None:
        return []
    if isinstance(keys, Iterable) and not isinstance(keys, str | bytes):
        return [as_text(key) for key in keys]
    return [as_text(keys)]
