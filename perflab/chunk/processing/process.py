"""A function over the chunks of a file, computed only where the file changed.

In: a path, a function of one chunk, a cache, workers. Out: values, counts and times of the whole file.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar

from perflab.chunk.chunk import Chunk
from perflab.chunk.processing.kept import ChunkCache
from perflab.chunk.processing.result import FileResult
from perflab.chunk.processing.slots import Rows
from perflab.chunk.processing.work import ChunkWork, ChunkWorkers
from perflab.chunk.reading.source import SourceLike
from perflab.chunk.reading.stream import At

__all__ = ["process_file"]

Value = TypeVar("Value")


def process_file(
    source: SourceLike,
    fn: Callable[[Chunk], Value],
    *,
    cache: ChunkCache,
    workers: ChunkWorkers,
    recorder: Rows | None = None,
    operation: str | None = None,
    errors: Literal["raise", "collect"] = "raise",
    key: Callable[[Chunk], object] | None = None,
    code_digest: str | None = None,
    at: At | None = None,
    language: str | None = None,
    max_bytes: int = 2000,
    window_bytes: int = 524_288,
    timeout_s: float = 5.0,
    cancel: threading.Event | None = None,
    join: Callable[[Iterator[Value]], Any] | None = None,
    output: str | os.PathLike[str] | None = None,
    timer: Callable[[], float] = time.perf_counter,
) -> FileResult[Value]:
    """Compute a function of every chunk of a file; chunks that the cache knows are not computed again.

    Parameters
    ----------
    source
        A path, an fsspec URL, or an open binary file such as a pipe.
    fn
        Called with a `Chunk`, in a worker. Its value may depend on the chunk's bytes, kind, name, parents and language,
        and not on where the chunk lies: a chunk that only moved is not computed again. It should be a value that the
        cache can store.
    cache, workers, recorder
        Any objects with `get` and `set`, with `map` and `submit`, with `add`; without a recorder nothing is recorded.
    operation
        Name under which results are cached and recorded; by default the function's own.
    errors
        `raise`: the first exception of `fn` is raised, with a note that names the chunk. Work in flight is finished
        and cached before. `collect`: every chunk is tried, and the errors are in the result; so is the chunk that
        kills its worker.
    key
        For a function that looks at more than the above: what else its value depends on, as JSON-able text or numbers,
        such as `lambda chunk: (chunk.path, chunk.start_line)`.
    code_digest
        Digest of the function's code, by default that of its source, closure and defaults. Results of other code are
        not reused.
    at
        Cut without a grammar, as `stream` does: at `line` or `section`.
    language, max_bytes, window_bytes, timeout_s
        As for `split`.
    cancel
        Once this is set, by another thread, no further chunk is begun.
    join
        Called with an iterator of the values in the file's order, such as `sum` or `b"".join`; what it returns is the
        result's `joined`. Values of failed chunks are left out. Neither values nor chunks are kept then.
    output
        A file that the values, bytes or text, are written to, in order; it appears as a whole, or not at all. A chunk
        that failed is written as it was.
    timer
        A clock in seconds; it runs in the workers too.

    Raises
    ------
    SourceError
        If the file is missing, unreadable or no regular file, or the output cannot be written.
    ConfigError
        If `errors` is neither `raise` nor `collect`.
    CancelledError
        If it was cancelled.

    Notes
    -----
    Without `join` and `output` memory grows with the number of chunks, by half a kilobyte each beside the values.
    """
    work = ChunkWork(
        fn,
        cache,
        workers,
        recorder,
        operation,
        errors,
        key,
        code_digest,
        at,
        language,
        max_bytes,
        window_bytes,
        timeout_s,
        cancel,
        timer=timer,
    )
    return work.file(source, join=join, output=output)
