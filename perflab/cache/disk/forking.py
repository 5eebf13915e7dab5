"""What a fork must find: no lock held halfway, no write in flight; and what the child must not touch.

In: the disk caches of this process. Out: both sides of a fork go on with them, each through a connection of its own.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from typing import Protocol

__all__ = ["Forked", "enlist", "keep_inherited"]


class Forked(Protocol):
    """Takes part in forks; all three run in the thread that forks."""

    def hold(self) -> None:
        """Finish what is in flight, and let nothing begin."""

    def release(self) -> None:
        """Go on, in the parent."""

    def renew(self) -> None:
        """Go on, in the child: with locks, threads and connections of its own."""


_INHERITED: list[sqlite3.Connection] = []
_guard = threading.RLock()
_enlisted: weakref.WeakSet[Forked] = weakref.WeakSet()
_held: list[Forked] = []


def enlist(member: Forked) -> None:
    """Let an object take part in forks for as long as it lives."""
    with _guard:
        _enlisted.add(member)


def keep_inherited(connection: sqlite3.Connection | None) -> None:
    """Keep a connection that came through a fork: to use it, or to close it, would break the parent's."""
    if connection is not None:
        _INHERITED.append(connection)


def _hold() -> None:
    _guard.acquire()
    for member in list(_enlisted):
        member.hold()
        _held.append(member)


def _release() -> None:
    for member in _held:
        member.release()
    _held.clear()
    _guard.release()


def _renew() -> None:
    global _guard
    _guard = threading.RLock()
    for member in _held:
        member.renew()
    _held.clear()


os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_renew)
