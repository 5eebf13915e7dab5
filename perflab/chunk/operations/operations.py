"""Perflab's own functions of one chunk: `parse`, `analyze`, `index`, and `transform` around one of yours.

In: a chunk. Out: JSON-able facts about it. Lines in them count from 1 at the chunk's own first line, so that a chunk
that moved within its file keeps its facts; add `chunk.start_line - 1` for lines of the file.
"""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from perflab.chunk.chunk import Chunk, digest_of
from perflab.chunk.languages.branches import is_branch
from perflab.chunk.languages.grammar import Grammar, body_of, definition_of, grammar_of, name_of
from perflab.chunk.splitting.split import parse as parse_bytes
from perflab.errors import ConfigError

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["OPERATIONS", "analyze", "function_of", "index", "parse", "transform"]

Facts = dict[str, Any]

_LEAST_BODY_BYTES = 40
_DOCUMENTED_KINDS = frozenset({"class", "enum", "function", "interface", "method", "namespace", "type"})


def parse(chunk: Chunk) -> Facts:
    """Return the size of a chunk's syntax tree.

    Returns
    -------
    dict
        `language` (None if no grammar cut the file; then all else is 0), `nodes`, `named_nodes`, `depth`, `errors` and
        `missing` (nodes that the parser put in). The part of a definition that was too big for one chunk can show
        errors that the whole file does not have.

    Examples
    --------
    >>> from perflab.chunk import split
    >>> parse(split(b"x = 1\\n", path="m.py")[0])["nodes"]
    6
    """
    facts: Facts = {"language": chunk.language, "nodes": 0, "named_nodes": 0, "depth": 0, "errors": 0, "missing": 0}
    for node, depth, _ in _nodes(chunk):
        facts["nodes"] += 1
        facts["named_nodes"] += node.is_named
        facts["depth"] = max(facts["depth"], depth)
        facts["errors"] += node.is_error
        facts["missing"] += node.is_missing
    return facts


def analyze(chunk: Chunk) -> Facts:
    """Return what a chunk defines and imports, and how involved it is.

    Returns
    -------
    dict
        `symbols`: a list of `name` (qualified), `kind`, `line`, `end_line`, `signature`, `documented`, `complexity`
        (McCabe: 1 + branches, those of inner definitions included) and `body`, the digest of its body whatever its
        spaces are (None below 40 bytes, where equal ones say nothing; see `perflab.chunk.duplicates`);
        `imports`: the import statements; `complexity`: branches of the chunk in all; `judged`: how many definitions can
        be documented; `documented_ratio`: documented ones / those, None without any.

    Examples
    --------
    >>> from perflab.chunk import split
    >>> facts = analyze(split(b"def f(x):\\n    return x if x else 0\\n", path="m.py")[0])
    >>> [(symbol["name"], symbol["signature"], symbol["complexity"]) for symbol in facts["symbols"]]
    [('f', 'def f(x)', 2)]
    """
    symbols: list[Facts] = []
    imports: list[str] = []
    branches = 0
    open_symbols: list[tuple[int, Facts]] = []
    for node, _, source in _nodes(chunk):
        while open_symbols and node.start_byte >= open_symbols[-1][0]:
            open_symbols.pop()
        if node.type in source.grammar.imports:
            imports.append(_text(source.data[node.start_byte : node.end_byte]))
        if (symbol := source.symbol(node)) is not None:
            symbols.append(symbol)
            open_symbols.append((node.end_byte, symbol))
        if is_branch(node):
            branches += 1
            for _, around in open_symbols:
                around["complexity"] += 1
    judged = [symbol["documented"] for symbol in symbols if symbol["kind"] in _DOCUMENTED_KINDS]
    return {
        "symbols": symbols,
        "imports": imports,
        "complexity": branches,
        "judged": len(judged),
        "documented_ratio": sum(judged) / len(judged) if judged else None,
    }


