"""The chunks of one call on their way to their results.

In: chunks, a cache, the outcomes of workers. Out: the chunks that must be computed; a settled slot and a row a chunk.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from perflab.chunk.chunk import Chunk, digest_of
from perflab.chunk.grammar import chunker_version
from perflab.chunk.job import Outcome
from perflab.errors import StoreError

__all__ = ["ChunkCache", "Rows", "Slot", "Slots"]

_MISSING = object()


class ChunkCache(Protocol):
    """What is asked of a cache; any tier of perflab has it."""

    def get(self, key: Any, default: Any = None) -> Any: ...

    def set(self, key: Any, value: Any) -> object: ...


class Rows(Protocol):
    """What is asked of a recorder."""

    def add(self, frame: str, **values: Any) -> None: ...


@dataclass(slots=True)
class Slot:
    """A chunk on its way to its result."""

    chunk: Chunk
    key: Any
    status: Literal["pending", "processed", "reused", "failed"] = "pending"
    value: Any = None
    twin: Slot | None = None
    error: BaseException | None = None


class Slots:
    """The state of one call: every chunk's slot in the file's order, and the queue of those that workers have.

    Parameters
    ----------
    cache, recorder
        Where values are looked for and kept, and where each settled chunk becomes a row of `chunks`.
    operation, code_digest, key
        What a value depends on beside its chunk; `key` is called with the chunk.
    stop_at_error
        Whether no further chunk is handed out after one has failed.
    """

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
        self._slots: list[Slot] = []
        self._by_key: dict[Any, Slot] = {}
        self._queue: deque[Slot] = deque()
        self._warned = False

    def todo(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Yield the chunks that must be computed; give the others their value at once."""
        for chunk in chunks:
            if self._stop_at_error and self.first_error is not None:
                return
            slot = Slot(chunk, self._cache_key(chunk))
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

    def __iter__(self) -> Iterator[Slot]:
        """Iterate over the slots in the file's order."""
        return iter(self._slots)

    def _cache_key(self, chunk: Chunk) -> tuple[str, str, str]:
        """Return the operation, the code's digest, and the digest of all that the function may look at.

        The parsers' versions are part of it: the digest of a function does not cover what it calls in other modules.
        """
        extra = None if self._key is None else self._key(chunk)
        seen = (chunker_version(), chunk.digest, chunk.language, chunk.kind, chunk.name, chunk.parents, extra)
        return self._operation, self._code_digest, digest_of(repr(seen).encode("utf-8", "surrogatepass"))

    def _store(self, slot: Slot) -> None:
        try:
            self._cache.set(slot.key, slot.value)
        except StoreError as error:
            if not self._warned:
                self._warned = True
                text = f"results of {self._operation!r} are not cached: {error}"
                warnings.warn(text, RuntimeWarning, stacklevel=4)  # where `process_file` was called

    def _settle(
        self, slot: Slot, status: Literal["processed", "reused", "failed"], outcome: Outcome | None = None
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


def _where(chunk: Chunk) -> str:
    name = f", {chunk.kind} {chunk.name}" if chunk.name else ""
    return f"while processing {chunk.path}, lines {chunk.start_line} to {chunk.end_line}{name}"
