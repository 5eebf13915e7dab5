"""Tables of recorded rows, for the tests of the side that reads them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from perflab.record import columns
from perflab.record.arrow import to_table

START = 1_790_000_000_000_000
"""Microseconds since 1970 (UTC) of the first row."""


def table(frame: str, *rows: dict[str, Any]) -> pa.Table:
    """Return rows of a frame, a millisecond apart unless they say `t` (microseconds after the start)."""
    names = [column.name for column in columns(frame)]
    known = [
        {"run_id": "run", **row, "t": (START + row.get("t", 1000 * place)) * 1000} for place, row in enumerate(rows)
    ]
    return to_table(frame, [[row.get(name) for row in known] for name in names])


def accesses(count: int, first: int = 0, **same: Any) -> pa.Table:
    """Return accesses a second apart: keys `key-0` to `key-9` in turn, every third a miss."""
    rows = (
        {
            "t": number * 1_000_000,
            "key": f"key-{number % 10}",
            "event": "hit" if number % 3 else "miss",
            "tier": "l1" if number % 3 else None,
            "nbytes": number % 10 * 100,
            **same,
        }
        for number in range(first, first + count)
    )
    return table("accesses", *rows)
