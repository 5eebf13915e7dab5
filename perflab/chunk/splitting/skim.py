"""The units of well-kept source, told from its lines alone: some times as quick as parsing it.

In: a section and the `Style` of its grammar. Out: `Unit`s as those of `units.py`, or None where indentation
does not tell the structure, such as in code without line breaks; then the section is parsed.

A line begins a unit if its indentation is that of its block, it lies outside of quotes and comments, and it does not
go on with what is before it. A block that is too big is opened at the indentation of its own first line.
"""

from __future__ import annotations

import codecs
import functools
import re
from dataclasses import dataclass
from itertools import pairwise

from perflab.chunk.languages.syntax import Grammar, Style
from perflab.chunk.splitting.units import DEFINITION, Owner, Unit, by_lines, kind_in

__all__ = ["skimmed"]

_END_BYTES = 64  # more than the blank lines that are usual between definitions
_INDENT = re.compile(rb"[ \t]*")
_NEXT_INDENT = re.compile(rb"(?:[ \t]*\r?\n)*([ \t]*)(?=\S)")


def skimmed(data: bytes, grammar: Grammar, limit: int) -> list[Unit] | None:
    """Return the units of a section, none longer than `limit`; None if it has to be parsed."""
    style = grammar.style
    if style is None:
        return None
    marked = data.startswith(codecs.BOM_UTF8)
    text = b"\n" + (data.replace(codecs.BOM_UTF8, b"\n\n\n", 1) if marked else data)  # each line is behind a line feed
    parts = _outermost(text, style)
    if parts is None:
        return None
    waiting = parts[::-1]
    done: list[Unit] = []
    while waiting:
        unit = waiting.pop()
        if len(unit) <= limit:
            done.append(unit)
        elif (parts := _opened(data, text, unit, style, limit)) is None:
            return None
        else:
            waiting += reversed(parts)
    return done


def _outermost(text: bytes, style: Style) -> list[Unit] | None:
    """Return the units without indentation, and before them those of a definition that began before the section."""
    whole = Unit(0, len(text) - 1, [], Owner())
    parts = _block(text, whole, 0, b"", style)
    if parts is None:
        return None
    before = Unit(0, parts[0].start if parts else whole.stop, [], whole.owner)
    indent = _NEXT_INDENT.match(text, 1, before.stop + 1)
    if indent is None:
        return _covering(whole, parts)
    inner = _block(text, before, 0, indent[1], style) if indent[1] else []
    return None if inner is None else [*_covering(before, inner), *parts]


def _block(text: bytes, whole: Unit, at: int, indent: bytes, style: Style) -> list[Unit] | None:
    """Return the units that begin with lines of an indentation from `at` on; bytes before the first are in none.

    None if one of them is no whole definition, or not finished where the next one begins.
    """
    found: list[Unit] = []
    lead = _Lead(text, whole, _compiled(rb"(?:\s|" + style.comment + rb")*+"))
    for match in _units_of(style, indent, whole.owner.kind in style.holders).finditer(text, at, whole.stop + 1):
        what = match.lastgroup
        if what is None or what == "going_on":
            continue
        if what == "broken":
            return None
        line = match.start()
        if lead.comment >= 0:
            found += lead.parted(line)
        if what in ("comment", "lead"):
            lead.add(line, what)
        else:
            found.append(_unit(match, what, lead.taken(line), whole))
    found += lead.rest()
    for unit, following in pairwise(found):
        unit.stop = following.start
    return found if all(_is_finished(text, unit, style) for unit in found if unit.rank == DEFINITION) else None


def _unit(match: re.Match[bytes], what: str, start: int, whole: Unit) -> Unit:
    """Return the unit that begins with a line, and the lines before it that it takes in."""
    unit = Unit(start, whole.stop, [], whole.owner, anchor=match.start())
    if what != "statement":
        unit.kind, unit.rank = kind_in(whole.owner, what.partition("_")[0]), DEFINITION
        unit.name = match[what].decode("utf-8", "replace")
    return unit


