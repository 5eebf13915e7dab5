"""What came of the chunks of a file.

In: results a chunk, in the file's order. Out: counts, times, values; the chunks without their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from perflab.chunk.chunk import Chunk
from perflab.chunk.edits.changes import Changes

__all__ = ["ChunkResult", "FileResult", "Tally", "without_bytes"]

Value = TypeVar("Value")


class ChunkResult(NamedTuple, Generic[Value]):
    """What came of one chunk.

    Attributes
    ----------
    chunk
        The chunk, with its bytes.
    status
        `processed`: computed in this call; `reused`: found in the cache, or equal to an earlier chunk; `failed`: the
        function raised.
    value
        What the function returned; None if it failed.
    error
        What it raised.
    repeated
        Whether chunk and outcome are those of an earlier chunk of this file.
    busy_s
        Time that the function took, in seconds.
    """

    chunk: Chunk
    status: Literal["processed", "reused", "failed"]
    value: Value | None
    error: BaseException | None = None
    repeated: bool = False
    busy_s: float = 0.0


@dataclass(frozen=True, slots=True)
class FileResult(Generic[Value]):
    """What `process_file` computed.

    Attributes
    ----------
    results
        One value a chunk, in the file's order; None where the function failed. Empty if the values were joined or
        written to a file.
    chunks
        The chunks that the results belong to. They have no bytes, so that a result stays small; their offsets tell
        where in the file those are.
    processed, reused, failed
        How many chunks were computed in this call, found in the cache or equal to an earlier chunk of the file, and
        not computed because the function raised. Together they are all chunks.
    duration_s, busy_s
        Time from start to end, and time that the function took, summed over chunks and workers; seconds.
    nbytes
        Size of what was read.
    workers
        How many workers could have been busy.
    errors
        What the function raised, in the file's order.
    notes
        One sentence for whatever kept the file's grammar from being used as it should, or changed the file meanwhile.
    changes
        What became of the chunks that the file had when it was processed before: how many were deleted, added, moved;
        None if that is not known.
    joined
        What `join` returned, or the path of the output; None without either.
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
    busy_s: float = 0.0
    workers: int = 1
    changes: Changes | None = None
    joined: Any = None

    def __len__(self) -> int:
        """Return the number of chunks."""
        return self.processed + self.reused + self.failed

    @property
    def efficiency_ratio(self) -> float | None:
        """Time that the function took / (time from start to end x workers); None if nothing was computed."""
        if self.processed == 0 or self.duration_s <= 0:
            return None
        return self.busy_s / (self.duration_s * self.workers)


@dataclass(slots=True)
class Tally:
    """Counts over results as they pass."""

    processed: int = 0
    reused: int = 0
    failed: int = 0
    nbytes: int = 0
    busy_s: float = 0.0
    errors: list[BaseException] = field(default_factory=list)

    def count(self, results: Iterable[ChunkResult[Any]]) -> Iterator[ChunkResult[Any]]:
        """Yield the results, and count them."""
        for result in results:
            if result.status == "processed":
                self.processed += 1
            elif result.status == "reused":
                self.reused += 1
            else:
                self.failed += 1
            self.nbytes += len(result.chunk)
            self.busy_s += result.busy_s
            if result.error is not None and not result.repeated:
                self.errors.append(result.error)
            yield result


def without_bytes(chunk: Chunk) -> Chunk:
    """Return the chunk's place, name and digest, and no bytes."""
    extent = (chunk.path, chunk.start, chunk.stop, chunk.start_line, chunk.end_line)
    return Chunk(*extent, chunk.kind, chunk.name, chunk.parents, chunk.digest, b"", chunk.language)
