"""How the facts of source files are computed: in this process, by workers a file each, or by workers a chunk each.

In: files whose facts are not known, a cache, workers. Out: their facts, and how many chunks were looked at.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any, Final, Protocol, TypeVar

from perflab.chunk import process_file
from perflab.chunk.chunk import digest_of
from perflab.parallel import Ready, Workers
from perflab.record import Recorder
from perflab.workloads.corpus import read_source
from perflab.workloads.discover import SourceFile
from perflab.workloads.facts import facts_text, packed
from perflab.workloads.fragments import fragment_text, merged
from perflab.workloads.overlap import overlapping
from perflab.workloads.render import code_digest

__all__ = ["Analysis", "Cache"]

T = TypeVar("T")
R = TypeVar("R")

# So little source is analysed in less time (25 ms) than a worker process takes to start.
_INLINE_BYTES: Final = 50_000

LARGE_BYTES: Final = 64_000
"""A Python file of at least this size is analysed chunk by chunk; a smaller one takes 30 ms as a whole."""

CHUNK_BYTES: Final = 16_000
"""The most bytes of a chunk: a large file has enough of them for all workers, and nearly every function fits in one."""


WINDOW_BYTES: Final = 65_536
"""Source that is parsed at a time: its tree takes 25 to 30 times as much memory, for a moment."""


class Cache(Protocol):
    """What is needed of a cache; `perflab.cache.TieredCache` has it."""

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return the value of a key, or the default."""

    def set(self, key: Hashable, value: Any) -> Any:
        """Store a value."""


class Analysis:
    """Computes facts, and remembers those of a large file's chunks. Several threads may use it at once.

    Attributes
    ----------
    chunks_processed, chunks_reused
        Chunks that were analysed, and those that the cache knew or that were equal to another one.
    """

    def __init__(self, cache: Cache, workers: Workers, recorder: Recorder) -> None:
        self.chunks_processed = 0
        self.chunks_reused = 0
        self._cache = cache
        self._workers = workers
        self._recorder = recorder
        self._lock = threading.Lock()

    def texts(self, files: Iterable[SourceFile]) -> Iterator[tuple[str, bytes]]:
        """Yield the path and the packed facts of each file, as they become known."""
        files = list(files)
        whole = [file for file in files if not _is_large(file)]
        large = [file for file in files if _is_large(file)]
        # Of two files, one is put together while the workers look at chunks of the other.
        for file, text in zip(large, overlapping(self._in_chunks, large, self._workers.workers), strict=True):
            if text is None:
                whole.append(file)
            else:
                yield file.path, text
        yield from zip((file.path for file in whole), self._whole(whole), strict=True)

    def _whole(self, files: list[SourceFile]) -> Iterator[bytes]:
        if sum(file.nbytes for file in files) <= _INLINE_BYTES:
            return map(facts_text, files)
        return self._workers.map(facts_text, files, weight=_weight)

    def _in_chunks(self, file: SourceFile) -> bytes | None:
        """Return the facts of a large file from those of its chunks, or None if they do not tell them."""
        result = process_file(
            file.absolute,
            functools.partial(fragment_text, file.path),
            cache=self._cache,
            workers=_Sparing(self._workers),
            recorder=self._recorder,
            operation="facts",
            key=lambda _: file.path,  # the absolute path is that of one copy
            code_digest=code_digest(),
            language=file.language,
            max_bytes=CHUNK_BYTES,
            window_bytes=WINDOW_BYTES,
        )
        with self._lock:
            self.chunks_processed += result.processed
            self.chunks_reused += result.reused
        data = read_source(file)
        chunks = [replace(chunk, data=data[chunk.start : chunk.stop]) for chunk in result.chunks]
        if result.nbytes != len(data) or any(digest_of(chunk.data) != chunk.digest for chunk in chunks):
            return None  # it changed meanwhile: what is read as a whole is of one moment
        facts = merged(file.path, data, chunks, [json.loads(text or b"null") for text in result.results])
        return None if facts is None else packed(facts)


class _Sparing:
    """Workers that are not started for a few bytes."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._inline = Workers(1)
        self.workers = workers.workers
        self.submit = workers.submit

    def map(
        self, fn: Callable[[Any], R], items: Iterable[Any], *, weight: Callable[[Any], float] | None = None
    ) -> Iterator[R]:
        """Yield `fn(item)` for each item, in order; items without a weight are taken for much work."""
        if weight is None:
            return self._workers.map(fn, items)
        rest = iter(items)
        first: list[Any] = []
        nbytes = 0.0
        for item in rest:
            first.append(item)
            nbytes += 0 if isinstance(item, Ready) else weight(item)
            if nbytes > _INLINE_BYTES:
                return self._workers.map(fn, chain(first, rest), weight=weight)
        return self._inline.map(fn, first)


def _is_large(file: SourceFile) -> bool:
    return file.language == "python" and file.nbytes >= LARGE_BYTES


def _weight(file: SourceFile) -> float:
    return file.nbytes
