"""The recorder: one append for each thing that happens.

In: accesses, operations and rows of the low-rate frames. Out: `recorder.frames`, and a run folder if one is asked for.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.config import RecordSettings
from perflab.record import remote
from perflab.record.by_column import Made, Make, by_column
from perflab.record.clock import Clock
from perflab.record.frames import FRAMES, columns
from perflab.record.log import Source, Taken
from perflab.record.logs import Logs
from perflab.record.noting import Events
from perflab.record.operation import Operation
from perflab.record.rows import gather
from perflab.record.running import LOST, RunningFolder
from perflab.record.sources import Accesses, Gathered, Operations
from perflab.record.tape import Tape
from perflab.record.tapes import Tapes
from perflab.record.view import Frames
from perflab.redact import redacted

if TYPE_CHECKING:
    import pyarrow as pa

    from perflab.record.store import RunFolder
    from perflab.record.where import Where

__all__ = ["Recorder"]

_NAMES = {frame: tuple(column.name for column in columns(frame))[2:] for frame in FRAMES}
_KNOWN = {frame: frozenset(names) for frame, names in _NAMES.items()}
RAW_ROWS = 1 << 17
"""Accesses that become columns at once, at the most: it takes some 100 bytes a row for a moment."""
_RAW_SHARE = 8
"""One part in so many of the memory budget is for rows that are no columns yet."""
_RAW_BYTES = 16
"""A hit that is no column yet: a reference to its entry, and its time."""
_OPERATION_BYTES = 300
"""An operation that is no column yet: the object and what it has."""
_TELLING = frozenset({"error", "payload", "reason"})
"""Columns whose text is somebody else's, such as an exception's."""


class Recorder(Events):
    """Records rows in memory and, if it has a run folder, on disk.

    Parameters
    ----------
    run_dir
        Folder of the run, or None to keep rows in memory alone.
    settings
        Memory budget, rows a piece, how times are taken, share of keys that is recorded.
    info
        Facts for `run.json`, JSON-able.
    run_id
        Name of the run; by default a new one.
    stream
        Name of every stream, for a worker process; by default each is named after its thread.

    Raises
    ------
    RunError
        If the run folder cannot be used.

    Attributes
    ----------
    frames : Frames
        The rows as DataFrames.
    run_id, run_dir
        Name of the run, and its folder or None.
    clock : Clock
        The timer, and the time of day that goes with it.
    tapes : Tapes
        Where hits and other events are noted.
    current : ContextVar
        The operation that the caller is in, or the tape of its thread or operation.
    address : str
        What workers call this recorder by.

    Notes
    -----
    Thread-safe. Rows past the memory budget leave memory, oldest first: they are read back from the run folder, or
    counted in `rows_dropped` where there is none. A thread brings new rows into the run folder every
    `flush_interval_s`, so that a program that dies loses no more than that. If the folder fails later, recording goes
    on in memory and one warning says so. After a fork the child's recorder starts empty and without a folder.
    """

    def __init__(
        self,
        run_dir: Path | None = None,
        settings: RecordSettings | None = None,
        *,
        info: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        stream: str | None = None,
    ) -> None:
        self.run_id = run_id or uuid.uuid4().hex[:12]
        self.run_dir = run_dir
        self.frames = Frames(self.rows, by_column=self.columns, facts=self._facts, sizes=self._size)
        self.clock = Clock()
        self._settings = settings or RecordSettings()
        self.tapes = Tapes(self.clock.timer, self._settings.timestamps, stream)
        self.current = self.tapes.current
        self._chunk_rows = self._settings.chunk_rows
        self._note_on(self.current, Tape, self.tapes.stride, self._chunk_rows)
        budget = self._settings.memory_budget_bytes
        self._raw_rows = max(self._chunk_rows, min(RAW_ROWS, budget // (_RAW_SHARE * _RAW_BYTES)))
        self._raw_operations = max(self._chunk_rows, budget // (_RAW_SHARE * _OPERATION_BYTES))
        self._gathered = {frame: Gathered(frame) for frame in FRAMES if frame != "accesses"}
        self._gathered["operations"] = Operations(self.run_id, self.clock)
        self._operations = self._gathered["operations"].rows
        accesses = Accesses(self.tapes, self.clock, self.run_id, self._settings.sample_ratio)
        sources: dict[str, Source] = {**self._gathered, "accesses": accesses}
        sources = {frame: sources[frame] for frame in FRAMES}
        self._logs = Logs(sources, self.clock.anchor, budget - budget // _RAW_SHARE, self.flush)
        self._local = threading.local()
        self._running: RunningFolder | None = None  # its thread may ask for it before there is one
        if run_dir is not None:
            self._running = self._start(run_dir, info or {})
        self._ring = None if self._running is None else self._running.ring
        if self._ring is not None:
            self.begin = self._ring.began
        self.address = uuid.uuid4().hex
        remote.enter(self)

    def _access_slowly(self, *facts: Any) -> None:
        """Note an event whose context may have no tape so far, and make that."""
        if self.tapes.event(*facts) >= self._chunk_rows:
            self.cut()

    @property
    def tape_rows(self) -> int:
        """Rows that a tape may hold before `cut`."""
        return self._chunk_rows

    def follow(self, holds: Callable[[Any], bool], most: int = 1) -> Callable[[], list[list[Any]]]:
        """Return a function that returns the hits in the first tier since its last call: lists of entries, in order.

        Those of entries that `holds` says no to may be left out, and all but the last `most` of an entry.
        """
        return functools.partial(self.tapes.pull, self.tapes.follow(holds, most))

    def cut(self) -> bool:
        """Take the rows off the tape of the caller; return whether they were so many that they became columns.

        Otherwise they do so when somebody looks or when they go to the run folder, and not while the program waits.
        """
        self.tapes.cut(self.tapes.tape())
        if self.tapes.rows < self._raw_rows:
            return False
        self._logs.seal("accesses", wait=False)  # the caller may hold a cache's lock
        return True

    def settle(self, wait: bool = True) -> None:
        """Turn all rows of `accesses` into columns, so that none of them holds on to a cached value any more.

        Who holds a lock of a cache must not `wait` for a thread that does so already: printing a key, it may need it.
        """
        self._logs.seal("accesses", wait)

    def add(self, frame: str, **values: object) -> None:
        """Record one row of a low-rate frame; a column that is not named is a missing value.

        Raises
        ------
        TypeError
            If there is no such frame or column.
        """
        if frame not in self._gathered:
            raise TypeError(f"there is no frame {frame!r} to add to; there are {', '.join(self._gathered)}")
        if not _KNOWN[frame].issuperset(values):
            unknown = min(set(values) - _KNOWN[frame])
            raise TypeError(f"the frame {frame!r} has no column {unknown!r}; it has {', '.join(_NAMES[frame])}")
        if frame == "events" and self._ring is not None:
            self._ring.write("event", str(values.get("name")))
        rows = self._gathered[frame].rows
        rows.append((self.run_id, time.time_ns(), *(_told(name, values.get(name)) for name in _NAMES[frame])))
        if len(rows) >= self._chunk_rows:
            self._logs.seal(frame)

    def operation(self, name: str, key: object = None) -> Operation:
        """Return a context, or a decorator, that records what runs inside it as one operation, also if it raises."""
        return Operation(name, key, self)

    begin: Callable[[Operation], None] | None = None
    digest_as = "recorder"

    def finish(self, operation: Operation) -> None:
        """Record an operation that has ended."""
        try:
            operation.stream = self._local.stream
        except AttributeError:
            operation.stream = self._local.stream = self.tapes.stream or threading.current_thread().name
        if operation.tape is not None:
            self.tapes.finish(operation)
        if self._ring is not None:
            self._ring.ended(operation)
        rows = self._operations
        rows.append(operation)
        if len(rows) >= self._raw_operations:
            self._logs.seal("operations")

    def record_operation(
        self,
        name: str,
        duration_s: float,
        *,
        key: object = None,
        cache_hit: bool | None = None,
        nbytes: int | None = None,
        error: BaseException | str | None = None,
        related_keys: Iterable[object] = (),
    ) -> None:
        """Record an operation that the caller timed itself and that ends now.

        With an `error` it failed. Related keys that are a text are one key. What can be no duration, such as one below
        zero, is a missing value.
        """
        operation = Operation(name, key, self)
        operation.cache_hit, operation.nbytes = cache_hit, nbytes
        operation.fail(error)
        operation.related_keys = (related_keys,) if isinstance(related_keys, str | bytes) else tuple(related_keys)
        operation.end_after(duration_s)
        self.finish(operation)

    def absorb(self, tables: Mapping[str, pa.Table]) -> None:
        """Add the rows of another run; they keep their own run_id and time."""
        self._logs.absorb(tables)

    def take(self, frame: str) -> Taken:
        """Remove and return the rows of a frame that are in memory: they go to that which this one stands for."""
        return self._logs[frame].take(self._chunk_rows)

    def receive(self, frame: str, taken: Taken) -> None:
        """Add rows of a frame that were taken from a recorder that stands for this one, as they are."""
        self._logs.receive(frame, taken)
        if taken.loose:
            rows = self._gathered[frame].rows
            rows.extend(taken.loose)
            if len(rows) >= self._chunk_rows:
                self._logs.seal(frame)

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Travel to a worker inside a closure: there another recorder stands for this one, and its rows come here."""
        return remote.arrive, (type(self), self.address, self.run_id, self._settings)

    def rows(self, frame: str, columns: Sequence[str] | None = None, where: Where | None = None) -> pa.Table:
        """Return the rows of a frame that are not dropped, or some of them, as an Arrow table in order of time."""
        return self._logs.read(frame, lambda sources: gather(frame, sources, columns, where))

    def columns(self, frame: str, make: Make[Made]) -> dict[str, Made]:
        """Return what `make` makes of each column of the same rows; see `by_column.by_column`."""
        return self._logs.read(frame, lambda sources: by_column(frame, sources, make))

    def totals(self) -> Mapping[object, int]:
        """Return how often each event of `accesses` was recorded; no columns are made for it, dropped rows count."""
        return self.tapes.counts() + self._logs.events

    def last(self, frame: str) -> dict[str, Any]:
        """Return the row of a low-rate frame that was recorded last, as a mapping; nothing before the first."""
        row = self._gathered[frame].last()
        return {} if row is None else dict(zip(_NAMES[frame], row[2:], strict=True))

    def newest(self, frame: str, most: int) -> dict[str, Sequence[Any]]:
        """Return the newest rows of a low-rate frame that are no typed columns yet, at most so many, by column.

        `t` is in nanoseconds since 1970 (UTC). It is for who looks every second, and sees some of many rows.
        """
        found = self._gathered[frame].newest(most)
        return dict(zip(("run_id", "t", *_NAMES[frame]), found, strict=False))

    def save_flight(self, warning: str) -> Path | None:
        """Note a warning in the flight ring and bring all rows into the run folder; return the ring, if there is one.

        Should the program be killed after that, its run tells all that happened up to here.
        """
        if self._ring is None:
            return None
        self._ring.write("warning", warning)
        self.flush()
        return self._ring.path

    @property
    def sample_ratio(self) -> float:
        """Share of the keys whose accesses are recorded."""
        return self._settings.sample_ratio

    @property
    def rows_dropped(self) -> int:
        """Rows that left memory and are in no run folder."""
        return self._logs.dropped

    def note(self, **facts: Any) -> None:
        """Add facts to the run's `run.json`, if there is one."""
        if self._running is not None:
            self._running.use(lambda folder: folder.update(**facts))

    def change_folder(self, change: Callable[[RunFolder], object]) -> None:
        """Have the run folder changed, if there is one: how a disk that fails is caused on purpose."""
        if self._running is not None:
            self._running.use(change)

    def flush(self) -> None:
        """Bring all rows into the run folder, if there is one."""
        if self._running is not None:
            self._running.use(self._logs.store)

    def close(self, status: str = "finished") -> None:
        """Finish the run folder; a second call does nothing. `status`: finished, cancelled or failed.

        Rows that are recorded after it began stay in memory.
        """
        if self._running is not None:
            self._running.finish(lambda folder: self._logs.finish(folder, status))

    def forget(self) -> None:
        """Start with no rows and no folder: this process was forked, and both are its parent's."""
        self.tapes.stream = remote.stream_here()
        self.tapes.forget()
        for gathered in self._gathered.values():
            gathered.forget()
        self._logs.forget()
        self._operations = self._gathered["operations"].rows
        self._local = threading.local()
        self._running = self._ring = self.begin = None

    def _start(self, run_dir: Path, info: Mapping[str, Any]) -> RunningFolder:
        facts = {"run_id": self.run_id, "started": _now(), "pid": os.getpid(), **info}
        return RunningFolder(run_dir, facts, self.flush, self._settings.flush_interval_s, self._lose)

    def _lose(self, reason: str) -> None:
        self.add("events", name=LOST, payload=json.dumps({"reason": reason}))

    def _facts(self, frame: str) -> dict[str, Any]:
        ratio = self.sample_ratio if frame == "accesses" else 1.0
        return {"rows_dropped": self._logs[frame].dropped, "sample_ratio": ratio}

    def _size(self, frame: str) -> tuple[int, int]:
        return self._logs[frame].size()


def _told(name: str, value: object) -> object:
    return redacted(value) if name in _TELLING and isinstance(value, str) else value


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
