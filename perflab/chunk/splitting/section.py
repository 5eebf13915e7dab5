"""One section of a file, cut into pieces.

In: a section's bytes, its encoding and grammar. Out: a `Section`, which depends on nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from perflab.chunk.chunk import Piece, digest_of
from perflab.chunk.languages.grammar import Grammar, name_of
from perflab.chunk.languages.parsing import Patience, first_error
from perflab.chunk.splitting.pack import pack
from perflab.chunk.splitting.skim import skimmed
from perflab.chunk.splitting.units import DEFINITION, Unit, top_units, units
from perflab.chunk.text.encoding import Encoding
from perflab.chunk.text.plain import cuts

__all__ = ["Cutter", "Section"]

_INDENT_BYTES = 64


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a file and the pieces that it was cut into.

    Attributes
    ----------
    nbytes, feeds
        Its size, and the line feeds in it.
    digest
        xxh3_128 of its bytes in hexadecimal digits.
    pieces
        What it was cut into, in order.
    inside_line
        Whether it begins inside a line; then it is cut without a grammar.
    in_time
        False if parsing it took too long, so that another try may find other borders.
    """

    nbytes: int
    feeds: int
    digest: str
    pieces: tuple[Piece, ...]
    inside_line: bool = False
    in_time: bool = True


@dataclass(slots=True)
class Cutter:
    """Cuts the sections of one file and tells once what kept its grammar from being used.

    Attributes
    ----------
    name, note
        What the file is called, and what is called with a sentence about it.
    max_bytes
        No piece is longer.
    patience, timeout_s
        The time left for parsing, and that at the beginning.
    is_whole
        Whether the file is one section.
    """

    name: str
    max_bytes: int
    patience: Patience
    timeout_s: float
    note: Callable[[str], None] | None
    is_whole: bool = False
    told: set[str] = field(default_factory=set)

    def cut(
        self, data: bytes, encoding: Encoding, grammar: Grammar | None, line: int = 1, *, inside_line: bool = False
    ) -> Section:
        """Return a section cut into pieces; `line` is that of its first byte."""
        use = grammar if grammar is not None and not inside_line and self._bears(data, grammar, line) else None
        found = None if use is None else self._parsed(data, use, line)
        pieces = tuple(self._plain(data, encoding) if found is None else found)
        feeds = sum(piece.feeds for piece in pieces)
        in_time = use is None or found is not None
        return Section(len(data), feeds, digest_of(data), pieces, inside_line, in_time)

    def _bears(self, data: bytes, grammar: Grammar, line: int) -> bool:
        """Tell whether the grammar's parser survives a section."""
        if not grammar.fatal or re.search(grammar.fatal, data) is None:
            return True
        place = f"{self.name} from line {line} on"
        self._tell("depth", f"{place} is cut without the {grammar.name} grammar: it is nested too deeply for it")
        return False

    def _parsed(self, data: bytes, grammar: Grammar, line: int) -> Iterator[Piece] | None:
        if (skimmed_units := skimmed(data, grammar, self.max_bytes)) is not None:
            return (_piece(data, run, grammar) for run in pack(data, skimmed_units, self.max_bytes))
        tree = self.patience.parse(_opened(data, grammar), grammar.load())
        if tree is None:
            reason = f"parsing it took longer than the {self.timeout_s:g} s allowed"
            self._tell("time", f"{self.name} from line {line} on is cut without the {grammar.name} grammar: {reason}")
            return None
        root = tree.root_node
        if root.has_error and self.note is not None and (not grammar.nested or self.is_whole):
            line += data.count(b"\n", 0, first_error(root))
            self._tell("error", f"{self.name} has a syntax error at line {line}; its borders may be rougher there")
        cut = units(data, top_units(data, root, grammar), grammar, self.max_bytes)
        return (_piece(data, run, grammar) for run in pack(data, cut, self.max_bytes))

    def _plain(self, data: bytes, encoding: Encoding) -> Iterator[Piece]:
        kind = "binary" if encoding.name == "binary" else "text"
        start = 0
        for stop in cuts(data, 0, len(data), self.max_bytes, encoding):
            part = data[start:stop]
            ended = part.endswith(encoding.newline)
            yield Piece(len(part), encoding.lines(part), ended, kind, "", (), digest_of(part), None)
            start = stop

    def _tell(self, about: str, sentence: str) -> None:
        if self.note is not None and about not in self.told:
            self.told.add(about)
            self.note(sentence)


def _opened(data: bytes, grammar: Grammar) -> bytes:
    """Return a section made to parse on its own; nothing in it moves."""
    opening = grammar.openings.get(data[:_INDENT_BYTES].lstrip(b" \t")[:1]) if data[:1] in (b" ", b"\t") else None
    return data if opening is None else opening + data[1:]


def _piece(data: bytes, run: list[Unit], grammar: Grammar) -> Piece:
    first = next((unit for unit in run if not unit.remark), run[0])
    parents, name = first.owner.names, ""
    if first.head:
        name, parents = grammar.separator.join(parents), parents[:-1]
    elif first.rank == DEFINITION:
        own = first.name if first.definition is None else name_of(first.definition, data, grammar)
        name = grammar.separator.join((*parents, own))
    part = data[run[0].start : run[-1].stop]
    feeds, ended = part.count(b"\n"), part.endswith(b"\n")
    return Piece(len(part), feeds, ended, first.kind, name, parents, digest_of(part), grammar.name)