@dataclass(slots=True)
class _Lead:
    """The lines that the next unit takes in: where they begin, and the last of them if it is a comment; -1 for none."""

    text: bytes
    whole: Unit
    remarks: re.Pattern[bytes]
    start: int = -1
    comment: int = -1

    def add(self, line: int, what: str) -> None:
        """Take a line in."""
        self.start = line if self.start < 0 else self.start
        self.comment = line if what == "comment" else -1

    def taken(self, line: int) -> int:
        """Return where the unit that has its own line at `line` begins, and hold nothing any more."""
        start = line if self.start < 0 else self.start
        self.start = self.comment = -1
        return start

    def parted(self, line: int) -> list[Unit]:
        """Let go what does not belong to a unit at `line`; return it if it is a unit of its own."""
        if not self._is_all_until(line):
            self.start = self.comment = -1  # what is before the comment goes on behind it
        elif self.text[max(line - 2, 0) : line].endswith((b"\n", b"\n\r")):
            return self._alone()
        return []

    def rest(self) -> list[Unit]:
        """Return what no unit took in, if it is a unit of its own."""
        return self._alone() if self.start >= 0 and self._is_all_until(self.whole.stop + 1) else []

    def _is_all_until(self, line: int) -> bool:
        return self.comment < 0 or self.remarks.fullmatch(self.text, self.comment, line) is not None

    def _alone(self) -> list[Unit]:
        whole, start = self.whole, self.start
        unit = Unit(start, whole.stop, [], whole.owner, anchor=start, remark=self.comment >= 0)
        self.start = self.comment = -1
        return [unit]


def _opened(data: bytes, text: bytes, unit: Unit, style: Style, limit: int) -> list[Unit] | None:
    """Return what a unit that is too big consists of; None if its lines do not tell, or are too long themselves."""
    defines = unit.rank == DEFINITION and not unit.head
    if defines and unit.stop - _core(data, unit, style) <= limit:
        return _trimmed(data, unit, limit)
    begin = _body(data, unit, style)
    inner, outer = _NEXT_INDENT.match(data, begin, unit.stop), _INDENT.match(data, unit.anchor, unit.stop)
    if not unit.head and inner is not None and outer is not None and len(inner[1]) > len(outer[0]):
        owner = Owner((*unit.owner.names, unit.name), unit.kind) if defines else unit.owner
        around = Unit(unit.start, unit.stop, [], owner)
        parts = _block(text, around, inner.start(1), inner[1], style)
        if parts is None:
            return None
        if defines and parts and parts[0].start > unit.start:
            head = Unit(unit.start, parts[0].start, [], owner, unit.kind, unit.anchor, DEFINITION, head=True)
            return [head, *parts]
        if len(parts := _covering(around, parts)) > 1:
            return parts
    lines = by_lines(data, unit, limit)
    return lines if all(data[line.stop - 1] == 0x0A for line in lines[:-1]) else None


def _covering(whole: Unit, parts: list[Unit]) -> list[Unit]:
    """Let the first unit begin where the whole does."""
    if not parts:
        return [whole]
    parts[0].start = whole.start
    return parts


def _core(data: bytes, unit: Unit, style: Style) -> int:
    """Return where the decorators of a definition begin, or it itself: what comments before it can be cut from."""
    at = unit.start
    lead = _compiled(rb"[ \t]*(?:" + style.lead + b")")
    while at < unit.anchor and not lead.match(data, at):
        at = data.index(b"\n", at) + 1
    return at


def _trimmed(data: bytes, unit: Unit, limit: int) -> list[Unit]:
    """Cut the first of the lines before a definition off, so that it fits with the others."""
    at = unit.start
    while unit.stop - at > limit:
        at = data.index(b"\n", at) + 1
    before = Unit(unit.start, at, [], unit.owner, anchor=unit.start)
    unit.start = at
    return [before, unit]


def _body(data: bytes, unit: Unit, style: Style) -> int:
    """Return where the inside of a unit begins: behind the head of a definition, else behind the first line."""
    if unit.rank == DEFINITION and (match := _compiled(style.body).search(data, unit.anchor, unit.stop)) is not None:
        return match.end()
    return (data.find(b"\n", unit.anchor, unit.stop) + 1) or unit.stop


def _is_finished(text: bytes, unit: Unit, style: Style) -> bool:
    start, stop = unit.anchor + 1, unit.stop + 1
    end = text[max(stop - _END_BYTES, start) : stop].rstrip()
    return not (end or text[start:stop].rstrip()).endswith(style.unfinished)


@functools.cache
def _units_of(style: Style, indent: bytes, is_member: bool) -> re.Pattern[bytes]:
    """Return the pattern of what may begin a unit at an indentation; the last group that matched says what it is."""
    kinds = (
        b"(?P<going_on>" + style.going_on + b")",
        b"(?P<lead>" + style.lead + b")",
        b"(?P<comment>" + style.comment + b")",
        style.head,
        style.member if is_member else b"(?!)",
        b"(?P<broken>" + style.broken + b")",
        b"(?P<statement>)",
    )
    line = rb"\n" + re.escape(indent) + rb"(?=[^ \t\r\n])(?:" + b"|".join(kinds) + b")"
    return _compiled(style.quoted + b"|" + line)


@functools.cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL | re.VERBOSE)
