"""The rows of all frames of one recorder, within one budget of memory.

In: sources of new rows, rows of other recorders. Out: tables and files of all rows, and a run folder that holds them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from perflab.record.log import Log, Source, Taken
from perflab.record.piece import Piece, Typed
from perflab.record.store import READ_ATTEMPTS, RunFolder

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Logs"]

T = TypeVar("T")


class Logs(Mapping[str, Log]):
    """A log a frame.

    Parameters
    ----------
    sources
        Frame -> where its new rows are gathered.
    anchor
        Called before new rows become columns: the time of day may have been set since.
    budget_bytes
        Bound on the sealed rows in memory.
    flush
        Brings all rows into the run folder, if there is one.

    Attributes
    ----------
    events : Counter
        How often each event stood in rows of `accesses` that came from other recorders.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        anchor: Callable[[], object],
        budget_bytes: int,
        flush: Callable[[], object],
    ) -> None:
        self._logs = {frame: Log(frame, source) for frame, source in sources.items()}
        self._anchor = anchor
        self._budget_bytes = budget_bytes
        self._flush = flush
        self._lock = threading.Lock()
        self.events: Counter[object] = Counter()

    def __getitem__(self, frame: str) -> Log:
        return self._logs[frame]

    def __iter__(self) -> Iterator[str]:
        return iter(self._logs)

    def __len__(self) -> int:
        return len(self._logs)

    @property
    def dropped(self) -> int:
        """Rows that left memory and are in no run folder."""
        return sum(log.dropped for log in self.values())

    def read(self, frame: str, read: Callable[[Sequence[pa.Table | Path]], T]) -> T:
        """Return what `read` makes of the tables and files of a frame."""
        for _ in range(READ_ATTEMPTS - 1):
            # Between the two steps the thread that flushes may have put a larger file in place of small ones.
            with contextlib.suppress(FileNotFoundError):
                return read(self[frame].sources())
        return read(self[frame].sources(lost=False))

    def seal(self, frame: str, wait: bool = True) -> None:
        """Turn the new rows of a frame into columns; without `wait`, not if another thread is about it."""
        self._anchor()
        self[frame].seal(wait)
        self._keep_budget()

    def absorb(self, tables: Mapping[str, pa.Table]) -> None:
        """Add rows that another recorder made; they keep their own run_id and time."""
        for frame, table in tables.items():
            self[frame].absorb(table)
            if frame == "accesses":
                self._count(Typed(table).events())
        self._keep_budget()

    def receive(self, frame: str, taken: Taken) -> None:
        """Add columns that were taken from the log of another recorder; `loose` rows are the caller's."""
        self[frame].receive(taken.held, taken.dropped)
        if frame == "accesses":
            self._count(sum((rows.events() for rows in taken.held), Counter()))
        self._keep_budget()

    def store(self, folder: RunFolder) -> None:
        """Bring all rows into the run folder."""
        self._anchor()
        for log in self.values():
            log.store(folder.write)

    def finish(self, folder: RunFolder, status: str) -> None:
        """Bring all rows into the run folder, one file a frame; rows that come meanwhile stay in memory."""
        handed = {frame: log.hand_over() for frame, log in self.items()}
        sources = {frame: chain.from_iterable(map(Piece.sources, pieces)) for frame, pieces in handed.items()}
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        try:
            files = folder.finish(sources, status=status, finished=now, rows_dropped=self.dropped)
        except BaseException:
            for frame, log in self.items():
                log.keep(handed[frame])
            raise
        for frame, log in self.items():
            log.moved(handed[frame], files[frame])

    def forget(self) -> None:
        """Drop everything and make the lock anew: this process was forked, and the rows are its parent's."""
        self._lock = threading.Lock()
        self.events = Counter()
        for log in self.values():
            log.forget()

    def _count(self, events: Counter[object]) -> None:
        with self._lock:
            self.events = self.events + events

    def _keep_budget(self) -> None:
        over = sum(log.nbytes for log in self.values()) - self._budget_bytes
        if over <= 0:
            return
        self._flush()
        while over > 0:
            freed = max(self.values(), key=lambda log: log.nbytes).let_go()
            if freed == 0:
                return
            over -= freed
