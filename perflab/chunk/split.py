"""Lossless cuts of bytes into chunks along the borders of classes, functions, methods and headings.

In: bytes, or a function that reads them. Out: `Chunk`s whose bytes, put together, are the input, whatever it was.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

from perflab.chunk.chunk import Chunk, digest_of
from perflab.chunk.encoding import UTF8, Encoding, encoding_of
from perflab.chunk.grammar import Grammar, grammar_of, language_of, name_of
from perflab.chunk.pack import pack
from perflab.chunk.plain import anchor_hash, cuts
from perflab.chunk.units import DEFINITION, Unit, top_units, units
from perflab.errors import ConfigError

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Tree

__all__ = ["Note", "Splitter", "parse", "split"]

Note = Callable[[str], None]
_SLOW_PARSE_S_PER_BYTE = 1e-6  # a sixth of the usual speed; only what is slower counts as lost time
LEAST_BYTES = 64  # a chunk must hold a character, and room to choose a border


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
        Source parsed at a time. A syntax tree takes about thirty times its source in memory.
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


@dataclass(slots=True)
class _Place:
    """How far a file has been cut, and what was found out about it."""

    encoding: Encoding
    grammar: Grammar | None
    patience_s: float
    start: int = 0
    line: int = 1
    error_told: bool = False


@dataclass(frozen=True, slots=True)
class Splitter:
    """Cuts one file after the other in windows, in memory that does not grow with the file.

    The fields are the parameters of `split`; `timer` is a clock in seconds.
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
        window = read(self.window_bytes)
        place = self._begin(window)
        while window:
            last = len(window) < self.window_bytes
            base = place.start
            yield from self._cut(window, place, last=last)
            done = place.start - base
            window = b"" if last else window[done:] + read(done)

    def _begin(self, head: bytes) -> _Place:
        encoding, grammar = encoding_of(head), self.grammar
        if grammar is not None and encoding is not UTF8:
            self._tell(f"{self._name} is {encoding.name}, so that it is cut without the {grammar.name} grammar")
            grammar = None
        return _Place(encoding, grammar, self.timeout_s)

    def _cut(self, window: bytes, place: _Place, *, last: bool) -> Iterator[Chunk]:
        """Yield the chunks of a window; `place` moves on to the first byte that is left for the next window."""
        tree = None if place.grammar is None else self._parse(window, place)
        if tree is None or place.grammar is None:
            yield from self._plain_chunks(window, place, last=last)
            return
        grammar = place.grammar
        top = top_units(window, tree.root_node, grammar)
        border = len(window) if last else _window_border(window, top)
        self._tell_error(tree.root_node, window, place, border)
        cut = units(window, [unit for unit in top if unit.start < border], grammar, self.max_bytes)
        held = None
        base = place.start
        for run in pack(window, cut, self.max_bytes):
            if held is not None:
                yield self._chunk(window, held, base, place, grammar)
            held = run
        if held is not None and (last or border < len(window)):
            yield self._chunk(window, held, base, place, grammar)

    def _plain_chunks(self, window: bytes, place: _Place, *, last: bool) -> Iterator[Chunk]:
        kind = "binary" if place.encoding.name == "binary" else "text"
        start = 0
        for stop in cuts(window, 0, len(window), self.max_bytes, place.encoding):
            if stop == len(window) and not last:
                return
            yield self._extent(window[start:stop], place, kind)
            start = stop

    def _chunk(self, window: bytes, run: list[Unit], base: int, place: _Place, grammar: Grammar) -> Chunk:
        first = run[0]
        parents, name = first.owner.names, ""
        if first.core is not None and first.definition is not None:
            name = grammar.separator.join((*parents, name_of(first.definition, window, grammar)))
        elif first.definition is not None:
            name, parents = grammar.separator.join(parents), parents[:-1]
        data = window[place.start - base : run[-1].stop]
        return self._extent(data, place, first.kind, name, parents, grammar.name)

    def _extent(
        self,
        data: bytes,
        place: _Place,
        kind: str,
        name: str = "",
        parents: tuple[str, ...] = (),
        language: str | None = None,
    ) -> Chunk:
        start, line = place.start, place.line
        feeds = place.encoding.lines(data)
        place.start, place.line = start + len(data), line + feeds
        end_line = line + feeds - data.endswith(place.encoding.newline)
        return Chunk(
            self.path, start, place.start, line, end_line, kind, name, parents, digest_of(data), data, language
        )

    def _parse(self, window: bytes, place: _Place) -> Tree | None:
        """Return the window's tree, or None if the file has used up the time that parsing may lose."""
        assert place.grammar is not None
        expected_s = len(window) * _SLOW_PARSE_S_PER_BYTE
        began = self.timer()
        deadline = began + expected_s + place.patience_s
        timer = self.timer
        tree = parse(window, place.grammar.load(), lambda _at, _error: timer() > deadline)
        place.patience_s -= max(0.0, self.timer() - began - expected_s)
        if tree is None:
            self._tell(
                f"{self._name} from line {place.line} on is cut without the {place.grammar.name} grammar: "
                f"parsing it took longer than the {self.timeout_s:g} s allowed"
            )
            place.grammar = None
        return tree

    def _tell_error(self, root: Node, window: bytes, place: _Place, border: int) -> None:
        if self.note is None or place.error_told or not root.has_error:
            return
        at = _first_error(root)
        if at < border:
            place.error_told = True
            line = place.line + window.count(b"\n", 0, at)
            self._tell(f"{self._name} has a syntax error at line {line}; its borders may be rougher there")

    def _tell(self, sentence: str) -> None:
        if self.note is not None:
            self.note(sentence)

    @property
    def _name(self) -> str:
        return self.path or "the input"


def parse(
    data: bytes, language: Language, expired: Callable[[int, bool], bool] = lambda _at, _error: False
) -> Tree | None:
    """Return the syntax tree of some bytes, or None if `expired(offset, in_error)` was true before it was complete.

    The tree's nodes have no `text` (see `perflab.chunk.grammar.name_of`); cut it out of `data`.
    """
    from tree_sitter import Parser

    view = memoryview(data)
    parser = Parser(language)
    try:
        return parser.parse(lambda at, _: view[at:], progress_callback=expired)
    except ValueError:
        return None


def _window_border(window: bytes, top: list[Unit]) -> int:
    """Return where the next window begins: at a definition of the last eighth, chosen by its own first line.

    If a single definition fills the window, its end: then the last chunk is left to the next window.
    """
    starts = [unit for unit in top if unit.rank == DEFINITION and unit.start > 0]
    late = [unit for unit in starts if unit.start > len(window) * 7 // 8]
    if late:
        return max(late, key=lambda unit: anchor_hash(window, unit.anchor)).start
    return starts[-1].start if starts else len(window)


def _first_error(root: Node) -> int:
    node: Node | None = root
    at = root.start_byte
    while node is not None:
        at = node.start_byte
        node = next((child for child in node.children if child.has_error or child.is_missing), None)
    return at
