"""The pieces of a syntax tree between which a file may be cut.

In: a parsed window. Out: `Unit`s in order, without gaps, each no longer than the limit and each definition whole
if it fits. Only top-level nodes and the inside of what is too big are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perflab.chunk.languages.grammar import Grammar, body_of, definition_of, name_of
from perflab.chunk.text.plain import pieces

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = [
    "DEFINITION",
    "LINE",
    "PARAGRAPH",
    "STATEMENTS",
    "Owner",
    "Unit",
    "by_lines",
    "kind_in",
    "top_units",
    "units",
]

STATEMENTS = "statements"
LINE, PARAGRAPH, STATEMENT, DEFINITION = range(4)
_HOLDERS = frozenset({"class", "interface", "implementation"})
_SMALL_NODE_BYTES = 32  # a line of nodes smaller than this is data, which no border between them makes clearer


@dataclass(frozen=True, slots=True, eq=False)
class Owner:
    """A definition too big for one chunk, as the units inside it see it; compared by identity."""

    names: tuple[str, ...] = ()
    kind: str = ""


@dataclass(slots=True, eq=False)
class Unit:
    """A piece of a window.

    Attributes
    ----------
    start, stop
        Offsets in the window; blank lines belong to the unit before them.
    nodes
        Sibling nodes in it. Bytes before the first and after the last may belong to it as well.
    owner
        The definition around it that had to be cut.
    kind
        Kind of the definition that it is or begins, or `statements`.
    anchor
        Where the line begins whose hash speaks for the unit: the definition's own, not its comment's.
    rank
        The greater, the rather a chunk begins here: line, paragraph, statement, definition.
    definition
        The node that defines; also of the head of a definition that was cut.
    core
        The sibling that holds the definition with its decorators; None if the definition was cut already.
    name
        The definition's own name, where no node tells it.
    head
        Whether it begins a definition that was cut, which is its owner then.
    remark
        Whether it is a comment that stands alone.
    """

    start: int
    stop: int
    nodes: list[Node]
    owner: Owner
    kind: str = STATEMENTS
    anchor: int = 0
    rank: int = STATEMENT
    definition: Node | None = None
    core: Node | None = None
    name: str = ""
    head: bool = False
    remark: bool = False

    def __len__(self) -> int:
        """Return the size in bytes."""
        return self.stop - self.start


def top_units(data: bytes, root: Node, grammar: Grammar) -> list[Unit]:
    """Return the units of a window's top level, of any size; together they cover the window."""
    return _siblings(data, Unit(0, len(data), root.named_children, Owner()), grammar)


def units(data: bytes, top: Sequence[Unit], grammar: Grammar, limit: int) -> Iterator[Unit]:
    """Yield the top-level units, those longer than `limit` bytes cut into smaller ones."""
    stack = list(reversed(top))
    while stack:
        unit = stack.pop()
        if unit.stop - unit.start <= limit:
            yield unit
        else:
            stack.extend(reversed(_cut(data, unit, grammar, limit)))


def _cut(data: bytes, unit: Unit, grammar: Grammar, limit: int) -> list[Unit]:
    if unit.core is not None:
        return _trimmed(data, unit, grammar, limit) or _opened(data, unit, grammar)
    several = len(unit.nodes) > 1
    one_line = several and data.find(b"\n", unit.start, unit.stop - 1) < 0
    if several and not one_line and len(parts := _siblings(data, unit, grammar)) > 1:
        return parts
    if one_line and len(unit) < _SMALL_NODE_BYTES * len(unit.nodes):
        return by_lines(data, unit, limit)
    largest = max(unit.nodes, key=_size, default=None)
    inside = largest.named_children if largest is not None and (_size(largest) > limit or not several) else []
    if (one_line or not inside) and len(parts := _siblings(data, unit, grammar, anywhere=True)) > 1:
        return parts
    return [_with_nodes(unit, inside)] if inside else by_lines(data, unit, limit)


def _siblings(data: bytes, whole: Unit, grammar: Grammar, *, anywhere: bool = False) -> list[Unit]:
    """Return one unit a sibling; a definition takes in the decorators and comments right before it.

    A unit begins at the start of a line; with `anywhere`, which is for nodes of a single line, inside it. If `whole`
    is the head of a definition, the first unit goes on being it.
    """
    found: list[Unit] = []
    if whole.definition is not None:
        found.append(_with_nodes(whole, []))
    leads = 0  # how many of the last units the next definition takes in
    loose = False  # whether the last of them is a comment, which a blank line parts from it
    previous, stop, owner = whole.start, whole.stop, whole.owner
    candidates, comments, attached = grammar.candidates, grammar.comments, grammar.attached
    for node in whole.nodes:
        start, end = node.byte_range
        border = start if anywhere else _border(data, previous, start)
        if loose and data.count(b"\n", previous, start) > 1:
            leads = 0
        if end > previous:
            previous = end
        if not found:
            border = whole.start
        elif border <= found[-1].start:
            found[-1].nodes.append(node)
            found[-1].remark = False
            continue
        else:
            found[-1].stop = border
        unit = Unit(border, stop, [node], owner, STATEMENTS, border)
        node_type = node.type
        if node_type in candidates and _define(unit, node, grammar) and leads:
            unit.start = found[-leads].start
            unit.nodes = [*(before for lead in found[-leads:] for before in lead.nodes), node]
            del found[-leads:]
        found.append(unit)
        unit.remark = loose = node_type in comments
        leads = leads + 1 if loose or node_type in attached else 0
    if not found:
        return [_with_nodes(whole, [])]
    return _joined(found, grammar) if grammar.opens else found


