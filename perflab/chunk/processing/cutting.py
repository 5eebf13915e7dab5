"""A file cut by workers, window by window, and after an edit only where that touched it.

In: an open source, what splits it, workers, how files lay before. Out: the file's chunks in order, and what became of
those that it had.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from perflab.chunk.chunk import Chunk
from perflab.chunk.edits.changes import Changes, changes
from perflab.chunk.edits.layout import Layout, lay_out
from perflab.chunk.reading.source import Source
from perflab.chunk.splitting.section import Section
from perflab.chunk.splitting.split import Splitter, Window

__all__ = ["Cut", "Layouts", "WindowWorkers"]

WHOLE_BYTES = 32 << 20
"""Files up to this size are read whole, so that what stayed the same is not cut again."""

_FEW_WINDOWS = 2
_NUMBER = re.compile(r"\d+")
_MOST_CHUNKS = 200_000  # of all files that are remembered, some 60 MB


class WindowWorkers(Protocol):
    """What is asked of workers that cut windows."""

    @property
    def workers(self) -> int: ...

    def map(self, fn: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]: ...


class Layouts:
    """How files lay when they were cut last. Several threads may use it at once."""

    def __init__(self, most_chunks: int = _MOST_CHUNKS) -> None:
        self._most_chunks = most_chunks
        self._known: OrderedDict[str, tuple[Layout, tuple[str, ...]]] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    def get(self, splitter: Splitter) -> tuple[Layout, tuple[str, ...]] | None:
        """Return how the splitter's file lay, cut with the same settings, and what was said of it."""
        with self._lock:
            known = self._known.get(splitter.path)
        return None if known is None or known[0].splitter != replace(splitter, note=None) else known

    def keep(self, layout: Layout, notes: tuple[str, ...]) -> None:
        """Remember a layout; those that were kept first are forgotten when there are too many chunks."""
        layout = replace(layout, splitter=replace(layout.splitter, note=None))
        with self._lock:
            self._forget(layout.splitter.path)
            self._known[layout.splitter.path] = layout, notes
            self._held += len(layout)
            while self._held > self._most_chunks:
                self._forget(next(iter(self._known)))

    def _forget(self, path: str) -> None:
        if path in self._known:
            self._held -= len(self._known.pop(path)[0])


@dataclass(slots=True)
class Cut:
    """One file on its way from bytes to chunks.

    Attributes
    ----------
    notes
        Sentences on what kept the grammar from being used as it should.
    changes
        What became of the chunks that it had when it was cut before; None if that is not known.
    """

    splitter: Splitter
    workers: WindowWorkers
    layouts: Layouts | None
    notes: list[str]
    changes: Changes | None = None
    _is_late: bool = False

    def __post_init__(self) -> None:
        self.splitter = replace(self.splitter, note=self._note)

    def chunks(self, source: Source) -> Iterator[Chunk]:
        """Yield the chunks of a source."""
        head = b"" if self.layouts is None else source.read(WHOLE_BYTES + 1)
        if self.layouts is None or len(head) > WHOLE_BYTES:
            yield from self._streamed(_behind(head, source.read))
            return
        known = self.layouts.get(self.splitter)
        layout = yield from self._first(head) if known is None else self._again(head, *known)
        self.layouts.keep(layout, tuple(self.notes))

    def _streamed(self, read: Callable[[int], bytes]) -> Iterator[Chunk]:
        head = read(_FEW_WINDOWS * self.splitter.window_bytes)
        read = _behind(head, read)
        if self._is_for_one(len(head)):
            yield from self.splitter.chunks(read)
            return
        for window, sections in self._windows(read):
            yield from self.splitter.placed(window, sections)

    def _first(self, data: bytes) -> Generator[Chunk, None, Layout]:
        if self._is_for_one(len(data)):
            layout = lay_out(data, self.splitter)
            yield from layout.chunks(data)
            return layout
        found: list[Section] = []
        for window, sections in self._windows(_behind(data, lambda _: b"")):
            yield from self.splitter.placed(window, sections)
            found += sections
        sectioning = replace(self.splitter, note=None).sectioning(data)
        return Layout(self.splitter, sectioning, tuple(found), len(found))

    def _is_for_one(self, nbytes: int) -> bool:
        """Tell whether so much is cut sooner here than handed out."""
        return self.workers.workers == 1 or nbytes < _FEW_WINDOWS * self.splitter.window_bytes

    def _again(self, data: bytes, before: Layout, notes: tuple[str, ...]) -> Generator[Chunk, None, Layout]:
        layout = replace(before, splitter=self.splitter).after(data)
        if layout.cut_sections == 0 and not self.notes:
            self.notes += notes
        self.changes = changes(before, layout)
        yield from layout.chunks(data)
        return layout

    def _windows(self, read: Callable[[int], bytes]) -> Iterator[tuple[Window, list[Section]]]:
        """Yield the windows of a file, cut by the workers; a window that kills its worker is cut as text."""
        handed: deque[Window] = deque()
        windows = self._handed(read, handed)
        cut = partial(_cut, replace(self.splitter, note=None))
        more = True
        while more:
            try:
                for sections, notes in self.workers.map(cut, windows):
                    self._learn(sections, notes)
                    yield handed.popleft(), sections
                more = False
            except BrokenExecutor:
                name = self.splitter.path or "the input"
                self._note(f"{name} is cut as text in part: a worker that parsed it was killed")
                for _ in range(len(handed)):
                    window = handed.popleft()
                    yield window, _cut(self.splitter, _as_text(window))[0]

    def _handed(self, read: Callable[[int], bytes], handed: deque[Window]) -> Iterator[Window]:
        """Yield windows for the workers; after one that took too long, to be cut without a grammar."""
        for window in self.splitter.windows(read):
            handed.append(window)
            yield _as_text(window) if self._is_late else window

    def _learn(self, sections: list[Section], notes: list[str]) -> None:
        self._is_late = self._is_late or not all(section.in_time for section in sections)
        for sentence in notes:
            self._note(sentence)

    def _note(self, sentence: str) -> None:
        """Keep a sentence unless there is one that differs in its line alone."""
        if _NUMBER.sub("", sentence) not in {_NUMBER.sub("", told) for told in self.notes}:
            self.notes.append(sentence)


def _cut(splitter: Splitter, window: Window) -> tuple[list[Section], list[str]]:
    """Return the sections of a window and what is to be said of it; it runs in a worker."""
    notes: list[str] = []
    return list(replace(splitter, note=notes.append).sections(window)), notes


def _as_text(window: Window) -> Window:
    return replace(window, language=None)


def _behind(head: bytes, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Return a function that reads some bytes, and behind them what `read` gives."""
    at = 0

    def both(size: int) -> bytes:
        nonlocal at
        part = head[at : at + size]
        at += len(part)
        return part if len(part) == size else part + read(size - len(part))

    return both
