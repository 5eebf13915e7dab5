"""A function over the chunks of a file, computed only where the file changed.

In: a path, a function of one chunk, a cache, workers. Out: the results in the file's order, and a row a chunk in the
frame `chunks`.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Generic, Literal, Protocol, TypeVar

from perflab.chunk.chunk import Chunk, digest_of
from perflab.chunk.grammar import chunker_version
from perflab.chunk.job import Job, Outcome
from perflab.chunk.stream import chunks as chunks_of
from perflab.errors import ConfigError, StoreError
from perflab.record import NULL_RECORDER

__all__ = ["ChunkCache", "ChunkWorkers", "FileResult", "Rows", "process_file"]

Value = TypeVar("Value")
_MISSING = object()


class ChunkCache(Protocol):
    """What is asked of a cache; any tier of perflab has it."""

    def get(self, key: Any, default: Any = None) -> Any: ...

    def set(self, key: Any, value: Any) -> object: ...


class ChunkWorkers(Protocol):
    """What is asked of workers: results in order, a bounded number of items in flight."""

    def map(self, fn: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]: ...


class Rows(Protocol):
    """What is asked of a recorder."""

    def add(self, frame: str, **values: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class FileResult(Generic[Value]):
    """What `process_file` computed.

    Attributes
    ----------
    results
        One value a chunk, in the file's order; None where the function failed.
    chunks
        The chunks, with their bytes.
    processed, reused, failed
        How many chunks were computed in this call, found in the cache or equal to an earlier chunk of the file, and
        not computed because the function raised. Together they are all chunks.
    errors
        What the function raised, in the file's order.
    notes
        One sentence for whatever kept the file's grammar from being used as it should.
    """

    path: str
    results: tuple[Value | None, ...]
    chunks: tuple[Chunk, ...]
    processed: int
    reused: int
    failed: int
    duration_s: float
    nbytes: int
    errors: tuple[BaseException, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Slot:
    """A chunk on its way to its result."""

    chunk: Chunk
    key: Any
    status: Literal["pending", "processed", "reused", "failed"] = "pending"
    value: Any = None
    twin: _Slot | None = None
    error: BaseException | None = None


def process_file(
    path: str | PurePath,
    fn: Callable[[Chunk], Value],
    *,
    cache: ChunkCache,
    workers: ChunkWorkers,
    recorder: Rows = NULL_RECORDER,
    operation: str | None = None,
    errors: Literal["raise", "collect"] = "raise",
    key: Callable[[Chunk], object] | None = None,
    code_digest: str | None = None,
    language: str | None = None,
    max_bytes: int = 2000,
    window_bytes: int = 524_288,
    timeout_s: float = 5.0,
    timer: Callable[[], float] = time.perf_counter,
) -> FileResult[Value]:
    """Compute a function of every chunk of a file; chunks that the cache knows are not computed again.

    Parameters
    ----------
    path
        The file.
    fn
        Called with a `Chunk`, in a worker. Its value may depend on the chunk's bytes, kind, name, parents and language,
        and not on where the chunk lies: a chunk that only moved is not computed again. It should be a value that the
        cache can store.
    cache, workers, recorder
        Any objects with `get` and `set`, with `map`, with `add`.
    operation
        Name under which results are cached and recorded; by default the function's own.
    errors
        `raise`: the first exception of `fn` is raised, with a note that names the chunk. Work in flight is finished
        and cached before. `collect`: every chunk is tried, and the errors are in the result.
    key
        For a function that looks at more than the above: what else its value depends on, as JSON-able text or numbers,
        such as `lambda chunk: (chunk.path, chunk.start_line)`.
    code_digest
        Digest of the function's code, by default that of its source, closure and defaults. Results of other code are
        not reused.
    language, max_bytes, window_bytes, timeout_s
        As for `split`.
    timer
        A clock in seconds; it runs in the workers too.

    Raises
    ------
    SourceError
        If the file is missing, unreadable or no regular file.
    ConfigError
        If `errors` is neither `raise` nor `collect`.

    Notes
    -----
    The chunks are kept in the result, so that memory grows with the file; `chunks` alone runs in bounded memory.
    """
    if errors not in ("raise", "collect"):
        raise ConfigError(f"errors is {errors!r}; it must be 'raise' or 'collect'")
    notes: list[str] = []
    run = _Run(cache, recorder, operation or _name(fn), code_digest or _code_digest(fn), key, errors == "raise")
    source = chunks_of(
        path,
        language=language,
        max_bytes=max_bytes,
        window_bytes=window_bytes,
        timeout_s=timeout_s,
        note=notes.append,
    )
    began = timer()
    for outcome in workers.map(Job(fn, timer, os.getpid()), run.todo(source)):
        run.finish(outcome)
    run.settle_twins()
    run.record_notes(str(path), notes)
    if errors == "raise" and run.first_error is not None:
        raise run.first_error
    return run.result(str(path), timer() - began, tuple(notes))


class _Run:
    """The state of one call: every chunk's slot, and the queue of those that workers have."""

    def __init__(
        self,
        cache: ChunkCache,
        recorder: Rows,
        operation: str,
        code_digest: str,
        key: Callable[[Chunk], object] | None,
        stop_at_error: bool,
    ) -> None:
        self.first_error: BaseException | None = None
        self._cache = cache
        self._recorder = recorder
        self._operation = operation
        self._code_digest = code_digest
        self._key = key
        self._stop_at_error = stop_at_error
        self._slots: list[_Slot] = []
        self._by_key: dict[Any, _Slot] = {}
        self._queue: deque[_Slot] = deque()
        self._warned = False

    def todo(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Yield the chunks that must be computed; give the others their value at once."""
        for chunk in chunks:
            if self._stop_at_error and self.first_error is not None:
                return
            slot = _Slot(chunk, self._cache_key(chunk))
            slot.twin = self._by_key.setdefault(slot.key, slot)
            self._slots.append(slot)
            if slot.twin is not slot:
                continue
            slot.value = self._cache.get(slot.key, _MISSING)
            if slot.value is _MISSING:
                self._queue.append(slot)
                yield chunk
            else:
                self._settle(slot, "reused")

    def finish(self, outcome: Outcome) -> None:
        """Take the next result, in the order of `todo`: store it before anything else can go wrong."""
        slot = self._queue.popleft()
        if outcome.error is None:
            slot.value = outcome.value
            self._store(slot)
            self._settle(slot, "processed", outcome)
            return
        slot.value, slot.error = None, outcome.error
        slot.error.add_note(_where(slot.chunk))
        if not outcome.is_home:
            slot.error.add_note(f"in process {outcome.pid}:\n{outcome.trace}")
        self.first_error = self.first_error or slot.error
        self._settle(slot, "failed", outcome)

    def settle_twins(self) -> None:
        """Give chunks that are equal to an earlier one of the file what that one got."""
        for slot in self._slots:
            twin = slot.twin
            if twin is None or twin is slot or slot.status != "pending":
                continue
            slot.value, slot.error = twin.value, twin.error
            self._settle(slot, "failed" if twin.status == "failed" else "reused")

    def record_notes(self, path: str, notes: Iterable[str]) -> None:
        """Record each note as an event."""
        for sentence in notes:
            self._recorder.add("events", name="chunk_fallback", payload=json.dumps({"path": path, "reason": sentence}))

    def result(self, path: str, duration_s: float, notes: tuple[str, ...]) -> FileResult[Any]:
        """Return the values in the file's order."""
        states = [slot.status for slot in self._slots]
        return FileResult(
            path=path,
            results=tuple(slot.value for slot in self._slots),
            chunks=tuple(slot.chunk for slot in self._slots),
            processed=states.count("processed"),
            reused=states.count("reused"),
            failed=states.count("failed"),
            duration_s=duration_s,
            nbytes=sum(len(slot.chunk) for slot in self._slots),
            errors=tuple(slot.error for slot in self._slots if slot.error is not None and slot.twin is slot),
            notes=notes,
        )

    def _cache_key(self, chunk: Chunk) -> tuple[str, str, str]:
        """Return the operation, the code's digest, and the digest of all that the function may look at.

        The parsers' versions are part of it: the digest of a function does not cover what it calls in other modules.
        """
        extra = None if self._key is None else self._key(chunk)
        seen = (chunker_version(), chunk.digest, chunk.language, chunk.kind, chunk.name, chunk.parents, extra)
        return self._operation, self._code_digest, digest_of(repr(seen).encode("utf-8", "surrogatepass"))

    def _store(self, slot: _Slot) -> None:
        try:
            self._cache.set(slot.key, slot.value)
        except StoreError as error:
            if not self._warned:
                self._warned = True
                text = f"results of {self._operation!r} are not cached: {error}"
                warnings.warn(text, RuntimeWarning, stacklevel=4)

    def _settle(
        self, slot: _Slot, status: Literal["processed", "reused", "failed"], outcome: Outcome | None = None
    ) -> None:
        slot.status = status
        chunk = slot.chunk
        measured: dict[str, Any] = {}
        if outcome is not None:
            measured = {"duration_s": outcome.duration_s, "stream": outcome.stream}
        if slot.error is not None:
            measured["error"] = f"{type(slot.error).__name__}: {slot.error}"
        self._recorder.add(
            "chunks",
            path=chunk.path,
            start=chunk.start,
            stop=chunk.stop,
            start_line=chunk.start_line,
            end_line=chunk.end_line,
            kind=chunk.kind,
            name=chunk.name,
            digest=chunk.digest,
            operation=self._operation,
            status=status,
            **measured,
        )


def _code_digest(fn: Callable[..., object]) -> str:
    from perflab.cache.memoize import callable_digest

    return callable_digest(fn)


def _name(fn: Callable[..., object]) -> str:
    return getattr(fn, "__qualname__", type(fn).__qualname__)


def _where(chunk: Chunk) -> str:
    name = f", {chunk.kind} {chunk.name}" if chunk.name else ""
    return f"while processing {chunk.path}, lines {chunk.start_line} to {chunk.end_line}{name}"
