"""A function of chunks on its way over a file: what is looked up, what is handed out, what a killed worker costs.

In: a source, a function of one chunk, a cache, workers. Out: the results in the file's order, and a row a chunk in the
frame `chunks`.
"""

from __future__ import annotations

import json
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

from perflab.chunk.chunk import Chunk
from perflab.chunk.processing.cutting import Cut, Layouts
from perflab.chunk.processing.job import Job, Outcome
from perflab.chunk.processing.kept import ChunkCache
from perflab.chunk.processing.output import write_values
from perflab.chunk.processing.result import ChunkResult, FileResult, Tally, without_bytes
from perflab.chunk.processing.slots import Rows, Slot, Slots, where
from perflab.chunk.reading.source import SourceLike, opened, shown
from perflab.chunk.reading.stream import At, stream, tell_change
from perflab.chunk.splitting.split import Splitter
from perflab.errors import ConfigError
from perflab.parallel import Ready

__all__ = ["ChunkWork", "ChunkWorkers", "digest_of_code"]

Value = TypeVar("Value")


class ChunkWorkers(Protocol):
    """What is asked of workers; `perflab.parallel.Workers` has it.

    `map` yields results in order, with a bounded number of items in flight, and of items that are `Ready` the value.
    """

    @property
    def workers(self) -> int: ...

    def map(
        self, fn: Callable[[Any], Any], items: Iterable[Any], *, weight: Callable[[Any], float] | None = None
    ) -> Iterator[Any]: ...

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]: ...


@dataclass(frozen=True, slots=True)
class ChunkWork(Generic[Value]):
    """A function of chunks, with all that decides how it is computed over a file; see `process_file`."""

    fn: Callable[[Chunk], Value]
    cache: ChunkCache
    workers: ChunkWorkers
    recorder: Rows | None = None
    operation: str | None = None
    errors: Literal["raise", "collect"] = "raise"
    key: Callable[[Chunk], object] | None = None
    code_digest: str | None = None
    at: At | None = None
    language: str | None = None
    max_bytes: int = 2000
    window_bytes: int = 524_288
    timeout_s: float = 5.0
    cancel: threading.Event | None = None
    layouts: Layouts | None = None
    timer: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        if self.errors not in ("raise", "collect"):
            raise ConfigError(f"errors is {self.errors!r}; it must be 'raise' or 'collect'")

    def results(self, source: SourceLike) -> Iterator[ChunkResult[Value]]:
        """Yield the result of each chunk, in the file's order, in memory that does not grow with the file.

        An error is raised when the results before it have been yielded and those that workers had begun are cached;
        closing the iterator cancels what has not begun.
        """
        return self._results(source, self._cut(shown(source)))

    def _results(self, source: SourceLike, cut: Cut) -> Iterator[ChunkResult[Value]]:
        slots = self._slots()
        try:
            for outcome in self._outcomes(slots, slots.todo(self._chunks(source, cut))):
                result = slots.finish(outcome)
                if self.errors == "collect" or slots.first_error is None:
                    yield result
        finally:
            slots.flush()
        self._tell(shown(source), cut.notes)
        slots.raise_error()

    def file(
        self,
        source: SourceLike,
        *,
        join: Callable[[Iterator[Value]], Any] | None = None,
        output: str | os.PathLike[str] | None = None,
    ) -> FileResult[Value]:
        """Compute the whole file; `join` and `output` as in `process_file`."""
        began, tally, cut = self.timer(), Tally(), self._cut(shown(source))
        results: Iterator[ChunkResult[Value]] = tally.count(self._results(source, cut))
        values: list[Value | None] = []
        kept: list[Chunk] = []
        joined: Any = None
        if output is not None:
            joined = write_values(output, results)
        elif join is not None:
            joined = _joined(join, results)
        else:
            for result in results:
                values.append(result.value)
                kept.append(without_bytes(result.chunk))
        return FileResult(
            path=shown(source),
            results=tuple(values),
            chunks=tuple(kept),
            processed=tally.processed,
            reused=tally.reused,
            failed=tally.failed,
            duration_s=self.timer() - began,
            nbytes=tally.nbytes,
            errors=tuple(tally.errors),
            notes=tuple(cut.notes),
            busy_s=tally.busy_s,
            workers=self.workers.workers,
            changes=cut.changes,
            joined=joined,
        )

    def _slots(self) -> Slots:
        return Slots(
            self.cache,
            _silent() if self.recorder is None else self.recorder,
            self.operation or _name(self.fn),
            self.code_digest or digest_of_code(self.fn),
            self.key,
            stop_at_error=self.errors == "raise",
            cancel=self.cancel,
        )

    def _cut(self, name: str) -> Cut:
        splitter = Splitter(
            name,
            self.language,
            max_bytes=self.max_bytes,
            window_bytes=self.window_bytes,
            timeout_s=self.timeout_s,
            note=None,
        )
        return Cut(splitter, self.workers, self.layouts if name else None, [])

    def _chunks(self, source: SourceLike, cut: Cut) -> Iterator[Chunk]:
        if self.at is not None:
            yield from stream(source, at=self.at, max_bytes=self.max_bytes, note=cut.notes.append)
            return
        with opened(source) as opened_source:
            yield from cut.chunks(opened_source)
            tell_change(opened_source, cut.notes.append)

    def _outcomes(self, slots: Slots, todo: Iterator[Chunk | Ready[None]]) -> Iterator[Outcome | None]:
        """Yield what came of each chunk; a worker that is killed costs the chunks that kill it, and no other."""
        job = Job(self.fn, self.timer, os.getpid())
        more = True
        while more:
            try:
                yield from self.workers.map(job, todo, weight=len)
                more = False
            except BrokenExecutor as error:
                if self.errors == "raise":
                    error.add_note(_lost(slots.under_way()))
                    raise
                yield from self._one_by_one(slots, job)

    def _one_by_one(self, slots: Slots, job: Job) -> Iterator[Outcome | None]:
        for slot in slots.under_way():
            if not slot.needs_worker:
                yield None
                continue
            try:
                yield self.workers.submit(job, slot.chunk).result()
            except BrokenExecutor as error:
                yield Outcome(None, error, traceback.format_exc(), 0.0, threading.current_thread().name, os.getpid())

    def _tell(self, path: str, notes: list[str]) -> None:
        if self.recorder is not None:
            for sentence in notes:
                payload = json.dumps({"path": path, "reason": sentence})
                self.recorder.add("events", name="chunk_fallback", payload=payload)


def _joined(join: Callable[[Iterator[Any]], Any], results: Iterator[ChunkResult[Any]]) -> Any:
    joined = join(result.value for result in results if result.status != "failed")
    for _ in results:  # it may have seen enough before the end
        pass
    return joined


def digest_of_code(fn: Callable[..., object]) -> str:
    """Return a digest of what a function does; imported late, since workers load this module too."""
    from perflab.cache import callable_digest

    return callable_digest(fn)


def _lost(slots: list[Slot]) -> str:
    """Return a note on a worker that was killed: where that was, and how to learn which chunk it is."""
    place = where(slots[0].chunk) if slots else "a file"
    return (
        f"while processing {place} or one of {max(len(slots) - 1, 0)} chunks after it; what was finished is in the "
        "cache; call again with errors='collect' to have all others and the name of the chunk that kills its worker"
    )


def _name(fn: Callable[..., object]) -> str:
    return getattr(fn, "__qualname__", type(fn).__qualname__)


def _silent() -> Rows:
    # Not imported with the module, which workers load too: settings and all, it takes half of their start.
    from perflab.record import NULL_RECORDER

    return NULL_RECORDER
