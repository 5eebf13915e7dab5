"""A function over the chunks of a file, computed only where the file changed.

In: a path, a function of one chunk, a cache, workers. Out: the results in the file's order, and a row a chunk in the
frame `chunks`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Generic, Literal, Protocol, TypeVar

from perflab.chunk.chunk import Chunk
from perflab.chunk.job import Job
from perflab.chunk.slots import ChunkCache, Rows, Slots
from perflab.chunk.stream import chunks as chunks_of
from perflab.errors import ConfigError

__all__ = ["ChunkWorkers", "FileResult", "process_file"]

Value = TypeVar("Value")


class ChunkWorkers(Protocol):
    """What is asked of workers: results in order, a bounded number of items in flight."""

    def map(self, fn: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]: ...


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


def process_file(
    path: str | PurePath,
    fn: Callable[[Chunk], Value],
    *,
    cache: ChunkCache,
    workers: ChunkWorkers,
    recorder: Rows | None = None,
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
        Any objects with `get` and `set`, with `map`, with `add`; without a recorder nothing is recorded.
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
    rows = _silent() if recorder is None else recorder
    slots = Slots(cache, rows, operation or _name(fn), code_digest or _code_digest(fn), key, errors == "raise")
    source = chunks_of(
        path,
        language=language,
        max_bytes=max_bytes,
        window_bytes=window_bytes,
        timeout_s=timeout_s,
        note=notes.append,
    )
    began = timer()
    for outcome in workers.map(Job(fn, timer, os.getpid()), slots.todo(source)):
        slots.finish(outcome)
    slots.settle_twins()
    for sentence in notes:
        rows.add("events", name="chunk_fallback", payload=json.dumps({"path": str(path), "reason": sentence}))
    if errors == "raise" and slots.first_error is not None:
        raise slots.first_error
    return _result(str(path), slots, timer() - began, tuple(notes))


def _result(path: str, slots: Slots, duration_s: float, notes: tuple[str, ...]) -> FileResult[Any]:
    """Return the values in the file's order."""
    states = [slot.status for slot in slots]
    return FileResult(
        path=path,
        results=tuple(slot.value for slot in slots),
        chunks=tuple(slot.chunk for slot in slots),
        processed=states.count("processed"),
        reused=states.count("reused"),
        failed=states.count("failed"),
        duration_s=duration_s,
        nbytes=sum(len(slot.chunk) for slot in slots),
        errors=tuple(slot.error for slot in slots if slot.error is not None and slot.twin is slot),
        notes=notes,
    )


def _code_digest(fn: Callable[..., object]) -> str:
    from perflab.cache import callable_digest

    return callable_digest(fn)


def _name(fn: Callable[..., object]) -> str:
    return getattr(fn, "__qualname__", type(fn).__qualname__)


def _silent() -> Rows:
    # Not imported with the module, which workers load too: settings and all, it takes half of their start.
    from perflab.record import NULL_RECORDER

    return NULL_RECORDER
