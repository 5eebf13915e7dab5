"""Facts of a TypeScript, JavaScript or Markdown file, from the definitions that perflab's chunker finds.

In: facts with the sizes filled in, and the file's bytes. Out: the same facts with symbols and imports.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from perflab.workloads.factsheet import FileFacts, Import, Symbol
from perflab.workloads.inert import inert_code, inert_prose

if TYPE_CHECKING:
    from tree_sitter import Node

    from perflab.chunk.languages.grammar import Grammar

__all__ = ["fill"]

_IMPORT = re.compile(
    r"""(?:\b(?:import|export)\s[^'";]*?\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)['"]([^'"\n]+)['"]"""
)
_SUFFIX = re.compile(r"\.(?:d\.ts|tsx?|jsx?|mjs)$")

# What can hold definitions that belong to it.
_HOLDERS = frozenset({"class", "interface", "namespace", "heading"})


def fill(facts: FileFacts, data: bytes) -> FileFacts:
    """Return the facts with the named definitions, and for scripts the modules that they import."""
    try:
        symbols = list(_symbols(facts, data))
    except RecursionError as error:
        return {**facts, "error": inert_prose(f"RecursionError: {error}")}
    modules: list[str] = []
    if facts["language"] != "markdown":
        found = _IMPORT.findall(data.decode("utf-8", "replace"))
        modules = sorted({inert_prose(_absolute(name, facts["path"])) for name in found})
    return {
        **facts,
        "doc": symbols[0]["name"] if symbols and facts["language"] == "markdown" else "",
        "symbols": symbols,
        "imports": [Import(module=module, names=[]) for module in modules],
    }


def _symbols(facts: FileFacts, data: bytes) -> Iterator[Symbol]:
    from perflab.chunk.languages.grammar import grammar_of
    from perflab.chunk.languages.parsing import parse

    grammar = grammar_of(facts["language"])
    tree = parse(data, grammar.load())
    if tree is not None:
        yield from _definitions(tree.root_node, data, grammar, facts["module"], ())


def _definitions(node: Node, data: bytes, grammar: Grammar, module: str, outer: tuple[str, ...]) -> Iterator[Symbol]:
    """Yield the named definitions inside a node, in order, and what belongs to them."""
    from perflab.chunk.languages.grammar import body_of, definition_of, name_of

    for child in node.named_children:
        found = definition_of(child, grammar)
        name = inert_prose(name_of(found[0], data, grammar)) if found else ""
        if found and name:
            definition, kind = found
            names = (*outer, name)
            yield _symbol(child, kind, grammar.separator.join(names), names, module, _parameters(definition, data))
            if kind in _HOLDERS:
                yield from _definitions(body_of(definition) or definition, data, grammar, module, names)


def _symbol(node: Node, kind: str, name: str, names: tuple[str, ...], module: str, parameters: str) -> Symbol:
    first, last = node.start_point[0], node.end_point[0]
    return Symbol(
        name=name,
        kind=kind,
        signature=inert_code(f"{module}.{name}{parameters}"),
        doc="",
        line=first + 1,
        lines=last - first + 1,
        complexity=0,
        public=kind != "heading" and not any(part.startswith(("_", "#")) for part in names),
    )


def _parameters(definition: Node, data: bytes) -> str:
    node = definition.child_by_field_name("parameters")
    return "" if node is None else data[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _absolute(name: str, path: str) -> str:
    """Return the dotted module of a relative import; a package's name is left as it is."""
    if not name.startswith("."):
        return name
    joined = _SUFFIX.sub("", posixpath.normpath(posixpath.join(posixpath.dirname(path), name)))
    return joined.removesuffix("/index").replace("/", ".").lstrip(".")
