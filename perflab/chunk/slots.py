"""The chunks of one call on their way to their results.

In: chunks, a cache, the outcomes of workers. Out: the chunks that must be computed; in order, a result and a row each.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from perflab.chunk.chunk import Chunk, digest_of
from perflab.chunk.grammar import chunker_version
from perflab.chunk.job import Outcome
from perflab.chunk.result import ChunkResult
from perflab.errors import CancelledError, StoreError
from perflab.parallel import Ready

__all__ = ["ChunkCache", "Rows", "Slot", "Slots"]

_MISSING = object()


class ChunkCache(Protocol):
    """What is asked of a cache; any tier of perflab has it."""

    def get(self, key: Any, default: Any = None) -> Any: ...

    def set(self, key: Any, value: Any) -> object: ...


class Rows(Protocol):
    """What is asked of a recorder."""

    def add(self, frame: str, **values: Any) -> None: ...


@dataclass(slots=True, eq=False)
class Slot:
    """A chunk that has no result yet, and where that will come from: a worker, the cache, or an equal chunk before."""

    chunk: Chunk
    key: Any
    twin: Slot | None = None
    value: Any = _MISSING
    result: ChunkResult[Any] | None = None

    @property
    def needs_worker(self) -> bool:
        """Tell whether the value must be computed for this very slot."""
        return self.twin is None and self.value is _MISSING


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
        self._cache = cache
        self._recorder = recorder
        self._operation = operation
        self._code_digest = code_digest
        self._key = key
        self._stop_at_error = stop_at_error
        self._cancel = cancel
        self._under_way: deque[Slot] = deque()
        self._by_key: dict[Any, Slot] = {}
        self._error_of_file: Exception | None = None
        self._warned = False

    @property
    def is_stopped(self) -> bool:
        """Tell whether no further chunk is handed out."""
        failed = self._stop_at_error and self.first_error is not None
        return failed or (self._cancel is not None and self._cancel.is_set())

    def todo(self, chunks: Iterable[Chunk]) -> Iterator[Chunk | Ready[Any]]:
        """Yield the chunks that must be computed, and in the place of the others something that needs no worker."""
        for chunk in self._until_error(chunks):
            if self.is_stopped:
                return
            slot = Slot(chunk, self._cache_key(chunk))
            twin = self._by_key.setdefault(slot.key, slot)
            if twin is not slot:
                slot.twin = twin
            else:
                slot.value = self._cache.get(slot.key, _MISSING)
            self._under_way.append(slot)
            yield chunk if slot.needs_worker else Ready(None)

    def under_way(self) -> list[Slot]:
        """Return the slots that have been handed out by `todo` and not finished, in order."""
        return list(self._under_way)

    def finish(self, outcome: Outcome | None) -> ChunkResult[Any]:
        """Take what came of the next chunk of `todo`, None for one that needed no worker, and return its result.

        A value is stored before anything else can go wrong.
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
        slot.twin, slot.value = None, _MISSING
        self._record(slot.result, outcome)
        return slot.result

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
            self._store(slot.key, outcome.value)
            return ChunkResult(slot.chunk, "processed", outcome.value, busy_s=outcome.duration_s)
        outcome.error.add_note(f"while processing {where(slot.chunk)}")
        if not outcome.is_home:
            outcome.error.add_note(f"in process {outcome.pid}:\n{outcome.trace}")
        self.first_error = self.first_error or outcome.error
        return ChunkResult(slot.chunk, "failed", None, outcome.error, busy_s=outcome.duration_s)

    def _cache_key(self, chunk: Chunk) -> tuple[str, str, str]:
        """Return the operation, the code's digest, and the digest of all that the function may look at.

        The parsers' versions are part of it: the digest of a function does not cover what it calls in other modules.
        """
        extra = None if self._key is None else self._key(chunk)
        seen = (chunker_version(), chunk.digest, chunk.language, chunk.kind, chunk.name, chunk.parents, extra)
        return self._operation, self._code_digest, digest_of(repr(seen).encode("utf-8", "surrogatepass"))

    def _store(self, key: Any, value: Any) -> None:
        try:
            self._cache.set(key, value)
        except StoreError as error:
            if not self._warned:
                self._warned = True
                text = f"results of {self._operation!r} are not cached: {error}"
                warnings.warn(text, RuntimeWarning, stacklevel=_stack_level())

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


def _stack_level() -> int:
    """Return the stack level, for a warning, of the nearest caller that is not perflab's."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith("perflab."):
        level, frame = level + 1, frame.f_back
    return level
