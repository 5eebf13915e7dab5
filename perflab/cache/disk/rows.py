"""The rows of diskcache's table, as the disk tier reads and writes them.

In: a connection to the database. Out: rows read, stored and listed, many in one statement.
"""

from __future__ import annotations

import functools
import math
import os
import sqlite3
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple

from perflab.cache.disk.envelope import row_cost

__all__ = [
    "BUSY_S",
    "COST",
    "SELECT",
    "SPARED",
    "TICK_S",
    "Columns",
    "Row",
    "connect",
    "insert",
    "recount",
    "rows_of",
    "select",
    "state_of",
]

BUSY_S = 4.0
"""Seconds to wait for another process that writes."""

SELECT = "SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1"
TICK_S = 1e-6
"""What lies between the `store_time` of two rows at least: more than a float of this century resolves."""

COST = "COALESCE(CAST(size AS INTEGER), 0)"
"""What a row costs, also if someone wrote something else there than a number."""

SPARED = 64
"""Rows that one write may spare because they were read: a bound on what making room may cost."""

_AT_ONCE = 500  # sqlite took at most 999 variables a statement before version 3.32
_STATE = """
    SELECT (SELECT CAST(MAX(store_time) AS REAL) FROM Cache),
    (SELECT CAST(value AS INTEGER) FROM Settings WHERE key = 'size')
"""
_RECOUNT = "UPDATE Settings SET value = (SELECT COALESCE(SUM(size), 0) FROM Cache) WHERE key = 'size'"
_UPSERT = """
    INSERT INTO Cache (key, raw, store_time, expire_time, access_time, access_count, tag, size, mode, filename,
    value)
    VALUES (?, 1, ?, ?, NULL, 0, ?, ?, ?, ?, ?)
    ON CONFLICT (key, raw) DO UPDATE SET store_time = excluded.store_time, expire_time = excluded.expire_time,
    tag = excluded.tag, size = excluded.size, mode = excluded.mode, filename = excluded.filename, value = excluded.value
"""


class Row(NamedTuple):
    """A sealed value on its way to the database.

    `key` is in canonical bytes and `name` as the application gave it; `expires` is wall time and may be infinite;
    `tags` are as `envelope.tag_text` has them.
    """

    key: bytes
    data: bytes
    expires: float
    name: Hashable
    tags: str = ""

    @property
    def cost(self) -> int:
        """Bytes that it counts with."""
        return row_cost(self.key, self.data)


class Columns(NamedTuple):
    """What diskcache's table says of a value: its cost, and where it is."""

    size: int
    mode: int
    filename: str | None
    value: bytes | None


def connect(address: str | os.PathLike[str], *, uri: bool = False) -> sqlite3.Connection:
    """Return a connection that any thread may use, and that gives text which is none as it gives names of files."""
    connection = sqlite3.connect(address, timeout=BUSY_S, isolation_level=None, check_same_thread=False, uri=uri)
    # Otherwise a planted row of bytes that call themselves text is an error of every read, not a row to be refused.
    connection.text_factory = functools.partial(str, encoding="utf-8", errors="surrogateescape")
    return connection


def select(connection: sqlite3.Connection, columns: str, keys: Sequence[bytes]) -> Iterator[tuple[Any, ...]]:
    """Yield some columns of the rows of these keys; `columns` is the caller's own text, never a user's."""
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(part))
        statement = f"SELECT {columns} FROM Cache WHERE raw = 1 AND key IN ({marks})"  # noqa: S608 (see above)
        yield from connection.execute(statement, part).fetchall()


def insert(connection: sqlite3.Connection, rows: Sequence[tuple[Row, Columns]], last: float, now: float) -> None:
    """Add rows, or put them in the place of those with the same key.

    Their `store_time`s are after `last`, whatever the clock says: the order of eviction is the order of storing, also
    after the clock was set back. Between the two there is room for the rows that `make_room` may spare.
    """
    first = max(now, last + (SPARED + 1) * TICK_S)
    connection.executemany(
        _UPSERT,
        [
            (row.key, first + number * TICK_S, _finite(row.expires), row.tags or None, *columns)
            for number, (row, columns) in enumerate(rows)
        ],
    )


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None


def state_of(connection: sqlite3.Connection) -> tuple[float, int]:
    """Return the latest `store_time`, 0 for an empty table, and the sum of costs that diskcache's triggers keep."""
    last, nbytes = connection.execute(_STATE).fetchone()
    return last or 0.0, nbytes or 0


def recount(connection: sqlite3.Connection) -> int:
    """Return the sum of the costs, counted row by row, and correct the one that is kept."""
    connection.execute(_RECOUNT)
    return state_of(connection)[1]


def rows_of(connection: sqlite3.Connection, now: float, tags: str = "") -> list[tuple[bytes, int]]:
    """Return key and cost of the rows that are not due at a wall time, last stored first.

    With `tags`, a text of `envelope.tag_text`, those alone that have it.
    """
    statement = (
        f"SELECT key, {COST} FROM Cache WHERE raw = 1 AND (expire_time IS NULL OR expire_time > ?)"  # noqa: S608
        " AND (? = '' OR instr(tag, ?) > 0) ORDER BY store_time DESC, rowid DESC"
    )
    return [(key, size) for key, size in connection.execute(statement, (now, tags, tags)) if type(key) is bytes]
