"""Writing behind: values are taken at once and stored a little later, many in one transaction.

In: rows, as they are set. Out: batches for the database; until a row is there, it is found here.
"""

from __future__ import annotations

import atexit
import contextlib
import sys
import threading
import weakref
from collections.abc import Callable, Sequence

from perflab.cache.disk.forking import enlist
from perflab.cache.disk.guard import GuardedStore
from perflab.cache.disk.rows import Row
from perflab.errors import StoreError

__all__ = ["WriteBehind"]

_running: weakref.WeakSet[WriteBehind] = weakref.WeakSet()


class WriteBehind:
    """A bounded queue, and a daemon thread that empties it into the store.

    A put that fills the queue empties it itself, so the queue never grows past its bound and one value. At a fork the
    parent empties it first: no row is written by both sides.

    Parameters
    ----------
    store
        Its lock is held while a batch is written.
    write
        `write(rows)` stores a batch and says whether it did; what it could not store it has recorded.
    finish
        Called after the last batch; once or more.
    max_bytes
        Bound on the values in the queue.
    delay_s
        Seconds for which a batch is gathered after its first row.
    """

    def __init__(
        self,
        store: GuardedStore,
        write: Callable[[Sequence[Row]], bool],
        finish: Callable[[], object],
        *,
        max_bytes: int,
        delay_s: float,
    ) -> None:
        self._store = store
        self._write = write
        self._finish = finish
        self._max_bytes = max_bytes
        self._delay_s = delay_s
        self._waiting: dict[bytes, Row] = {}
        self._leaving: dict[bytes, Row] = {}
        self._nbytes = 0
        self._lost = False
        self._begin()
        enlist(self)
        _running.add(self)

    def find(self, key: bytes) -> bytes | None:
        """Return the sealed value of a key that is not in the database yet, or None."""
        # In this order: a batch that begins in between moves the row from the first dict to the second.
        row = self._waiting.get(key) or self._leaving.get(key)
        return None if row is None else row.data

    def put(self, rows: Sequence[Row]) -> None:
        """Take rows, each in the place of the one with the same key that still waits."""
        with self._lock:
            for row in rows:
                self._remove(row.key)
                self._waiting[row.key] = row
                self._nbytes += len(row.data)
            at_once = self._nbytes >= self._max_bytes or not self._awake()
        if at_once:
            self._drain()

    def drop(self, key: bytes, only: bytes | None = None) -> None:
        """Forget the row of a key, with `only` if that is its value; the caller holds the store's lock."""
        with self._lock:
            row = self._waiting.get(key)
            if row is not None and only in (None, row.data):
                self._remove(key)

    def flush(self) -> bool:
        """Write what waits; False if a row that was put since the last flush could not be stored."""
        with self._store.lock:
            self._drain()
            lost, self._lost = self._lost, False
        return not lost

    def close(self) -> None:
        """Write what waits, end the thread and finish; a second call does nothing."""
        thread = self._thread
        self.abandon()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def abandon(self) -> None:
        """Let the thread write what waits, and finish, without waiting for it.

        For finalizers: they may run in any thread, with any lock held.
        """
        self._stop.set()
        self._wake.set()
        if self._thread is None:
            self._end()

    def hold(self) -> None:
        """Write what waits, before a fork, and take nothing until it is over."""
        self._store.lock.acquire()
        self._lock.acquire()
        with contextlib.suppress(StoreError):  # closed
            self._drain()

    def release(self) -> None:
        """Go on after a fork, in the parent."""
        self._lock.release()
        self._store.lock.release()

    def renew(self) -> None:
        """Go on after a fork, in the child, which has no such thread."""
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def _remove(self, key: bytes) -> None:
        row = self._waiting.pop(key, None)
        if row is not None:
            self._nbytes -= len(row.data)

    def _awake(self) -> bool:
        """Wake the thread, made with the first row; False if there can be none, as while the program ends."""
        if self._stop.is_set():
            return False
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="perflab-cache-write", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
            _close_with_a_worker()
        if not self._wake.is_set():  # setting it takes longer than asking
            self._wake.set()
        return True

    def _run(self) -> None:
        try:
            while self._wake.wait() and not self._stop.wait(self._delay_s):
                self._wake.clear()
                with contextlib.suppress(StoreError):  # the folder is not to be trusted any more; flush tells
                    self._drain()
        finally:
            self._thread = None  # also where a warning was made an error: the next row begins another thread
        self._end()

    def _drain(self) -> None:
        with self._store.lock:
            with self._lock:
                self._leaving = self._waiting
                self._waiting, self._nbytes = {}, 0
            if not self._leaving:
                return
            stored = False
            try:
                stored = self._write(list(self._leaving.values()))
            finally:
                self._lost |= not stored
                self._leaving = {}

    def _end(self) -> None:
        with contextlib.suppress(StoreError):
            self._drain()
        self._finish()


@atexit.register
def _close_all() -> None:
    for queue in list(_running):
        queue.close()


def _close_with_a_worker() -> None:
    """Have the queues closed where a process of `multiprocessing` ends: a forked one does not run `atexit`."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, _close_all, exitpriority=0)
