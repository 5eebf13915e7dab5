"""Where a file falls into sections: stretches that are cut without looking at any byte outside.

In: bytes, and what a likely definition of their language looks like. Out: the ends of sections, each found from the
bytes behind its beginning alone. An edit therefore changes the sections that it touches and seldom one more, however
it changes the meaning of all that follows (a quote that opens a text, say), and each section can be cut in a process
of its own.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from perflab.chunk.languages.grammar import Grammar
from perflab.chunk.text.encoding import UTF8, Encoding
from perflab.chunk.text.plain import anchor_hash, inside_line, line_starts

__all__ = ["SECTION_BYTES", "Sectioning"]

SECTION_BYTES = 65_536  # little to cut again after an edit, and few definitions that do not end in time
_ANCHOR_BYTES = 64
_PARAGRAPH = re.compile(rb"\n\r?\n(?=([ \t]*)[^\s})\]])")


@dataclass(frozen=True, slots=True)
class Sectioning:
    """How a file is cut into sections.

    Attributes
    ----------
    encoding, grammar
        Of the file; without a grammar sections end at lines.
    reach_bytes
        How far a section may go on where no definition begins.
    """

    encoding: Encoding
    grammar: Grammar | None
    reach_bytes: int

    @property
    def usual_bytes(self) -> int:
        """The most bytes of a section in which definitions begin."""
        return min(SECTION_BYTES, self.reach_bytes)

    def seen(self, nbytes: int) -> int:
        """Return how many bytes from its beginning on the end of a section of this size depends on."""
        usual, reach = self.usual_bytes, self.reach_bytes
        # Where no definition begins, a border is looked for from half of the reach on.
        is_usual = nbytes <= usual and (self.grammar is None or usual == reach or 2 * usual < reach)
        return usual if is_usual else reach

    def end(self, data: bytes, start: int) -> int:
        """Return the end of the section that begins at `start`; beyond its reach `data` is not looked at."""
        stop, usual = len(data), start + self.usual_bytes
        if stop <= usual:
            return stop
        if self.grammar is None:
            return self._line(data, start, usual)
        border = _border(self.grammar.border)
        found = [match.end() for match in border.finditer(data, (start + usual) // 2, usual)]
        if found:
            return max(found, key=functools.partial(_hash, data, usual))
        reach = start + self.reach_bytes
        if (match := border.search(data, usual, min(reach, stop))) is not None:
            return match.end()
        return stop if stop <= reach else self._line(data, start, reach)

    def ends(self, data: bytes, start: int, enough: int) -> Iterator[int]:
        """Yield the ends of consecutive sections until one reaches `enough` or the end of the data."""
        while start < min(enough, len(data)):
            start = self.end(data, start)
            yield start

    def _line(self, data: bytes, start: int, stop: int) -> int:
        """Return the beginning of a line near `stop`, of the least indented the one of the greatest content."""
        near = stop - (stop - start) // (8 if self.grammar is None else 2)
        lines: list[tuple[int, int]] = []
        if self.encoding == UTF8:
            lines = [(match.end(), len(match[1])) for match in _PARAGRAPH.finditer(data, near, stop)]
        if not lines and self.encoding.name != "binary":
            lines = [(at, _indent(data, at, stop)) for at in line_starts(data, near, stop, self.encoding)]
        if not lines:
            return inside_line(data, start, stop - start, self.encoding)
        least = min(indent for _, indent in lines)
        hashed = functools.partial(_hash, data, stop)
        return max((at for at, indent in lines if indent == least), key=hashed)


@functools.cache
def _border(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)


def _hash(data: bytes, stop: int, at: int) -> int:
    return anchor_hash(data[at : min(at + _ANCHOR_BYTES, stop)], 0)


def _indent(data: bytes, at: int, stop: int) -> int:
    line = data[at : min(at + _ANCHOR_BYTES, stop)]
    return len(line) - len(line.lstrip(b" \t"))