def _define(unit: Unit, node: Node, grammar: Grammar) -> bool:
    """Note in the unit what its node defines; return whether it defines anything."""
    defined = definition_of(node, grammar)
    if defined is None:
        return False
    unit.core, unit.rank = node, DEFINITION
    unit.definition, unit.kind = defined
    unit.anchor = unit.definition.start_byte
    unit.kind = kind_in(unit.owner, unit.kind)
    return True


def kind_in(owner: Owner, kind: str) -> str:
    """Return the kind of a definition inside another."""
    return "method" if kind == "function" and owner.kind in _HOLDERS else kind


def _border(data: bytes, previous: int, start: int) -> int:
    """Return where the line begins that holds only blanks before `start`; -1 if it began before `previous`.

    A node may end with its line feed, as Markdown's do, so that the byte before `previous` is looked at too.
    """
    line = data.rfind(b"\n", previous - 1 if previous else 0, start) + 1
    if line == start or (line and data[line:start].isspace()):
        return line
    return -1


def _joined(found: list[Unit], grammar: Grammar) -> list[Unit]:
    """Let a definition that opens a stretch (an underlined heading) take in what follows it."""
    joined: list[Unit] = []
    for unit in found:
        opener = joined[-1] if joined else None
        if opener is not None and opener.core is not None and opener.core.type in grammar.opens and not unit.core:
            opener.nodes += unit.nodes
            opener.stop = unit.stop
        else:
            joined.append(unit)
    return joined


def _trimmed(data: bytes, unit: Unit, grammar: Grammar, limit: int) -> list[Unit] | None:
    """Cut comments before and text after a definition off, if the definition then fits."""
    assert unit.core is not None
    if unit.core.type in grammar.opens:
        return None
    at = unit.nodes.index(unit.core)
    end = _line_end(data, unit.core.end_byte, unit.stop)
    starts = [unit.start, *(_start(data, unit, index) for index in range(1, at + 1))]
    fitting = [start for start in starts if end - start <= limit]
    if not fitting:
        end = unit.core.end_byte
        fitting = [start for start in starts if end - start <= limit]
    if not fitting or (fitting[0], end) == (unit.start, unit.stop):
        return None
    start = fitting[0]
    first = starts.index(start)
    parts = [Unit(unit.start, start, unit.nodes[:first], unit.owner, anchor=unit.start)] if first else []
    parts.append(_with_nodes(unit, unit.nodes[first : at + 1], start=start, stop=end))
    if end < unit.stop:
        parts.append(Unit(end, unit.stop, unit.nodes[at + 1 :], unit.owner, anchor=end))
    return parts


def _start(data: bytes, unit: Unit, index: int) -> int:
    """Return where a unit's later node begins, from the start of its line if only blanks are before it."""
    begin = unit.nodes[index].start_byte
    border = _border(data, unit.nodes[index - 1].end_byte, begin)
    return begin if border < 0 else border


def _line_end(data: bytes, at: int, stop: int) -> int:
    """Return the end of the line if only blanks are left on it, else `at`."""
    newline = data.find(b"\n", at, stop)
    end = stop if newline < 0 else newline + 1
    return at if data[at:end].strip() else end


def _opened(data: bytes, unit: Unit, grammar: Grammar) -> list[Unit]:
    """Cut a definition into its head and what its body holds."""
    assert unit.definition is not None
    assert unit.core is not None
    owner = Owner((*unit.owner.names, name_of(unit.definition, data, grammar)), unit.kind)
    head = Unit(unit.start, unit.stop, [], owner, unit.kind, unit.anchor, DEFINITION, unit.definition, head=True)
    at = unit.nodes.index(unit.core)
    body = body_of(unit.definition, grammar)
    if unit.core.type in grammar.opens:
        head.nodes = unit.nodes
    elif body is None:
        head.nodes = unit.nodes[:at] + unit.definition.named_children
    else:
        head.nodes = body.named_children
        parts = _siblings(data, head, grammar)
        parts[0].nodes = [*unit.nodes[:at], *_before(unit.definition, body), *parts[0].nodes]
        return parts
    return [head]


def _before(definition: Node, body: Node) -> list[Node]:
    return [node for node in definition.named_children if node.end_byte <= body.start_byte]


def by_lines(data: bytes, unit: Unit, limit: int) -> list[Unit]:
    """Cut at lines what the tree does not divide, such as a long text in quotes."""
    parts = []
    for start, stop in pieces(data, unit.start, unit.stop, limit):
        rank = PARAGRAPH if data[max(start - 3, 0) : start].endswith((b"\n\n", b"\n\r\n")) else LINE
        parts.append(Unit(start, stop, [], unit.owner, anchor=start, rank=rank))
    first = parts[0]
    first.kind, first.anchor, first.rank, first.definition = unit.kind, unit.anchor, unit.rank, unit.definition
    first.name, first.head = unit.name, unit.head
    return parts


def _with_nodes(unit: Unit, nodes: list[Node], *, start: int | None = None, stop: int | None = None) -> Unit:
    return Unit(
        unit.start if start is None else start,
        unit.stop if stop is None else stop,
        nodes,
        unit.owner,
        unit.kind,
        unit.anchor,
        unit.rank,
        unit.definition,
        unit.core,
        unit.name,
        unit.head,
    )


def _size(node: Node) -> int:
    return node.end_byte - node.start_byte
