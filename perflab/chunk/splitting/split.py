"""Lossless cuts of bytes into chunks along the borders of classes, functions, methods and headings.

In: bytes, or a function that reads them. Out: `Chunk`s whose bytes, put together, are the input, whatever it was.
A file is cut section by section (see `sections.py`); windows of whole sections can be cut apart from one
another, in other processes too.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from perflab.chunk.chunk import Chunk
from perflab.chunk.languages.grammar import Grammar, grammar_of, language_of
from perflab.chunk.languages.parsing import Patience
from perflab.chunk.splitting.section import Cutter, Section
from perflab.chunk.splitting.sections import Sectioning
from perflab.chunk.text.encoding import SNIFFED_BYTES, UTF8, Encoding, encoding_of
from perflab.errors import ConfigError

__all__ = ["Note", "Splitter", "Window", "split"]

Note = Callable[[str], None]
LEAST_BYTES = 64  # a chunk must hold a character, and room to choose a border
_LOOK_AHEAD_BYTES = 64


def split(
    data: bytes,
    *,
    path: str | PurePath = "",
    language: str | None = None,
    max_bytes: int = 2000,
    window_bytes: int = 524_288,
    timeout_s: float = 5.0,
    note: Note | None = None,
) -> list[Chunk]:
    """Cut bytes into chunks; their bytes, put together, are the input.

    Parameters
    ----------
    data
        Any bytes: source text in any encoding, broken, binary or empty (which gives no chunks).
    path
        Names the chunks, and the language by its suffix.
    language
        Name of the grammar, if the path does not say it.
    max_bytes
        No chunk is longer; at least 64.
    window_bytes
        The most source that is parsed at a time, where no definition begins in it. A syntax tree takes about thirty
        times its source in memory.
    timeout_s
        Seconds that parsing may lose on input that it does not finish. After that the rest is cut by lines.
    note
        Called with one sentence whenever something kept the grammar from being used as it should.

    Raises
    ------
    ConfigError
        If the language is unknown or a size is too small.

    Examples
    --------
    >>> source = b"import os\\n\\n\\n@cache\\ndef f():\\n    return 1\\n"
    >>> [(chunk.kind, chunk.name, chunk.start_line, chunk.end_line) for chunk in split(source, path="m.py")]
    [('statements', '', 1, 3), ('function', 'f', 4, 6)]
    """
    splitter = Splitter(
        str(path), language, max_bytes=max_bytes, window_bytes=window_bytes, timeout_s=timeout_s, note=note
    )
    return list(splitter.chunks(io.BytesIO(data).read))


@dataclass(frozen=True, slots=True)
class Window:
    """Whole sections of a file, to be cut without looking at any other bytes; it travels between processes.

    Attributes
    ----------
    start, line
        Where its first byte lies in the file: offset, and line counted from 1.
    data
        Its bytes.
    stops
        The ends of its sections, as offsets in `data`.
    encoding, language
        Those of the file; without a language it is cut as text.
    inside_line
        Whether it begins inside a line.
    is_whole
        Whether it is the whole file, in one section.
    """

    start: int
    line: int
    data: bytes
    stops: tuple[int, ...]
    encoding: Encoding
    language: str | None
    inside_line: bool
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Splitter:
    """Cuts one file after the other in windows, in memory that does not grow with the file.

    The fields are the parameters of `split`; `timer` is a clock in seconds.

    Examples
    --------
    >>> source = b"def f():\\n    return 1\\n\\n\\n" * 10
    >>> splitter = Splitter("m.py", None, max_bytes=64, window_bytes=128, timeout_s=5.0, note=None)
    >>> windows = list(splitter.windows(io.BytesIO(source).read))
    >>> [len(window.data) for window in windows]
    [144, 96]
    >>> cut = [chunk for window in windows for chunk in splitter.cut(window)]
    >>> cut == list(splitter.chunks(io.BytesIO(source).read))
    True
    """

    path: str
    language: str | None
    max_bytes: int
    window_bytes: int
    timeout_s: float
    note: Note | None
    timer: Callable[[], float] = time.monotonic
    grammar: Grammar | None = field(init=False)

    def __post_init__(self) -> None:
        if self.max_bytes < LEAST_BYTES:
            raise ConfigError(f"max_bytes is {self.max_bytes}; a chunk needs {LEAST_BYTES} bytes or more")
        if self.window_bytes < 2 * self.max_bytes:
            raise ConfigError(
                f"window_bytes is {self.window_bytes}; it must be at least twice max_bytes ({self.max_bytes})"
            )
        named = self.language or language_of(self.path)
        object.__setattr__(self, "grammar", None if named is None else grammar_of(named))

    def chunks(self, read: Callable[[int], bytes]) -> Iterator[Chunk]:
        """Yield the chunks of what `read(n)` gives: up to `n` bytes, fewer only at the end."""
        cutter = self.cutter()
        for window in self.windows(read):
            cutter.is_whole = window.is_whole
            yield from self.placed(window, self._sections(window, cutter))

    def windows(self, read: Callable[[int], bytes]) -> Iterator[Window]:
        """Yield what `read(n)` gives in windows, each `window_bytes` and at most one section long."""
        room = max(2 * self.window_bytes, SNIFFED_BYTES) + _LOOK_AHEAD_BYTES
        data = read(room)
        sectioning = self.sectioning(data)
        language = None if sectioning.grammar is None else sectioning.grammar.name
        start, line, inside_line = 0, 1, False
        while data:
            stops = tuple(sectioning.ends(data, 0, self.window_bytes))
            held = data[: stops[-1]]
            is_whole = start == 0 and len(stops) == 1 and len(held) == len(data) < room
            yield Window(start, line, held, stops, sectioning.encoding, language, inside_line, is_whole)
            start, line = start + len(held), line + sectioning.encoding.lines(held)
            inside_line = not held.endswith(b"\n")
            data = data[len(held) :] + read(len(held))

    def cut(self, window: Window) -> list[Chunk]:
        """Return the chunks of a window; `timeout_s` counts for it alone."""
        return list(self.placed(window, self.sections(window)))

    def sections(self, window: Window) -> Iterator[Section]:
        """Yield the sections of a window, cut; `timeout_s` counts for it alone."""
        return self._sections(window, self.cutter(is_whole=window.is_whole))

    def sectioning(self, head: bytes) -> Sectioning:
        """Return how the file with these first bytes, as many as are at hand, falls into sections."""
        encoding, grammar = encoding_of(head), self.grammar
        if grammar is not None and encoding is not UTF8:
            self._tell(f"{self._name} is {encoding.name}, so that it is cut without the {grammar.name} grammar")
            grammar = None
        return Sectioning(encoding, grammar, self.window_bytes)

    def cutter(self, *, is_whole: bool = False) -> Cutter:
        """Return what cuts one section of a file after the other (all of it if `is_whole`), within the time allowed."""
        patience = Patience(self.timeout_s, self.timer)
        return Cutter(self._name, self.max_bytes, patience, self.timeout_s, self.note, is_whole)

    def _sections(self, window: Window, cutter: Cutter) -> Iterator[Section]:
        grammar = None if window.language is None else grammar_of(window.language)
        start, line, inside_line = 0, window.line, window.inside_line
        for stop in window.stops:
            data = window.data if stop - start == len(window.data) else window.data[start:stop]
            section = cutter.cut(data, window.encoding, grammar, line, inside_line=inside_line)
            yield section
            start, line, inside_line = stop, line + section.feeds, not data.endswith(b"\n")

    def placed(self, window: Window, sections: Iterable[Section]) -> Iterator[Chunk]:
        """Yield the chunks of a window's sections."""
        at, line = 0, window.line
        for section in sections:
            for piece in section.pieces:
                data = window.data[at : at + piece.nbytes]
                yield piece.at(self.path, window.start + at, line, data)
                at, line = at + piece.nbytes, line + piece.feeds

    def _tell(self, sentence: str) -> None:
        if self.note is not None:
            self.note(sentence)

    @property
    def _name(self) -> str:
        return self.path or "the input"
