"""The recorder: one append for each thing that happens.

In: accesses, operations and rows of the low-rate frames. Out: `recorder.frames`, and a run folder if one is asked for.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.config import RecordSettings
from perflab.record.arrow import as_text, empty_table
from perflab.record.frames import FRAMES, columns
from perflab.record.log import Log
from perflab.record.operation import Operation, current_operation
from perflab.record.store import RunFolder
from perflab.record.view import Frames

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NULL_RECORDER", "Recorder"]

_NAMES = {frame: tuple(column.name for column in columns(frame))[2:] for frame in FRAMES}


class Recorder:
    """Records rows in memory and, if it has a run folder, on disk.

    Parameters
    ----------
    run_dir
        Folder of the run, or None to keep rows in memory alone.
    settings
        Memory budget and rows a piece.
    info
        Facts for `run.json`, JSON-able.
    run_id
        Name of the run; by default a new one.

    Raises
    ------
    RunError
        If the run folder cannot be used.

    Notes
    -----
    Thread-safe. Rows past the memory budget leave memory, oldest first: they are read back from the run folder, or
    counted in `rows_dropped` where there is none. A thread brings new rows into the run folder every
    `flush_interval_s`, so that a program that dies loses no more than that. If the folder fails later, recording goes
    on in memory and one warning says so.
    """

    def __init__(
        self,
        run_dir: Path | None = None,
        settings: RecordSettings | None = None,
        *,
        info: Mapping[str, Any] | None = None,
        run_id: str | None = None,
    ) -> None:
        self.run_id = run_id or uuid.uuid4().hex[:12]
        self.run_dir = run_dir
        self.frames = Frames(self.rows)
        self._settings = settings or RecordSettings()
        self._logs = {frame: Log(frame, "event" if frame == "accesses" else None) for frame in FRAMES}
        self._local = threading.local()
        self._pid = os.getpid()
        facts = {"run_id": self.run_id, "started": _now(), "pid": self._pid, **(info or {})}
        self._folder = None if run_dir is None else RunFolder(run_dir, facts)
        self._closing = threading.Event()
        self._flusher = None if run_dir is None else self._start_flusher()

    def access(
        self,
        key: object,
        event: str,
        tier: str | None = None,
        nbytes: int | None = None,
        duration_s: float | None = None,
        reason: str | None = None,
    ) -> None:
        """Record one cache event; `event` is one of `frames.ACCESS_EVENTS`."""
        operation = current_operation()
        name, number = (None, None) if operation is None else (operation.name, operation.number)
        stream = self._stream()
        log = self._logs["accesses"]
        log.rows.append(
            (self.run_id, time.time_ns(), key, event, tier, nbytes, duration_s, name, number, stream, reason)
        )
        if len(log.rows) >= self._settings.chunk_rows:
            self._seal(log)

    def add(self, frame: str, **values: object) -> None:
        """Record one row of a low-rate frame; a column that is not named is a missing value.

        Raises
        ------
        TypeError
            If there is no such frame or column.
        """
        if frame not in _NAMES:
            raise TypeError(f"there is no frame {frame!r}; the frames are {', '.join(FRAMES)}")
        unknown = set(values) - set(_NAMES[frame])
        if unknown:
            raise TypeError(f"the frame {frame!r} has no column {min(unknown)!r}; it has {', '.join(_NAMES[frame])}")
        log = self._logs[frame]
        log.rows.append((self.run_id, time.time_ns(), *(values.get(name) for name in _NAMES[frame])))
        if len(log.rows) >= self._settings.chunk_rows:
            self._seal(log)

    def operation(self, name: str, key: object = None) -> Operation:
        """Return a context that records what runs inside it as one operation, also if it raises."""
        return Operation(name, key, self._finish_operation)

    def record_operation(
        self,
        name: str,
        duration_s: float,
        *,
        key: object = None,
        cache_hit: bool | None = None,
        nbytes: int | None = None,
        error: str | None = None,
        related_keys: Iterable[object] = (),
    ) -> None:
        """Record an operation that the caller timed itself."""
        operation = Operation(name, key, self._finish_operation)
        enclosing = current_operation()
        operation.parent = None if enclosing is None else enclosing.number
        operation.duration_s, operation.cache_hit, operation.nbytes = duration_s, cache_hit, nbytes
        operation.error, operation.related_keys = error, tuple(related_keys)
        self._finish_operation(operation)

    def absorb(self, tables: Mapping[str, pa.Table]) -> None:
        """Add the rows of another run; they keep their own run_id and time."""
        for frame, table in tables.items():
            self._logs[frame].absorb(table)
        self._keep_budget()

    def rows(self, frame: str) -> pa.Table:
        """Return all rows of a frame that are not dropped, as an Arrow table."""
        import pyarrow as pa

        return pa.concat_tables([empty_table(frame), *self._logs[frame].read()])

    def totals(self) -> Mapping[object, int]:
        """Return how often each event of `accesses` was recorded; no columns are made for it, dropped rows count."""
        return self._logs["accesses"].counts()

    def last(self, frame: str) -> dict[str, Any]:
        """Return the row of a frame that was recorded last, as a mapping; nothing before the first."""
        row = self._logs[frame].last()
        return {} if row is None else dict(zip(_NAMES[frame], row[2:], strict=True))

    @property
    def rows_dropped(self) -> int:
        """Rows that left memory and are in no run folder."""
        return sum(log.dropped for log in self._logs.values())

    def note(self, **facts: Any) -> None:
        """Add facts to the run's `run.json`, if there is one."""
        self._on_disk(lambda folder: folder.update(**facts))

    def flush(self) -> None:
        """Bring all rows into the run folder, if there is one."""
        self._on_disk(self._store_all)

    def close(self, status: str = "finished") -> None:
        """Finish the run folder; a second call does nothing. `status`: finished, cancelled or failed.

        Rows that are recorded after it began stay in memory.
        """
        folder, self._folder = self._folder, None
        if folder is None or os.getpid() != self._pid:
            return
        self._stop_flusher()
        try:
            handed = {frame: log.hand_over() for frame, log in self._logs.items()}
            tables = {frame: [piece.read() for piece in pieces] for frame, pieces in handed.items()}
            files = folder.finish(tables, status=status, finished=_now(), rows_dropped=self.rows_dropped)
            for frame, log in self._logs.items():
                log.moved(handed[frame], files[frame])
        except OSError as error:
            _warn(folder.path, error)
        finally:
            folder.release()

    def _start_flusher(self) -> threading.Thread:
        thread = threading.Thread(target=self._flush_now_and_then, name="perflab-recorder", daemon=True)
        thread.start()
        return thread

    def _flush_now_and_then(self) -> None:
        while not self._closing.wait(self._settings.flush_interval_s):
            self.flush()

    def _stop_flusher(self) -> None:
        self._closing.set()
        if self._flusher is not None and self._flusher is not threading.current_thread():
            self._flusher.join()

    def _finish_operation(self, operation: Operation) -> None:
        related = [as_text(key) for key in operation.related_keys]
        self.add(
            "operations",
            operation_id=operation.number,
            parent_id=operation.parent,
            name=operation.name,
            key=operation.key,
            duration_s=operation.duration_s,
            nbytes=operation.nbytes,
            ok=operation.error is None,
            error=operation.error,
            cache_hit=operation.cache_hit,
            related_keys=json.dumps(related) if related else None,
            stream=self._stream(),
        )

    def _stream(self) -> str:
        try:
            return str(self._local.stream)
        except AttributeError:
            self._local.stream = threading.current_thread().name
            return str(self._local.stream)

    def _store_all(self, folder: RunFolder) -> None:
        for log in self._logs.values():
            log.store(folder.write)

    def _seal(self, log: Log) -> None:
        log.seal()
        self._keep_budget()

    def _keep_budget(self) -> None:
        over = sum(log.nbytes for log in self._logs.values()) - self._settings.memory_budget_bytes
        if over <= 0:
            return
        self.flush()
        while over > 0:
            largest = max(self._logs.values(), key=lambda log: log.nbytes)
            over -= max(1, largest.let_go())

    def _on_disk(self, action: Callable[[RunFolder], None]) -> None:
        folder = self._folder
        if folder is None or os.getpid() != self._pid:
            return
        try:
            action(folder)
        except OSError as error:
            self._folder = None
            folder.release()
            _warn(folder.path, error)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def _warn(path: Path, error: OSError) -> None:
    warnings.warn(
        f"The run folder {str(path)!r} cannot be written ({error.strerror or error}); recording goes on in memory.",
        RuntimeWarning,
        stacklevel=4,
    )


class _NullRecorder(Recorder):
    """Keeps nothing; for components that are used on their own."""

    def access(self, *values: object, **named: object) -> None:
        """Forget the event."""

    def add(self, frame: str, **values: object) -> None:
        """Forget the row."""

    def absorb(self, tables: Mapping[str, pa.Table]) -> None:
        """Forget the rows."""


NULL_RECORDER: Recorder = _NullRecorder(run_id="none")
