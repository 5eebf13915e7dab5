"""Operations as rows.

In: operations that have ended, and rows that are rows already. Out: their rows of `operations`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from perflab.record.arrow import as_text
from perflab.record.log import Row
from perflab.record.operation import Operation

__all__ = ["operation_rows"]

NO_KEYS = ()
"""CPython has one empty tuple; were there more, these would be listed, and come out the same."""


def operation_rows(recorded: Sequence[Operation | Row], run_id: str, zero_ns: int) -> list[Row]:
    """Return values in the order of the frame's columns; `zero_ns` is the time of day at the timer's zero."""
    # One expression for each row, without a call: with calls this takes longer than the operation itself.
    return [
        row
        if isinstance(row, tuple)
        else (
            run_id,
            zero_ns + int((row.ended_s or 0.0) * 1e9),
            row.number,
            row.parent,
            row.name,
            row.key,
            row.duration_s,
            row.nbytes,
            row.error is None,
            row.error,
            row.cache_hit,
            None if row.related_keys is NO_KEYS else _listed(row.related_keys),
            row.stream,
        )
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