def index(chunk: Chunk) -> dict[str, Facts]:
    """Return where each symbol of a chunk is: qualified name -> `kind`, `line` and the chunk's `digest`.

    A piece from the middle of a long text in quotes is taken for what it looks like, code in it for code.

    Examples
    --------
    >>> from perflab.chunk import split
    >>> sorted(index(split(b"class A:\\n    def f(self): pass\\n", path="m.py")[0]))
    ['A', 'A.f']
    """
    found: dict[str, Facts] = {}
    for node, _, source in _nodes(chunk):
        if (symbol := source.symbol(node)) is not None:
            entry = {"kind": symbol["kind"], "line": symbol["line"], "digest": chunk.digest}
            found.setdefault(symbol["name"], entry)
    if chunk.name:  # the head of a definition may be too little of it to parse as one
        found.setdefault(chunk.name, {"kind": chunk.kind, "line": 1, "digest": chunk.digest})
    return found


def transform(function: Callable[[Chunk], bytes | str | None]) -> Callable[[Chunk], bytes]:
    """Return an operation that replaces each chunk by what a function makes of it; None leaves it as it is.

    Processed with an `output`, the file is written anew, and only changed chunks are transformed again.

    Examples
    --------
    >>> from perflab.chunk import split
    >>> shout = transform(lambda chunk: chunk.data.upper() if chunk.kind == "heading" else None)
    >>> b"".join(map(shout, split(b"# one\\n\\n# two\\n", path="a.md")))
    b'# ONE\\n\\n# TWO\\n'
    """
    return functools.partial(_transformed, function)


def _transformed(function: Callable[[Chunk], bytes | str | None], chunk: Chunk) -> bytes:
    made = function(chunk)
    if made is None:
        return chunk.data
    return made.encode("utf-8", "surrogateescape") if isinstance(made, str) else made


OPERATIONS: Mapping[str, Callable[[Chunk], Any]] = {"parse": parse, "analyze": analyze, "index": index}


def function_of(
    operation: str | Callable[[Chunk], Any], function: Callable[[Chunk], bytes | str | None] | None = None
) -> Callable[[Chunk], Any]:
    """Return the function of a chunk that an operation's name, or a callable, stands for.

    Raises
    ------
    ConfigError
        If there is no such operation, or `transform` has no function, or another one has.
    """
    if (operation == "transform") != (function is not None):
        raise ConfigError(f"operation is {operation!r} and function {function!r}; 'transform' needs one, others do not")
    if function is not None:
        return transform(function)
    if callable(operation):
        return operation
    if operation not in OPERATIONS:
        known = ", ".join([*OPERATIONS, "transform"])
        raise ConfigError(f"{operation!r} is no operation; use {known}, or a function of a chunk.")
    return OPERATIONS[operation]


class _Source:
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
            return _text(self._first_line(definition))
        end = last.start_byte if last.type in (":", "=>") else last.end_byte
        return _text(self.data[definition.start_byte : end])

    def _first_line(self, definition: Node) -> bytes:
        return self.data[definition.start_byte : definition.end_byte].split(b"\n", 1)[0]

    def _documented(self, node: Node, definition: Node) -> bool:
        if self.grammar.name == "python":
            body = body_of(definition)
            first = body.named_child(0) if body is not None and body.named_child_count else None
            return first is not None and _is_text(first)
        before = node.prev_sibling
        return before is not None and before.type in self.grammar.comments


def _nodes(chunk: Chunk) -> Iterator[tuple[Node, int, _Source]]:
    """Yield a chunk's nodes in order of the text with their depth; nothing if no grammar cut its file."""
    if chunk.language is None:
        return
    grammar = grammar_of(chunk.language)
    source = _Source(chunk, grammar)
    tree = parse_bytes(source.data, grammar.load())
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


def _is_text(statement: Node) -> bool:
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


def _text(data: bytes) -> str:
    return " ".join(data.decode("utf-8", "replace").split())
