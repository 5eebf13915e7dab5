"""Files through chunks, workers and cache, by the config's thresholds.

In: paths and a function of a chunk. Out: results in order, and one `file_optimized` event a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.cache import TieredCache
from perflab.chunk import OPERATIONS, Chunk, process_file
from perflab.config import Config
from perflab.errors import ConfigError, SourceError
from perflab.events import Events
from perflab.parallel import Workers
from perflab.record import Recorder, remote

if TYPE_CHECKING:
    import pandas as pd

    from perflab.chunk.process import FileResult

__all__ = ["FileWork"]

Function = Callable[[Chunk], Any]


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
    """Processes files the way that the config asks for."""

    def __init__(
        self, config: Config, cache: TieredCache, workers: Workers, recorder: Recorder, events: Events
    ) -> None:
        self._config = config
        self._cache = cache if config.enable_large_file_optimization else _Forgetful()
        self._workers = workers
        self._inline = Workers(1)
        self._recorder = recorder
        self._events = events

    def process(self, path: str | os.PathLike[str], fn: Function, operation: str | None = None) -> FileResult[Any]:
        """Process one file: in parallel if it is large, in windows if it is larger."""
        file, settings = Path(path), self._config.chunks
        nbytes = _size(file)
        streamed = nbytes >= self._config.streaming_threshold_bytes
        with self._recorder.operation("process-file", key=str(file)) as recorded:
            result: FileResult[Any] = process_file(
                file,
                fn,
                cache=self._cache,
                workers=self._workers if nbytes >= self._config.thresholds.large_file_bytes else self._inline,
                recorder=self._recorder,
                operation=operation,
                max_bytes=settings.max_bytes,
                window_bytes=settings.window_bytes if streamed else max(settings.window_bytes, nbytes),
                timeout_s=settings.parse_timeout_s,
            )
            recorded.nbytes = result.nbytes
        self._events.emit("file_optimized", **_summary(result))
        return result

    def process_all(self, paths: Iterable[str | os.PathLike[str]], operation: str | Function) -> pd.DataFrame:
        """Process files with as many operations in flight as the config allows."""
        import pandas as pd

        fn = _function(operation)
        name = operation if isinstance(operation, str) else None
        callers = remote.callers()

        def process(path: str | os.PathLike[str]) -> dict[str, Any]:
            with remote.on_behalf_of(callers):
                return _summary(self.process(path, fn, name))

        with ThreadPoolExecutor(self._config.max_parallel_operations, "perflab-file") as pool:
            found = list(pool.map(process, paths))
        return pd.DataFrame(found, columns=list(_COLUMNS))


_COLUMNS = ("path", "nbytes", "chunks", "processed", "reused", "failed", "duration_s")


def _summary(result: FileResult[Any]) -> dict[str, Any]:
    counts = (result.path, result.nbytes, len(result.chunks), result.processed, result.reused, result.failed)
    return dict(zip(_COLUMNS, (*counts, result.duration_s), strict=True))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"{str(file)!r} cannot be read: {reason}; name a file that exists.") from error


def _function(operation: str | Function) -> Function:
    if callable(operation):
        return operation
    if operation not in OPERATIONS:
        raise ConfigError(f"{operation!r} is no operation; use {', '.join(OPERATIONS)}, or a function of a chunk.")
    return OPERATIONS[operation]
