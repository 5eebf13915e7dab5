"""Which rows leave the disk tier for room.

In: how many bytes must go, and what was read lately. Out: the rows that went; the database is within its bound again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from perflab.cache.disk.rows import COST, SPARED, TICK_S

__all__ = ["Left", "make_room"]

_NEXT = f"SELECT rowid, key, {COST}, filename FROM Cache"  # noqa: S608 (made of constants)
_DUE = f"{_NEXT} WHERE expire_time <= ? ORDER BY expire_time, rowid LIMIT 1"
_OLDEST = f"{_NEXT} ORDER BY store_time, rowid LIMIT 1"


class Left(NamedTuple):
    """A row that left for room; `due` says that its time was over, and `filename` where its value is, if in a file."""

    key: bytes
    cost: int
    filename: str | None
    due: bool


def make_room(
    connection: sqlite3.Connection, over: int, now: float, last: float, spare: Callable[[bytes], bool]
) -> list[Left]:
    """Remove rows until `over` bytes are gone, inside of the caller's transaction.

    First go rows that are due. Then a hand moves from the row stored longest ago to newer ones; a row that was read
    since it last came by is not removed but stored anew, before the rows that the room is for: FIFO with
    reinsertion, or CLOCK (Corbató 1968), whose marks are written only here and never by a read.

    Parameters
    ----------
    over
        Bytes, by the rows' costs; 0 or less removes nothing.
    now
        Wall time, seconds.
    last
        The latest `store_time` before the rows that the room is for; spared rows come right after it.
    spare
        `spare(key)` tells if a row was read, and forgets it.
    """
    left: list[Left] = []
    due, spared = True, 0
    while over > 0:
        row = connection.execute(_DUE, (now,)).fetchone() if due else None
        due = row is not None
        row = row or connection.execute(_OLDEST).fetchone()
        if row is None:
            break  # the sum of the costs was wrong
        rowid, key, cost, filename = row
        if not due and spared < SPARED and spare(key):
            spared += 1
            connection.execute("UPDATE Cache SET store_time = ? WHERE rowid = ?", (last + spared * TICK_S, rowid))
            continue
        connection.execute("DELETE FROM Cache WHERE rowid = ?", (rowid,))
        left.append(Left(key if type(key) is bytes else b"", cost, filename, due))
        over -= cost
    return left
