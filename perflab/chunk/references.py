"""What a chunk refers to outside itself.

In: a chunk. Out: the imports in it and the names that it uses, as its grammar sees them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from perflab.chunk.languages.grammar import definition_of, grammar_of, name_of
from perflab.chunk.languages.parsing import Patience

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

    from perflab.chunk.chunk import Chunk

__all__ = ["References", "references"]

_TIMEOUT_S = 1.0  # some hundred times what a chunk of the usual size takes


class References(NamedTuple):
    """What a chunk refers to, each once and sorted.

    Attributes
    ----------
    imports
        The import statements.
    names
        The identifiers in it, without those of the definitions in it.
    """

    imports: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def references(chunk: Chunk) -> References:
    """Return the imports and names of a chunk; none if no grammar cut its file, or parsing it took too long.

    Examples
    --------
    >>> from perflab.chunk import split
    >>> references(split(b"def f(x):\\n    import os\\n    return os.stat(x)\\n", path="m.py")[0])
    References(imports=('import os',), names=('os', 'stat', 'x'))
    """
    if chunk.language is None:
        return References()
    grammar = grammar_of(chunk.language)
    before, after = grammar.envelope if chunk.kind == "method" else (b"", b"")
    data = before + chunk.data + after
    tree = Patience(_TIMEOUT_S).parse(data, grammar.load())
    if tree is None:
        return References()
    imports: set[str] = set()
    names: set[str] = set()
    defined = {chunk.name.rpartition(grammar.separator)[2]}
    for node in _named(tree):
        if node.type in grammar.imports:
            imports.add(_text(node, data))
        if node.type in grammar.candidates and (found := definition_of(node, grammar)) is not None:
            defined.add(name_of(found[0], data, grammar))
        elif node.type.endswith("identifier") or node.type == "variable_name":
            names.add(_text(node, data))
    return References(tuple(sorted(imports)), tuple(sorted(names - defined - {"_"})))


def _named(tree: Tree) -> Iterator[Node]:
    """Yield the named nodes in order of the text."""
    cursor = tree.walk()
    more = True
    while more:
        node = cursor.node
        if node is not None and node.is_named:
            yield node
        more = cursor.goto_first_child()
        while not more:
            if cursor.goto_next_sibling():
                more = True
            elif not cursor.goto_parent():
                return


def _text(node: Node, data: bytes) -> str:
    return " ".join(data[node.start_byte : node.end_byte].decode("utf-8", "replace").split())
