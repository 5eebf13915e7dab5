"""A chunk as its own syntax tree shows it.

In: a chunk. Out: its nodes in order of the text, and the facts of the definitions among them.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from perflab.chunk.chunk import Chunk, digest_of
from perflab.chunk.languages.grammar import Grammar, body_of, definition_of, grammar_of, name_of
from perflab.chunk.languages.parsing import parse

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["ChunkSource", "Facts", "line_of", "nodes_of"]

Facts = dict[str, Any]

_LEAST_BODY_BYTES = 40


class ChunkSource:
    """A chunk made to parse on its own: a method without its indentation, or in a class around it."""

    def __init__(self, chunk: Chunk, grammar: Grammar) -> None:
        data = chunk.data
        self._offset = 0
        if grammar.name == "python":
            data = _dedented(data)
        elif chunk.kind == "method":
            before, after = grammar.envelope
            data, self._offset = before + data + after, len(before)
        self.data = data
        self.stop = len(data) - (len(grammar.envelope[1]) if self._offset else 0)
        self.grammar = grammar
        self._parents = chunk.parents
        self._member = chunk.kind == "method"
        self._around: list[tuple[int, str, str]] = []
        self._inner: set[int] = set()

    def visible(self, node: Node) -> bool:
        """Tell whether a node is the chunk's own, not the class put around it."""
        return node.start_byte >= self._offset and node.end_byte <= self.stop

    def symbol(self, node: Node) -> Facts | None:
        """Return the facts of the definition that `node` is; None if it is none, or part of one told before."""
        while self._around and node.start_byte >= self._around[-1][0]:
            self._around.pop()
        if node.type not in self.grammar.candidates or not node.is_named or node.id in self._inner:
            return None
        defined = definition_of(node, self.grammar)
        if defined is None:
            return None
        definition, kind = defined
        self._inner.update(_chain(node, definition))
        around = [(name, outer) for _, name, outer in self._around]
        name = name_of(definition, self.data, self.grammar)
        if kind == "function" and (around[-1][1] == "class" if around else self._member):
            kind = "method"
        self._around.append((node.end_byte, name, kind))
        qualified = self.grammar.separator.join((*self._parents, *(outer for outer, _ in around), name))
        return {
            "name": qualified,
            "kind": kind,
            "line": self.data.count(b"\n", 0, node.start_byte) + 1,
            "end_line": self.data.count(b"\n", 0, max(node.end_byte - 1, node.start_byte)) + 1,
            "signature": self._signature(definition),
            "documented": self._documented(node, definition),
            "complexity": 1,
            "body": self._body(definition),
        }

    def _body(self, definition: Node) -> str | None:
        body = body_of(definition)
        if body is None:
            return None
        words = b" ".join(self.data[body.start_byte : body.end_byte].split())
        return digest_of(words) if len(words) >= _LEAST_BODY_BYTES else None

    def _signature(self, definition: Node) -> str:
        body = body_of(definition)
        last = None if body is None else body.prev_sibling
        while last is not None and last.type in self.grammar.comments:
            last = last.prev_sibling
        if last is None:
            return line_of(self._first_line(definition))
        end = last.start_byte if last.type in (":", "=>") else last.end_byte
        return line_of(self.data[definition.start_byte : end])

    def _first_line(self, definition: Node) -> bytes:
        return self.data[definition.start_byte : definition.end_byte].split(b"\n", 1)[0]

    def _documented(self, node: Node, definition: Node) -> bool:
        if self.grammar.name == "python":
            body = body_of(definition)
            first = body.named_child(0) if body is not None and body.named_child_count else None
            return first is not None and _isline_of(first)
        before = node.prev_sibling
        return before is not None and before.type in self.grammar.comments


def nodes_of(chunk: Chunk) -> Iterator[tuple[Node, int, ChunkSource]]:
    """Yield a chunk's nodes in order of the text with their depth; nothing if no grammar cut its file."""
    if chunk.language is None:
        return
    grammar = grammar_of(chunk.language)
    source = ChunkSource(chunk, grammar)
    tree = parse(source.data, grammar.load())
    if tree is None:
        return
    cursor = tree.walk()
    depth, more = 1, True
    while more:
        node = cursor.node
        if node is not None and source.visible(node):
            yield node, depth, source
        if cursor.goto_first_child():
            depth += 1
            continue
        while not (more := cursor.goto_next_sibling()) and (more := cursor.goto_parent()):
            depth -= 1


def _dedented(data: bytes) -> bytes:
    text = data.decode("utf-8", "surrogateescape")
    indent = re.match(r"[ \t]*(?=[^ \t\r\n])", text)
    if indent is None or not indent[0]:
        return data
    return textwrap.dedent(text).encode("utf-8", "surrogateescape")


def _isline_of(statement: Node) -> bool:
    first = statement.named_child(0) if statement.named_child_count == 1 else None
    return first is not None and first.type in ("string", "concatenated_string")


def _chain(node: Node, definition: Node) -> Iterator[int]:
    """Yield the ids of the nodes from a wrapper down to what it wraps, and of the value that a binding binds."""
    inner: Node | None = definition
    while inner is not None and inner.id != node.id:
        yield inner.id
        inner = inner.parent
    for child in definition.named_children:
        yield child.id


def line_of(data: bytes) -> str:
    """Return source text on one line."""
    return " ".join(data.decode("utf-8", "replace").split())
