"""Files through chunks, workers and cache, by the config's thresholds.

In: paths and a function of a chunk. Out: results in order, and one `file_optimized` event a file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Literal

from perflab.cache import TieredCache
from perflab.chunk import Chunk, ChunkResult, ChunkWork, FileResult, language_of
from perflab.chunk.processing.cutting import Layouts
from perflab.chunk.reading.source import SourceLike, shown
from perflab.config import Config
from perflab.errors import SourceError
from perflab.events import Events
from perflab.parallel import Workers
from perflab.record import Recorder

__all__ = ["FileWork", "Function", "summary"]

Function = Callable[[Chunk], Any]
_MOST_CHUNKS = 16_384


class _Forgetful:
    """A cache that keeps nothing, for when results of chunks are not to be kept."""

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the default."""
        del key
        return default

    def set(self, key: Any, value: Any) -> bool:
        """Keep nothing."""
        del key, value
        return False


class FileWork:
    """Processes files the way that the config asks for.

    All that it does at once, in worker processes and in the threads that call it, shares `max_parallel_operations`
    permits.
    """

    def __init__(
        self, config: Config, cache: TieredCache, recorder: Recorder, events: Events, executor: Executor | None = None
    ) -> None:
        permits = threading.BoundedSemaphore(config.max_parallel_operations)
        self._tiers = cache
        self.workers = _workers(config, permits, executor)
        self._inline = Workers(1, permits=permits)
        self._recorder = recorder
        self._events = events
        self.use(config)

    def use(self, config: Config) -> None:
        """Go by another config from the next file on; `max_parallel_operations` and what a worker is stay."""
        keeps = config.enable_large_file_optimization
        self._cache: TieredCache | _Forgetful = self._tiers if keeps else _Forgetful()
        self._layouts = Layouts() if keeps else None
        self.workers.resize(config.workers, config.max_parallel_operations)
        self._config = config

    def process(
        self,
        source: SourceLike,
        fn: Function,
        operation: str | None = None,
        *,
        errors: Literal["raise", "collect"] = "raise",
        join: Callable[[Iterator[Any]], Any] | None = None,
        output: str | os.PathLike[str] | None = None,
        cancel: threading.Event | None = None,
    ) -> FileResult[Any]:
        """Process one file: in parallel if it is large, in windows if it is larger."""
        work = self._work(source, fn, operation, errors, cancel)
        with self._recorder.operation("process-file", key=shown(source)) as recorded:
            result: FileResult[Any] = work.file(source, join=join, output=output)
            recorded.nbytes = result.nbytes
        self._events.emit("file_optimized", **summary(result))
        return result

    def results(
        self,
        source: SourceLike,
        fn: Function,
        *,
        errors: Literal["raise", "collect"] = "raise",
        cancel: threading.Event | None = None,
    ) -> Iterator[ChunkResult[Any]]:
        """Yield the result of each chunk of a file, in order."""
        return self._work(source, fn, None, errors, cancel).results(source)

    def _work(
        self,
        source: SourceLike,
        fn: Function,
        operation: str | None,
        errors: Literal["raise", "collect"],
        cancel: threading.Event | None,
    ) -> ChunkWork[Any]:
        settings, nbytes = self._config.chunks, _size(source)
        streamed = nbytes is None or nbytes >= self._config.streaming_threshold_bytes
        large = nbytes is None or nbytes >= self._config.thresholds.large_file_bytes
        by_heading = streamed and language_of(shown(source)) == "markdown"
        max_bytes = _chunk_bytes(nbytes, settings.max_bytes)
        return ChunkWork(
            fn,
            self._cache,
            self.workers if large else self._inline,
            self._recorder,
            operation,
            errors,
            at="section" if by_heading else None,
            max_bytes=max_bytes,
            window_bytes=max(settings.window_bytes, 2 * max_bytes, 0 if streamed or nbytes is None else nbytes),
            timeout_s=settings.parse_timeout_s,
            cancel=cancel,
            layouts=self._layouts if large else None,
        )


def summary(result: FileResult[Any]) -> dict[str, Any]:
    """Return what a row of `optimize_files` and an event say of a file."""
    return {
        "path": result.path,
        "nbytes": result.nbytes,
        "chunks": len(result),
        "processed": result.processed,
        "reused": result.reused,
        "failed": result.failed,
        "duration_s": result.duration_s,
        "efficiency_ratio": result.efficiency_ratio,
    }


def _workers(config: Config, permits: threading.Semaphore, executor: Executor | None) -> Workers:
    bound = config.max_parallel_operations
    if executor is not None:
        return Workers.over(executor, workers=config.workers, in_flight=bound, permits=permits)
    settings = config.parallel
    return Workers(config.workers, settings.kind, in_flight=bound, permits=permits, scheduler=settings.scheduler)


def _chunk_bytes(nbytes: int | None, wanted: int) -> int:
    """Return the largest chunk of a file: what the config says, doubled until the file has not too many of them.

    So what is kept of each chunk stays within some megabytes. An edit seldom changes how often it is doubled.
    """
    while nbytes is not None and nbytes > wanted * _MOST_CHUNKS:
        wanted *= 2
    return wanted


def _size(source: SourceLike) -> int | None:
    """Return a file's size; None for a pipe or a URL, which may be of any."""
    if not isinstance(source, str | os.PathLike) or "://" in str(source):
        return None
    try:
        return Path(source).stat().st_size
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"{str(source)!r} cannot be read: {reason}; name a file that exists.") from error
