"""The chunks of one call on their way to their results.

In: chunks, a cache, the outcomes of workers. Out: the chunks that must be computed; in order, a result and a row each.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from perflab.chunk.chunk import Chunk, digest_of
from perflab.chunk.languages.grammar import chunker_version
from perflab.chunk.processing.job import Outcome
from perflab.chunk.processing.kept import MISSING, ChunkCache, Kept
from perflab.chunk.processing.result import ChunkResult
from perflab.errors import CancelledError
from perflab.parallel import Ready

__all__ = ["Rows", "Slot", "Slots", "where"]

_NOTHING: Ready[Any] = Ready(None)
_MOST_LOOKED_FOR = 64
_LONGEST_LOOK_S = 0.05


class Rows(Protocol):
    """What is asked of a recorder."""

    def add(self, frame: str, **values: Any) -> None: ...


@dataclass(slots=True, eq=False)
class Slot:
    """A chunk that has no result yet, and where that will come from: a worker, the cache, or an equal chunk before."""

    chunk: Chunk
    key: Any
    twin: Slot | None = None
    value: Any = MISSING
    result: ChunkResult[Any] | None = None

    @property
    def needs_worker(self) -> bool:
        """Tell whether the value must be computed for this very slot."""
        return self.twin is None and self.value is MISSING


class Slots:
    """The state of one call: the slots that are on their way, in the file's order.

    Parameters
    ----------
    cache, recorder
        Where values are looked for and kept, and where each settled chunk becomes a row of `chunks`.
    operation, code_digest, key
        What a value depends on beside its chunk; `key` is called with the chunk.
    stop_at_error
        Whether no further chunk is handed out after one has failed.
    cancel
        Once it is set, no further chunk is handed out.
    """

    def __init__(
        self,
        cache: ChunkCache,
        recorder: Rows,
        operation: str,
        code_digest: str,
        key: Callable[[Chunk], object] | None = None,
        *,
        stop_at_error: bool = True,
        cancel: threading.Event | None = None,
    ) -> None:
        self.first_error: BaseException | None = None
        self._kept = Kept(cache, operation)
        self._recorder = recorder
        self._operation = operation
        self._version = chunker_version()
        self._prefix = f"chunk {operation} {code_digest} "
        self._key = key
        self._stop_at_error = stop_at_error
        self._cancel = cancel
        self._under_way: deque[Slot] = deque()
        self._by_key: dict[Any, Slot] = {}
        self._error_of_file: Exception | None = None

    @property
    def is_stopped(self) -> bool:
        """Tell whether no further chunk is handed out."""
        failed = self._stop_at_error and self.first_error is not None
        return failed or (self._cancel is not None and self._cancel.is_set())

    def todo(self, chunks: Iterable[Chunk]) -> Iterator[Chunk | Ready[Any]]:
        """Yield the chunks that must be computed, and in the place of the others something that needs no worker."""
        for slots in self._looked_for(self._until_error(chunks)):
            for slot in slots:
                if self.is_stopped:
                    return
                self._under_way.append(slot)
                yield slot.chunk if slot.needs_worker else _NOTHING

    def _looked_for(self, chunks: Iterable[Chunk]) -> Iterator[list[Slot]]:
        """Yield slots, a few at first and many later, with the values that the cache has for them."""
        block: list[Slot] = []
        most, began = 1, time.monotonic()
        for chunk in chunks:
            block.append(self._slot(chunk))
            if len(block) >= most or time.monotonic() - began > _LONGEST_LOOK_S:
                yield self._filled(block)
                block, most, began = [], min(2 * most, _MOST_LOOKED_FOR), time.monotonic()
        if block:
            yield self._filled(block)

    def _slot(self, chunk: Chunk) -> Slot:
        slot = Slot(chunk, self._cache_key(chunk))
        twin = self._by_key.setdefault(slot.key, slot)
        slot.twin = None if twin is slot else twin
        return slot

    def _filled(self, block: list[Slot]) -> list[Slot]:
        first = [slot for slot in block if slot.twin is None]
        for slot, value in zip(first, self._kept.get_many([slot.key for slot in first]), strict=True):
            slot.value = value
        return block

    def under_way(self) -> list[Slot]:
        """Return the slots that have been handed out by `todo` and not finished, in order."""
        return list(self._under_way)

    def finish(self, outcome: Outcome | None) -> ChunkResult[Any]:
        """Take what came of the next chunk of `todo`, None for one that needed no worker, and return its result.

        A value is as good as stored before anything else can go wrong; see `flush`.
        """
        slot = self._under_way.popleft()
        if self._by_key.get(slot.key) is slot:
            del self._by_key[slot.key]
        if outcome is not None:
            slot.result = self._computed(slot, outcome)
        elif slot.twin is not None and slot.twin.result is not None:
            known = slot.twin.result
            status: Literal["failed", "reused"] = "failed" if known.status == "failed" else "reused"
            slot.result = ChunkResult(slot.chunk, status, known.value, known.error, repeated=True)
        else:
            slot.result = ChunkResult(slot.chunk, "reused", slot.value)
        slot.twin, slot.value = None, MISSING
        self._record(slot.result, outcome)
        return slot.result

    def flush(self) -> None:
        """Store the values that wait for others, so that whatever comes now does not cost them."""
        self._kept.flush()

    def raise_error(self) -> None:
        """Raise what ended the work early, now that all that had begun is finished and stored.

        Raises
        ------
        Exception
            The first error of the function, if that stops the work, or the error of the file.
        CancelledError
            If it was cancelled.
        """
        if self._stop_at_error and self.first_error is not None:
            raise self.first_error
        if self._error_of_file is not None:
            raise self._error_of_file
        if self._cancel is not None and self._cancel.is_set():
            raise CancelledError(f"{self._operation!r} was cancelled; chunks that were finished are in the cache")

    def _until_error(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        try:
            yield from chunks
        except Exception as error:  # raised when what is under way is finished
            self._error_of_file = error

    def _computed(self, slot: Slot, outcome: Outcome) -> ChunkResult[Any]:
        if outcome.error is None:
            self._kept.put(slot.key, outcome.value)
            return ChunkResult(slot.chunk, "processed", outcome.value, busy_s=outcome.duration_s)
        outcome.error.add_note(f"while processing {where(slot.chunk)}")
        if not outcome.is_home:
            outcome.error.add_note(f"in process {outcome.pid}:\n{outcome.trace}")
        self.first_error = self.first_error or outcome.error
        return ChunkResult(slot.chunk, "failed", None, outcome.error, busy_s=outcome.duration_s)

    def _cache_key(self, chunk: Chunk) -> str:
        """Return a text of the operation, the code's digest, and the digest of all that the function may look at.

        The parsers' versions are part of it: the digest of a function does not cover what it calls in other modules.
        """
        extra = "" if self._key is None else repr(self._key(chunk))
        names = "\0".join((chunk.name, *chunk.parents, extra))
        seen = f"{self._version} {chunk.digest} {chunk.language} {chunk.kind} {len(chunk.parents)} {names}"
        return self._prefix + digest_of(seen.encode("utf-8", "surrogatepass"))

    def _record(self, result: ChunkResult[Any], outcome: Outcome | None) -> None:
        chunk = result.chunk
        measured: dict[str, Any] = {}
        if outcome is not None:
            measured = {"duration_s": outcome.duration_s, "stream": outcome.stream}
        if result.error is not None:
            measured["error"] = f"{type(result.error).__name__}: {result.error}"
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
            status=result.status,
            **measured,
        )


def where(chunk: Chunk) -> str:
    """Return a chunk's place in words, for messages."""
    name = f", {chunk.kind} {chunk.name}" if chunk.name else ""
    return f"{chunk.path or 'the input'}, lines {chunk.start_line} to {chunk.end_line}{name}"
