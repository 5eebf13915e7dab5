"""Perflab's own functions of one chunk: `parse`, `analyze`, `index`, and `transform` around one of yours.

In: a chunk. Out: JSON-able facts about it. Lines in them count from 1 at the chunk's own first line, so that a chunk
that moved within its file keeps its facts; add `chunk.start_line - 1` for lines of the file.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from perflab.chunk.chunk import Chunk
from perflab.chunk.languages.branches import is_branch
from perflab.chunk.operations.parsed import Facts, line_of, nodes_of
from perflab.errors import ConfigError

__all__ = ["OPERATIONS", "analyze", "function_of", "index", "parse", "transform"]

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
    for node, depth, _ in nodes_of(chunk):
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
    for node, _, source in nodes_of(chunk):
        while open_symbols and node.start_byte >= open_symbols[-1][0]:
            open_symbols.pop()
        if node.type in source.grammar.imports:
            imports.append(line_of(source.data[node.start_byte : node.end_byte]))
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
    for node, _, source in nodes_of(chunk):
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
