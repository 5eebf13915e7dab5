"""What a system does with files: cut one, process one in chunks, many at once, or again whenever they are saved.

In: paths, a function of a chunk. Out: chunks, results in the file's order, a row a file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from perflab.chunk import Chunk, chunks
from perflab.chunk.operations.operations import function_of
from perflab.config import Config
from perflab.system.corpus import expanded, process_all
from perflab.system.files import FileWork
from perflab.system.watching import watch

if TYPE_CHECKING:
    import pandas as pd

    from perflab.chunk import ChunkResult, FileResult
    from perflab.chunk.reading.source import SourceLike

__all__ = ["Files"]


class Files:
    """The part of a `PerformanceSystem` that reads files; its methods are that one's."""

    def __init__(self, config: Config, work: FileWork) -> None:
        self._config = config
        self._work = work

    def use(self, config: Config) -> None:
        """Go by another config from the next file on; see `FileWork.use`."""
        self._work.use(config)
        self._config = config

    def chunks(self, path: str | os.PathLike[str]) -> Iterator[Chunk]:
        """Yield the semantic chunks of a file; joined, their bytes are the file's."""
        settings = self._config.chunks
        yield from chunks(
            Path(path),
            max_bytes=settings.max_bytes,
            window_bytes=settings.window_bytes,
            timeout_s=settings.parse_timeout_s,
        )

    def process_large_file(
        self,
        path: SourceLike,
        fn: Callable[[Chunk], Any],
        *,
        errors: Literal["raise", "collect"] = "raise",
        join: Callable[[Iterator[Any]], Any] | None = None,
        output: str | os.PathLike[str] | None = None,
        cancel: threading.Event | None = None,
    ) -> FileResult[Any]:
        """Call `fn` with every chunk of a file, in parallel; chunks computed before are taken from the cache.

        Files from `streaming_threshold_bytes` are read in windows, so that memory does not grow with them; large
        Markdown is then cut at its headings without a syntax tree. Very large files have larger chunks: at the most
        16,384.

        Parameters
        ----------
        path
            A path, an fsspec URL such as `s3://bucket/key`, or an open binary file such as a pipe.
        fn
            Called with a `Chunk`, in a worker; see `perflab.chunk.process_file` on what it may depend on.
        errors
            `raise` the first exception of `fn`, with a note that names the chunk, or `collect` them in the result. What
            was finished is in the cache either way. A killed worker is such an error, and `collect` tells which chunk
            killed it.
        join
            Called with an iterator of the values in the file's order, such as `sum` or `b"".join`; what it returns is
            `.joined`, and the values are not kept.
        output
            A file that the values, bytes or text, are written to in order. It appears as a whole, or not at all.
        cancel
            An event; once another thread sets it, no further chunk is begun and `CancelledError` is raised.

        Returns
        -------
        FileResult
            The values stand in the file's order in `.results`. `iterate_large_file` yields them instead.

        Examples
        --------
        >>> import tempfile
        >>> import perflab
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = Path(folder.name, "module.py")
        >>> _ = path.write_text("def one():\\n    return 1\\n")
        >>> with perflab.PerformanceSystem(perflab.Config(parallel={"workers": 1})) as system:
        ...     first = system.process_large_file(path, len)
        ...     again = system.process_large_file(path, len, join=sum)
        >>> first.results, again.joined, again.processed, again.reused
        ((24,), 24, 0, 1)
        >>> folder.cleanup()
        """
        return self._work.process(path, fn, errors=errors, join=join, output=output, cancel=cancel)

    def iterate_large_file(
        self,
        path: SourceLike,
        fn: Callable[[Chunk], Any],
        *,
        errors: Literal["raise", "collect"] = "raise",
        cancel: threading.Event | None = None,
    ) -> Iterator[ChunkResult[Any]]:
        """Yield each chunk's result of `process_large_file` as soon as those before it are known.

        Only what is in flight is in memory. Closing the iterator cancels what has not begun.
        """
        yield from self._work.results(path, fn, errors=errors, cancel=cancel)

    def optimize_files(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        operation: str | Callable[[Chunk], Any] = "analyze",
        *,
        function: Callable[[Chunk], Any] | None = None,
        output: str | os.PathLike[str] | None = None,
        errors: Literal["raise", "collect"] = "raise",
        progress: bool = False,
    ) -> pd.DataFrame:
        """Process several files at once and return a row a file, in the order of the paths.

        Parameters
        ----------
        paths
            Files and patterns such as `src/**/*.py`; each file is processed once.
        operation
            `parse`, `analyze`, `index`, `transform`, or a function of a chunk.
        function
            What `transform` makes of a chunk: bytes, text, or None to leave it.
        output
            Folder that the values, bytes or text, are written to, a file for each.
        errors
            `raise` the first error, or `collect`: a file that cannot be read is a row with an `error`, and so is the
            first chunk of a file that failed.
        progress
            Show a bar, in a notebook or a terminal.

        Returns
        -------
        pandas.DataFrame
            `path`, `nbytes`, `chunks`, `processed`, `reused`, `failed`, `duration_s`, `efficiency_ratio` (time that
            workers computed / time they could have; missing if all was reused), `error`.
        """
        name = operation if isinstance(operation, str) else None
        fn = function_of(operation, function)
        at_once = self._config.max_parallel_operations
        return process_all(
            self._work,
            expanded(paths),
            fn,
            name,
            at_once=at_once,
            errors=errors,
            output=output,
            progress=progress,
        )

    def watch(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        operation: str | Callable[[Chunk], Any] = "analyze",
        *,
        stop: threading.Event | None = None,
    ) -> Iterator[FileResult[Any]]:
        """Process files now and, chunks that changed, again whenever one is saved; yield each result.

        It goes on until `stop` is set or the iterator is closed. A file that is missing for a moment, as while an
        editor replaces it, is processed when it is back. See `perflab.system.watching.watch`.
        """
        name = operation if isinstance(operation, str) else None
        fn = function_of(operation, None)
        yield from watch(partial(self._work.process, fn=fn, operation=name, errors="collect"), expanded(paths), stop)
